"""`vovdet eval compare` against a bootstrap that really copies images: every interval of every figure and class.

    python tests/compare_against_numpy.py target/release/vovdet [--seeds 10] [--samples 40] [--store tests/fixtures/eval/compare]

Needs pycocotools and numpy. Each seed is a small COCO data set with boxes and masks and a small VOC data set, and two lists
of detections for each. The draws are made again here (SplitMix64; evaluation/src/metrics/compare/bootstrap.rs says how). A
replicate is a new data set in which an image that was drawn twice is there twice, with new ids, its objects and its
detections too; pycocotools, and for VOC a matcher in numpy, score A and B on it from nothing. numpy.quantile of the
differences is the interval.

Scores do not tie here except between the copies of an image, which lie next to each other in the order of ids; so both
sides take detections in the same order, and agree but for the last bits of sums.
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
from eval_against_pycocotools import loaded
from pycocotools.cocoeval import COCOeval

NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
WORD = (1 << 64) - 1
TOLERANCE = 1e-12


def split_mix(seed):
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & WORD
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
        yield z ^ (z >> 31)


def draws(seed, samples, images):
    """Per replicate: how often each image is drawn."""
    numbers = split_mix(seed)
    for _ in range(samples):
        counts = [0] * images
        for _ in range(images):
            counts[(next(numbers) * images) >> 64] += 1
        yield counts


# COCO


def square(box):
    x, y, w, h = box
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def coco_data(r):
    width, height = 220, 200
    categories = [{"id": i, "name": f"class {i}"} for i in sorted(r.sample(range(1, 91), r.randint(1, 5)))]
    images = [{"id": i, "file_name": f"{i}.jpg", "width": width, "height": height}
              for i in r.sample(range(1, 10**6), r.randint(2, 14))]
    with_masks = r.random() < 0.5
    objects, found = [], ([], [])
    for image in images:
        for _ in range(r.choice([0, 1, 3, 6])):
            side = r.choice([12, 40, 110])
            box = [r.uniform(0, width - side), r.uniform(0, height - side), side * r.uniform(0.7, 1), side * r.uniform(0.7, 1)]
            box = [round(v, 2) for v in box]
            objects.append({"id": len(objects) + 1, "image_id": image["id"], "category_id": r.choice(categories)["id"],
                            "bbox": box, "area": box[2] * box[3], "iscrowd": int(r.random() < 0.1),
                            "segmentation": square(box)})
        near = [o for o in objects if o["image_id"] == image["id"]]
        for list_, shift in zip(found, (2, 4)):
            for _ in range(r.choice([0, 3, 15, 15])):
                if near and r.random() < 0.7:
                    like = r.choice(near)
                    box = [max(0.5, round(v + r.gauss(0, shift), 2)) for v in like["bbox"]]
                    category = like["category_id"] if r.random() < 0.8 else r.choice(categories)["id"]
                else:
                    box = [round(r.uniform(0, 100), 2) for _ in range(2)] + [round(r.uniform(2, 100), 2) for _ in range(2)]
                    category = r.choice(categories)["id"]
                item = {"image_id": image["id"], "category_id": category, "bbox": box, "score": r.random()}
                if with_masks:
                    item["segmentation"] = square(box)
                list_.append(item)
    return {"images": images, "categories": categories, "annotations": objects}, found


def copied(truth, found, counts):
    """The data set in which the image at place i of the ascending ids is there counts[i] times."""
    ids = sorted(image["id"] for image in truth["images"])
    copies = {id: [1000 * place + copy + 1 for copy in range(n)] for place, (id, n) in enumerate(zip(ids, counts))}
    images = [{**image, "id": new} for image in truth["images"] for new in copies[image["id"]]]
    objects = [{**o, "image_id": new} for o in truth["annotations"] for new in copies[o["image_id"]]]
    for number, item in enumerate(objects, 1):
        item["id"] = number
    results = [{**d, "image_id": new} for d in found for new in copies[d["image_id"]]]
    return {**truth, "images": images, "annotations": objects}, results


def coco_figures(truth, results, kind):
    """Classes and all, 12 figures each; NaN for what nothing can be said about."""
    with contextlib.redirect_stdout(io.StringIO()):
        gt, dt = loaded(truth, results)
        run = COCOeval(gt, dt, kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
        mean = lambda values: np.mean(values[values > -1]) if (values > -1).any() else -1.0
        figures = {"": [float(v) for v in run.stats]}
        for k, id in enumerate(run.params.catIds):
            p, rec = run.eval["precision"][:, :, k], run.eval["recall"][:, k]
            figures[next(c["name"] for c in truth["categories"] if c["id"] == id)] = [
                mean(p[..., 0, 2]), mean(p[0, :, 0, 2]), mean(p[5, :, 0, 2]), mean(p[..., 1, 2]), mean(p[..., 2, 2]),
                mean(p[..., 3, 2]), mean(rec[:, 0, 0]), mean(rec[:, 0, 1]), mean(rec[:, 0, 2]), mean(rec[:, 1, 2]),
                mean(rec[:, 2, 2]), mean(rec[:, 3, 2])]
    return {name: [np.nan if v == -1 else v for v in values] for name, values in figures.items()}


# VOC


def voc_data(r):
    images = [f"{i:06d}" for i in r.sample(range(1, 10**5), r.randint(2, 14))]
    classes = ["car", "cat", "dog"][: r.randint(1, 3)]
    objects, found = [], ([], [])
    for image in images:
        near = []
        for _ in range(r.choice([0, 1, 3, 6])):
            x, y = r.randint(1, 150), r.randint(1, 150)
            near.append((image, r.choice(classes), [x, y, x + r.randint(10, 90), y + r.randint(10, 90)], int(r.random() < 0.2)))
        objects += near
        for list_, shift in zip(found, (3, 6)):
            for _ in range(r.choice([0, 3, 8])):
                if near and r.random() < 0.7:
                    like = r.choice(near)
                    box, name = [round(v + r.gauss(0, shift), 2) for v in like[2]], like[1]
                    box[2:] = [max(box[0] + 1, box[2]), max(box[1] + 1, box[3])]
                else:
                    x, y = r.randint(1, 150), r.randint(1, 150)
                    box, name = [x, y, x + r.randint(10, 90), y + r.randint(10, 90)], r.choice(classes)
                list_.append((image, name, box, r.random()))
    return images, classes, objects, found


def voc_ap(images, objects, found):
    """Average precision in both conventions, NaN without objects; images are (id, copy)."""
    total = sum(not hard for _, _, hard in objects)
    if not total:
        return [np.nan, np.nan]
    order = np.argsort([-score for _, _, score in found], kind="stable")
    taken, right, wrong = set(), [], []
    for image, box, _ in (found[i] for i in order):
        best, which = -np.inf, None
        for index, (other, truth, _) in enumerate(objects):
            if other == image:
                w = max(min(box[2], truth[2]) - max(box[0], truth[0]) + 1, 0)
                h = max(min(box[3], truth[3]) - max(box[1], truth[1]) + 1, 0)
                size = lambda b: (b[2] - b[0] + 1) * (b[3] - b[1] + 1)
                iou = w * h / (size(box) + size(truth) - w * h)
                if iou > best:
                    best, which = iou, index
        hit = best > 0.5
        if hit and objects[which][2]:
            state = (0, 0)
        elif hit and which not in taken:
            taken.add(which)
            state = (1, 0)
        else:
            state = (0, 1)
        right.append(state[0])
        wrong.append(state[1])
    tp, fp = np.cumsum(right), np.cumsum(wrong)
    recall = tp / total
    precision = tp / np.maximum(tp + fp, np.finfo(np.float64).eps)
    eleven = sum(max(precision[recall >= t], default=0) / 11 for t in np.arange(0, 1.1, 0.1))
    mrec, mpre = np.concatenate([[0], recall, [1]]), np.concatenate([[0], precision, [0]])
    mpre = np.maximum.accumulate(mpre[::-1])[::-1]
    steps = np.where(mrec[1:] != mrec[:-1])[0]
    return [float(eleven), float(np.sum((mrec[steps + 1] - mrec[steps]) * mpre[steps + 1]))]


def voc_figures(images, classes, objects, found, counts):
    copies = {image: [(image, copy) for copy in range(n)] for image, n in zip(images, counts)}
    figures = {}
    for name in classes:
        truth = [(new, box, hard) for image, own, box, hard in objects if own == name for new in copies[image]]
        mine = [(new, box, score) for image, own, box, score in found if own == name for new in copies[image]]
        figures[name] = voc_ap(images, truth, mine)
    known = np.array([values for values in figures.values() if not np.isnan(values[0])])
    figures[""] = list(known.mean(axis=0)) if len(known) else [np.nan, np.nan]
    return figures


def write_voc(folder, images, classes, objects, found):
    root = folder / "VOC"
    for name in ("Annotations", "ImageSets/Main"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for old in (root / "Annotations").iterdir():
        old.unlink()
    for image in images:
        text = "".join(
            f"<object><name>{name}</name><difficult>{hard}</difficult><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin>"
            f"<xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
            for own, name, b, hard in objects if own == image)
        (root / "Annotations" / f"{image}.xml").write_text(f"<annotation>{text}</annotation>")
    (root / "ImageSets/Main/test.txt").write_text("\n".join(images) + "\n")
    for letter, list_ in zip("ab", found):
        (folder / letter).mkdir(exist_ok=True)
        for old in (folder / letter).iterdir():
            old.unlink()
        for name in classes:
            lines = [f"{image} {score} {' '.join(map(str, box))}\n" for image, own, box, score in list_ if own == name]
            (folder / letter / f"comp4_det_test_{name}.txt").write_text("".join(lines))
    return root


# Both


def intervals(figures, confidence):
    """Of replicates' (A, B): {class: [(low, high, better, samples) or None of each figure]}."""
    result = {}
    for name in figures[0][0]:
        deltas = np.array([b[name] for _, b in figures]) - np.array([a[name] for a, _ in figures])
        rows = []
        for column in deltas.T:
            column = column[~np.isnan(column)]
            if not len(column):
                rows.append(None)
                continue
            low, high = np.quantile(column, [(1 - confidence) / 2, (1 + confidence) / 2])
            better = (np.sum(column > TOLERANCE) + np.sum(abs(column) <= TOLERANCE) / 2) / len(column)
            rows.append((float(low), float(high), float(better), len(column)))
        result[name] = rows
    return result


def program(options, *words):
    run = subprocess.run([options.program, "eval", *words], capture_output=True, text=True)
    if run.returncode or "no intervals:" in run.stderr:
        sys.exit(run.stderr)
    return run.stdout


class Check:
    def __init__(self):
        self.figures, self.wrong, self.most = 0, 0, 0.0

    def rows(self, where, ours, names, expected):
        assert [row["figure"] for row in ours] == names, ours
        for row, values in zip(ours, expected):
            self.figures += 1
            if values is None:
                if row["low"] is not None or row["samples"] != 0:
                    self.say(where, row, values)
                continue
            found = [row[key] for key in ("low", "high", "better", "samples")]
            # What cannot be told of all images has no difference to begin with.
            if None in found:
                if row["delta"] is not None:
                    self.say(where, row, values)
                continue
            self.most = max(self.most, *(abs(f - v) for f, v in zip(found[:2], values)))
            if any(abs(f - v) > TOLERANCE for f, v in zip(found, values)):
                self.say(where, row, values)

    def say(self, where, row, values):
        self.wrong += 1
        print(f"{where}: {row}\n  {values}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program")
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--samples", type=int, default=40)
    arguments.add_argument("--store", help="write the cases of this run with their intervals into this folder")
    options = arguments.parse_args()
    check = Check()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for seed in range(options.seeds):
            r = random.Random(seed)
            start, confidence = r.getrandbits(64), r.choice([0.5, 0.9, 0.95])
            more = ["--samples", str(options.samples), "--seed", str(start), "--confidence", str(confidence), "--json"]
            truth, found = coco_data(r)
            (folder / "truth.json").write_text(json.dumps(truth))
            kinds = ["bbox"] + (["segm"] if all(list_ and "segmentation" in list_[0] for list_ in found) else [])
            for letter, list_ in zip("ab", found):
                (folder / f"{letter}.json").write_text(json.dumps(list_))
                out = program(options, "coco", "--annotations", folder / "truth.json", "--detections",
                              folder / f"{letter}.json", "--iou", "both" if len(kinds) == 2 else "bbox", "--json")
                (folder / f"{letter}_eval.json").write_text(out)
            ours = json.loads(program(options, "compare", folder / "a_eval.json", folder / "b_eval.json", *more))
            counts = list(draws(start, options.samples, len(truth["images"])))
            stored = {}
            for kind in kinds:
                replicates = []
                for n in counts:
                    pairs = [copied(truth, list_, n) for list_ in found]
                    replicates.append([coco_figures(*pair, kind) for pair in pairs])
                expected = stored[kind] = intervals(replicates, confidence)
                check.rows(f"seed {seed}, {kind}", ours[kind], NAMES, expected[""])
                for name, rows in expected.items():
                    if name:
                        check.rows(f"seed {seed}, {kind}, {name}", ours["per_class"][name][kind], NAMES, rows)
            asked = {"samples": options.samples, "seed": start, "confidence": confidence}
            case = {**asked, "coco": {"truth": truth, "a": found[0], "b": found[1], "intervals": stored}}

            images, classes, objects, found = voc_data(r)
            root = write_voc(folder, images, classes, objects, found)
            for letter in "ab":
                out = program(options, "voc", "--root", root, "--split", "test", "--detections", folder / letter, "--json")
                (folder / f"{letter}_voc.json").write_text(out)
            ours = json.loads(program(options, "compare", folder / "a_voc.json", folder / "b_voc.json", *more))
            replicates = [[voc_figures(images, classes, objects, list_, n) for list_ in found]
                          for n in draws(start, options.samples, len(images))]
            expected = intervals(replicates, confidence)
            check.rows(f"seed {seed}, voc", ours["voc"], ["map_2007", "map_area"], expected[""])
            for name in classes:
                check.rows(f"seed {seed}, voc, {name}", ours["per_class"][name]["voc"], ["ap_2007", "ap_area"], expected[name])
            if options.store:
                files = {str(file.relative_to(folder)): file.read_text() for file in folder.glob("VOC/**/*.*")}
                files |= {str(file.relative_to(folder)): file.read_text() for file in folder.glob("[ab]/*.txt")}
                case["voc"] = {"files": files, "intervals": {"voc": expected}}
                path = pathlib.Path(options.store) / f"{seed}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(case, separators=(",", ":")))
    print(f"{options.seeds} seeds, {check.figures} figures, {check.wrong} differ; ends differ by at most {check.most:.1e}")
    sys.exit(check.wrong > 0)


if __name__ == "__main__":
    main()
