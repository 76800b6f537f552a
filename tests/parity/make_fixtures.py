"""Writes the compact end-to-end fixtures of detectors/tests/mask_rcnn.rs from the reference of this folder.

    python tests/parity/make_fixtures.py [FOLDER, default tests/fixtures]

Each is a JSON file (keys, shapes, factors, masks) and a safetensors file with samples: every K-th element of a map.
"""
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision
from compare_detectors import build, stages_within
from PIL import Image
from pycocotools import mask as coco_mask
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = 1500
FIXTURES = {
    "maskrcnn_mb_V_39_FPN": ("maskrcnn-benchmark", "vovnet39", {}),
    "maskrcnn_mb_V_39_FPN_gn": ("maskrcnn-benchmark", "vovnet39", {"group_norm": True}),
    "fasterrcnn_d2_V_19_dw_FPNLite": ("detectron2", "vovnet19_dw_ese", {"masks": False, "width": 128}),
}
NOTES = {
    "maskrcnn-benchmark": [
        "anchors are not in state_dict here: the usual rounded ones, in real files rpn.anchor_generator.cell_anchors.*",
        "a frozen norm has no epsilon here; with 1e-5 the stages differ by 2e-5 to 1e-4 of the largest value",
        "labels 1..80, background is class 0; detections are ordered by class",
    ],
    "detectron2": ["labels 0..79, background is the last logit; the frozen norm has epsilon 1e-5"],
}


def sample(name, tensor, tensors, about):
    every = max(1, tensor.numel() // SAMPLES)
    # An odd step visits all columns of a map.
    every += every > 1 and every % 2 == 0
    stored = name if every == 1 else f"{name}.every{every}"
    tensors[stored] = tensor.flatten()[::every].clone() if every > 1 else tensor.contiguous()
    about[name] = {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch."), "stored_as": stored}
    about[name] |= {"every": every} if every > 1 else {}


def make(name, folder):
    dialect, backbone, shape = FIXTURES[name]
    path = ROOT / "tests/fixtures/chelsea.png"
    image = Image.open(path).convert("RGB")
    factors = {}
    model = build(dialect, backbone, image, factors=factors, **shape)
    raw = model.raw(*model.input(image))
    boxes, scores, labels, masks = model.detect(image, raw)
    if dialect == "detectron2":
        labels = labels - 1
    tensors, about = {}, {}
    skip = ("box_", "boxes", "scores", "labels", "masks", "proposals")
    for point, tensor in raw.items():
        if not point.startswith(skip):
            sample(point, tensor, tensors, about)
    for point, tensor in (("final.boxes", boxes), ("final.scores", scores), ("final.labels", labels)):
        tensors[point] = tensor.contiguous()
        about[point] = {"shape": list(tensor.shape), "stored_as": point}
    state = [[k, list(v.shape), "float32"] for k, v in model.state_dict().items() if "cell_anchors" not in k]
    rles = []
    for mask in masks or []:
        rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        rles.append({"size": rle["size"], "counts": rle["counts"].decode(), "area": int(mask.sum())})
    pixels = np.asarray(image)
    about = {
        "name": name,
        "weights": "procedural",
        "rule": json.loads((ROOT / "tests/fixtures/procedural.json").read_text())["rule"],
        "made_by": "tests/parity/make_fixtures.py",
        "torch": torch.__version__.split("+")[0],
        "torchvision": torchvision.__version__.split("+")[0],
        "source": f"tests/parity/reference, {dialect}",
        "factors": factors,
        "image": {
            "file": path.name, "sha256_rgb": hashlib.sha256(pixels.tobytes()).hexdigest(), "hwc": list(pixels.shape)
        },
        "notes": NOTES[dialect],
        "stages_within": stages_within(dialect, shape),
        "state_dict": state,
        "masks_rle": rles,
        "tensors": about,
    }
    save_file(tensors, folder / f"{name}.safetensors", {"name": name})
    (folder / f"{name}.json").write_text(json.dumps(about) + "\n")
    print(name, f"{len(scores)} detections, scores {scores.min():.3f} to {scores.max():.3f}", flush=True)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/fixtures"
    for name in FIXTURES:
        make(name, folder)
