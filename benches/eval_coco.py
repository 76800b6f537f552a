"""Box AP of 139,518 detections on 5,000 images: vovdet beside hotcoco's Python package and pycocotools, as processes.

    python benches/eval_coco.py target/release/vovdet [--runs 5] [--no-pycocotools]

The data are made here, like COCO val2017 in number and size. Each runner is a process of its own, from its start to its
figures; the table has the median time and the largest memory, and says whether the twelve figures are the same.
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

IMAGES, OBJECTS, DETECTIONS = 5000, 36_781, 139_518
UNUSED = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
CATEGORIES = [i for i in range(1, 91) if i not in UNUSED]
RARITY = [1 / (k + 1) for k in range(len(CATEGORIES))]

PYTHON = """
import json, sys
from {package} import COCO, COCOeval
truth = COCO(sys.argv[1])
found = truth.{load}(sys.argv[2])
run = COCOeval(truth, found, "bbox")
run.evaluate(); run.accumulate(); run.summarize()
print("figures", json.dumps([float(v) for v in run.stats]))
"""
PYCOCOTOOLS = PYTHON.replace(
    "from {package} import COCO, COCOeval",
    "from pycocotools.coco import COCO\nfrom pycocotools.cocoeval import COCOeval",
)


def make(folder):
    """Ground truth, and detections of which half are moved objects and half are anywhere."""
    r = random.Random(0)
    images = [{"id": 7 * i + 1, "file_name": f"{i:012d}.jpg", "width": 640, "height": 480} for i in range(IMAGES)]
    category = lambda: r.choices(CATEGORIES, RARITY)[0]
    objects = []
    for n in range(OBJECTS):
        side, shape = min(460, 2.718**r.gauss(4, 1)), 2.718**r.gauss(0, 0.4)
        w, h = min(639, side * shape), min(479, side / shape)
        box = [round(v, 2) for v in (r.uniform(0, 640 - w), r.uniform(0, 480 - h), w, h)]
        objects.append(
            {
                "id": n + 1,
                "image_id": r.choice(images)["id"],
                "category_id": category(),
                "bbox": box,
                "area": round(box[2] * box[3] * r.uniform(0.4, 1), 4),
                "iscrowd": int(r.random() < 0.012),
            }
        )
    found = []
    for _ in range(DETECTIONS):
        if r.random() < 0.5:
            like, off = r.choice(objects), r.choice([0.02, 0.05, 0.1, 0.2])
            x, y, w, h = like["bbox"]
            box = [x + r.gauss(0, off) * w, y + r.gauss(0, off) * h, w * 2.718 ** r.gauss(0, off), h]
            image, score = like["image_id"], r.betavariate(4, 2)
            label = like["category_id"] if r.random() < 0.85 else category()
        else:
            w, h = r.uniform(4, 300), r.uniform(4, 300)
            box = [r.uniform(0, 640 - w), r.uniform(0, 480 - h), w, h]
            image, score, label = r.choice(images)["id"], r.betavariate(1, 5), category()
        box = [round(v, 2) for v in box]
        found.append({"image_id": image, "category_id": label, "bbox": box, "score": round(score, 5)})
    categories = [{"id": c, "name": f"class {c}"} for c in CATEGORIES]
    paths = os.path.join(folder, "instances.json"), os.path.join(folder, "detections.json")
    for path, content in zip(paths, ({"images": images, "annotations": objects, "categories": categories}, found)):
        with open(path, "w") as file:
            json.dump(content, file)
    return paths


def measure(command):
    """Seconds, megabytes and standard output of one process."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"{command[0]} failed")
    return seconds, usage.ru_maxrss / 1024, out


def figures(out):
    line = next((line for line in out.splitlines() if line.startswith("figures ")), None)
    return json.loads(line[8:]) if line else json.loads(out)["bbox"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program")
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--no-pycocotools", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        truth, found = make(folder)
        ours = [options.program, "eval", "coco", "--iou", "bbox", "--json"]
        hotcoco = PYTHON.format(package="hotcoco", load="loadRes")
        runners = {
            "vovdet": (ours + ["--annotations", truth, "--detections", found], options.runs),
            "hotcoco (Python)": ([sys.executable, "-c", hotcoco, truth, found], options.runs),
        }
        if not options.no_pycocotools:
            runners["pycocotools"] = ([sys.executable, "-c", PYCOCOTOOLS.format(load="loadRes"), truth, found], 1)
        base, same = None, None
        print(f"{'':18} {'seconds':>8} {'ratio':>7} {'MB':>6}  figures")
        for name, (command, runs) in runners.items():
            measured = [measure(command) for _ in range(runs)]
            seconds, memory = statistics.median(m[0] for m in measured), max(m[1] for m in measured)
            result = figures(measured[0][2])
            base, same = base or seconds, same or result
            verdict = "the same" if result == same else "DIFFER"
            print(f"{name:18} {seconds:8.3f} {seconds / base:6.1f}x {memory:6.0f}  {verdict}")


if __name__ == "__main__":
    main()
