"""Mask R-CNN R-50 FPN on one photograph at 800 px: vovdet and torchvision in turns, same random weights, same run.

    python3 benches/mask_rcnn_beside_torchvision.py target/release/vovdet [IMAGE]

Needs torch and torchvision 0.26. Prints the median of each side's warm runs in milliseconds, and their ratio.
"""
import json
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from PIL import Image
from torchvision.models.detection import maskrcnn_resnet50_fpn

ROUNDS, RUNS = 2, 4


def ours(program, image, weights):
    command = [program, "detect", *[image] * RUNS, "--model", "mask_rcnn_resnet50_fpn", "--weights", weights]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line)["times_ms"]["total"] for line in lines[1:]]


def theirs(model, image):
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        pixels = np.asarray(Image.open(image).convert("RGB")).copy()
        with torch.inference_mode():
            model([torch.from_numpy(pixels).permute(2, 0, 1).float() / 255])
        times.append((time.perf_counter() - start) * 1e3)
    return times[1:]


def main():
    program, image = sys.argv[1], (sys.argv[2:] or ["tests/fixtures/chelsea.png"])[0]
    torch.manual_seed(0)
    model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None).eval()
    # Frozen norms keep only what inference uses; a body built for training also counts its batches.
    state = {k: v for k, v in model.state_dict().items() if "num_batches_tracked" not in k}
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        torch.save(state, file.name)
        a, b = [], []
        for _ in range(ROUNDS):
            a += ours(program, image, file.name)
            b += theirs(model, image)
    a, b = statistics.median(a), statistics.median(b)
    print(f"vovdet {a:.0f} ms, torchvision {b:.0f} ms, ratio {b / a:.2f}")


main()
