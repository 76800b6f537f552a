"""Boxes as the two dialects count them: `one` is 1 where a box holds its last pixel (maskrcnn-benchmark), else 0."""
import math

import numpy as np
import torch

CLAMP = math.log(1000 / 16)


def decode(deltas, boxes, weights, one):
    """Boxes [N, C, 4] of deltas [N, C, 4] relative to boxes [N, 4]."""
    size = boxes[:, 2:] - boxes[:, :2] + one
    centre = boxes[:, :2] + 0.5 * size
    shift = deltas[..., :2] / deltas.new_tensor(weights[:2])
    stretch = (deltas[..., 2:] / deltas.new_tensor(weights[2:])).clamp(max=CLAMP)
    centre = shift * size[:, None] + centre[:, None]
    half = 0.5 * stretch.exp() * size[:, None]
    return torch.cat([centre - half, centre + half - one], -1)


def clip(boxes, height, width, one):
    limit = boxes.new_tensor([width, height, width, height]) - one
    return torch.minimum(boxes.clamp(min=0), limit)


def nms_plus_one(boxes, scores, threshold):
    """maskrcnn-benchmark's CPU rule: +1 areas, suppressed at IoU >= threshold; kept indices in ascending order."""
    boxes, scores = boxes.numpy(), scores.numpy()
    order = np.argsort(-scores, kind="stable")
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1 + 1) * (y2 - y1 + 1)
    alive, kept = np.ones(len(boxes), bool), []
    np.seterr(divide="ignore", invalid="ignore")  # boxes without area
    for i in order:
        if not alive[i]:
            continue
        kept.append(i)
        w = np.maximum(np.minimum(x2[i], x2) - np.maximum(x1[i], x1) + 1, 0)
        h = np.maximum(np.minimum(y2[i], y2) - np.maximum(y1[i], y1) + 1, 0)
        inter = w * h
        alive &= ~(inter / (areas[i] + areas - inter) >= threshold)
        alive[i] = False
    return torch.as_tensor(sorted(kept), dtype=torch.int64)


def benchmark_cell_anchors(stride, size):
    """Rounded at the scale of the stride, half to even, then scaled; centred on (stride - 1) / 2, corners inclusive."""
    centre, rows = (stride - 1) / 2, []
    for ratio in (0.5, 1.0, 2.0):
        w = np.round(np.sqrt(stride * stride / ratio))
        h = np.round(w * ratio)
        w, h = w * size / stride, h * size / stride
        rows.append([centre - (w - 1) / 2, centre - (h - 1) / 2, centre + (w - 1) / 2, centre + (h - 1) / 2])
    return torch.tensor(rows, dtype=torch.float32)


def detectron2_cell_anchors(size):
    """Exact, centred on the origin."""
    rows = []
    for ratio in (0.5, 1.0, 2.0):
        w = math.sqrt(size * size / ratio)
        h = ratio * w
        rows.append([-w / 2, -h / 2, w / 2, h / 2])
    return torch.tensor(rows, dtype=torch.float32)


def grid_anchors(cells, height, width, stride):
    """Anchors of one level in the order row, column, cell."""
    y, x = torch.meshgrid(torch.arange(height) * stride, torch.arange(width) * stride, indexing="ij")
    shifts = torch.stack([x, y, x, y], -1).reshape(-1, 1, 4).float()
    return (shifts + cells).reshape(-1, 4)


def flatten_level(x, per_anchor):
    """[1, A * C, H, W] to [H * W * A, C]."""
    _, channels, h, w = x.shape
    return x.view(channels // per_anchor, per_anchor, h, w).permute(2, 3, 0, 1).reshape(-1, per_anchor)
