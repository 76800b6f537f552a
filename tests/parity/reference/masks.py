"""How the 28x28 mask of a box becomes pixels of the image."""
import numpy as np
import torch
from torch.nn import functional as F


def benchmark_paste(mask, box, height, width):
    """Padded by 1, box widened by 30/28 and cut to whole numbers, bilinear to (h + 1, w + 1), > 0.5."""
    mask = F.pad(mask[None, None], (1, 1, 1, 1))
    scale = mask.shape[-1] / (mask.shape[-1] - 2)
    half = (box[2:] - box[:2]) * 0.5 * scale
    centre = (box[2:] + box[:2]) * 0.5
    x1, y1, x2, y2 = torch.cat([centre - half, centre + half]).to(torch.int32).tolist()
    w, h = max(x2 - x1 + 1, 1), max(y2 - y1 + 1, 1)
    pixels = F.interpolate(mask, size=(h, w), mode="bilinear", align_corners=False)[0, 0] > 0.5
    out = np.zeros((height, width), bool)
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2 + 1, width), min(y2 + 1, height)
    if right > left and bottom > top:
        out[top:bottom, left:right] = pixels[top - y1:bottom - y1, left - x1:right - x1].numpy()
    return out


def detectron2_paste(mask, box, height, width):
    """Every pixel centre looked up in the mask, bilinear with zeros outside, >= 0.5."""
    x = (torch.arange(width) + 0.5 - box[0]) / (box[2] - box[0]) * 2 - 1
    y = (torch.arange(height) + 0.5 - box[1]) / (box[3] - box[1]) * 2 - 1
    grid = torch.stack([x[None, :].expand(height, width), y[:, None].expand(height, width)], -1)
    return (F.grid_sample(mask[None, None], grid[None], align_corners=False)[0, 0] >= 0.5).numpy()
