"""`vovdet eval coco` against pycocotools on random data: every figure, of everything and of each category, bit for bit.

    python tests/eval_against_pycocotools.py target/release/vovdet [--seeds 200] [--store tests/fixtures/eval/random]

Needs pycocotools and numpy. Each seed is a small data set with what makes evaluators differ: crowds, scores that tie,
categories without objects or without detections, images without either, more than 100 detections in an image, areas and
boxes exactly at the limits between sizes, boxes without an area, masks as polygons and as run lengths.
"""

import argparse
import contextlib
import io
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

SIDES = [0, 1, 8, 16, 31.999999, 32, 32.000001, 48, 95.999, 96, 96.001, 120]


def random_box(r, width, height):
    w, h = (r.choice(SIDES) if r.random() < 0.5 else round(r.uniform(0, 110), r.choice([0, 2, 9])) for _ in range(2))
    return [round(r.uniform(0, width), 2), round(r.uniform(0, height), 2), w, h]


def polygon(box):
    x, y, w, h = box
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def run_lengths(r, box, width, height):
    """A compressed mask: the box's ellipse, clipped to the image."""
    x, y, w, h = box
    rows, columns = np.mgrid[0:height, 0:width]
    inside = ((columns - x - w / 2) / max(w, 1) * 2) ** 2 + ((rows - y - h / 2) / max(h, 1) * 2) ** 2 <= 1
    rle = masks.encode(np.asfortranarray(inside.astype(np.uint8)))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def data_set(seed):
    r = random.Random(seed)
    width, height = 160, 140
    categories = [{"id": i, "name": f"class {i}"} for i in sorted(r.sample(range(1, 91), r.randint(1, 6)))]
    images = [{"id": i, "file_name": f"{i}.jpg", "width": width, "height": height}
              for i in r.sample(range(1, 10**6), r.randint(1, 7))]
    with_objects = r.sample(categories, r.randint(1, len(categories)))
    with_masks = r.random() < 0.5
    objects = []
    for image in images:
        for _ in range(r.choice([0, 1, 3, 12])):
            box = random_box(r, width, height)
            crowd = r.random() < 0.15
            area = r.choice([box[2] * box[3], 32**2, 96**2, np.nextafter(32**2, 0), np.nextafter(96**2, 1e9), 0, 1e5])
            item = {"id": len(objects) + 1, "image_id": image["id"], "category_id": r.choice(with_objects)["id"],
                    "bbox": box, "area": float(area), "iscrowd": int(crowd)}
            item["segmentation"] = run_lengths(r, box, width, height) if crowd or r.random() < 0.3 else polygon(box)
            objects.append(item)
    detections = []
    if r.random() < 0.95:
        with_detections = r.sample(categories, r.randint(1, len(categories)))
        scores = [round(r.random(), 2) for _ in range(r.choice([1, 3, 50]))]
        for image in images:
            near = [o for o in objects if o["image_id"] == image["id"]]
            for _ in range(r.choice([0, 2, 15, 15, 130 * len(with_detections)])):
                if near and r.random() < 0.6:
                    box = list(r.choice(near)["bbox"])
                    if r.random() < 0.7:
                        box = [max(0, round(v + r.gauss(0, 3), r.choice([0, 3]))) for v in box]
                else:
                    box = random_box(r, width, height)
                category = r.choice(near)["category_id"] if near and r.random() < 0.5 else r.choice(with_detections)["id"]
                score = r.choice(scores) if r.random() < 0.7 else r.random()
                item = {"image_id": image["id"], "category_id": category, "score": score, "bbox": box}
                if with_masks:
                    item["segmentation"] = run_lengths(r, box, width, height)
                detections.append(item)
        if with_masks and r.random() < 0.5:
            for item in detections:
                del item["bbox"]
    return {"images": images, "categories": categories, "annotations": objects}, detections


def repeat_ids(seed, truth):
    """Gives some annotations the id of another one, as in files that were put together from several."""
    r = random.Random(seed + 10**6)
    objects = truth["annotations"]
    for item in objects:
        if r.random() < 0.4:
            item["id"] = r.choice(objects)["id"]


def loaded(truth, results):
    """Objects and detections as pycocotools holds them."""
    gt = COCO()
    gt.dataset = json.loads(json.dumps(truth))  # pycocotools writes into it.
    gt.createIndex()
    if results:
        dt = gt.loadRes(json.loads(json.dumps(results)))
    else:  # loadRes cannot read an empty list.
        dt = COCO()
        dt.dataset = {**gt.dataset, "annotations": []}
        dt.createIndex()
    return gt, dt


def pycocotools(truth, results, kind):
    with contextlib.redirect_stdout(io.StringIO()):
        gt, dt = loaded(truth, results)
        everything = COCOeval(gt, dt, kind)
        everything.evaluate()
        everything.accumulate()
        everything.summarize()
        each = {}
        for category in truth["categories"]:
            one = COCOeval(gt, dt, kind)
            one.params.catIds = [category["id"]]
            one.evaluate()
            one.accumulate()
            one.summarize()
            each[category["name"]] = [float(v) for v in one.stats]
    return [float(v) for v in everything.stats], each


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program")
    arguments.add_argument("--seeds", type=int, default=200)
    arguments.add_argument("--store", help="write the cases of this run with pycocotools' figures into this folder")
    arguments.add_argument("--repeat-ids", action="store_true", help="annotation ids come more than once; of everything only")
    arguments.add_argument("--from-zero", action="store_true", help="annotation ids begin with 0, which pycocotools never counts as found")
    options = arguments.parse_args()
    wrong = figures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for seed in range(options.seeds):
            truth, results = data_set(seed)
            if options.from_zero:
                random.Random(seed).shuffle(truth["annotations"])
                for index, item in enumerate(truth["annotations"]):
                    item["id"] = index
            if options.repeat_ids:
                repeat_ids(seed, truth)
            (folder / "truth.json").write_text(json.dumps(truth))
            (folder / "results.json").write_text(json.dumps(results))
            kinds = ["bbox"] + (["segm"] if results and "segmentation" in results[0] else [])
            command = [options.program, "eval", "coco", "--annotations", folder / "truth.json", "--detections",
                       folder / "results.json", "--json", "--iou", "both" if len(kinds) == 2 else "bbox"]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                sys.exit(f"seed {seed}: {run.stderr}")
            ours = json.loads(run.stdout)
            expected = {}
            for kind in kinds:
                everything, each = pycocotools(truth, results, kind)
                if options.repeat_ids:  # pycocotools asks a lone category for ids of others, we do not.
                    each = {}
                expected[kind] = {"all": everything, "per_class": each}
                pairs = [("all", ours[kind], everything)]
                pairs += [(name, ours["per_class"][name][kind], values) for name, values in each.items()]
                for name, mine, theirs in pairs:
                    figures += len(theirs)
                    if mine != theirs:
                        wrong += 1
                        print(f"seed {seed}, {kind}, {name}:\n  {mine}\n  {theirs}")
            if options.store:
                case = {"truth": truth, "results": results, "pycocotools": expected}
                path = pathlib.Path(options.store) / f"{seed}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(case, separators=(",", ":")))
    print(f"{options.seeds} seeds, {figures} figures, {wrong} rows differ")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
