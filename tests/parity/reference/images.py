"""From a photograph to the network's input, by the rules of maskrcnn-benchmark and detectron2."""
import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

BENCHMARK_MEAN = (102.9801, 115.9465, 122.7717)
DETECTRON2_MEAN = (103.53, 116.28, 123.675)


def benchmark_size(width, height, short=800, longest=1333):
    """(width, height): the short side exact, the other truncated."""
    small, large = min(width, height), max(width, height)
    if large / small * short > longest:
        short = int(round(longest * small / large))
    if small == short:
        return width, height
    if width < height:
        return short, int(short * height / width)
    return int(short * width / height), short


def detectron2_size(width, height, short=800, longest=1333):
    """(width, height): both sides scaled as floats, rounded at the end."""
    scale = short / min(width, height)
    w, h = (short, scale * height) if width < height else (scale * width, short)
    if max(w, h) > longest:
        scale = longest / max(w, h)
        w, h = w * scale, h * scale
    return int(w + 0.5), int(h + 0.5)


def network_input(image, size, mean):
    """PIL's bilinear on uint8, BGR minus mean, zeros to a multiple of 32: [1, 3, H, W]."""
    rgb = np.asarray(image.convert("RGB").resize(size, Image.BILINEAR))
    x = torch.from_numpy(rgb[:, :, ::-1].copy()).permute(2, 0, 1).float()
    x = x - torch.tensor(mean)[:, None, None]
    height, width = x.shape[1:]
    return F.pad(x, (0, -width % 32, 0, -height % 32))[None]
