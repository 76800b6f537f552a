"""The three normalisations of the reference networks, by name.

"frozen" is BatchNorm as a constant affine map; maskrcnn-benchmark's has no epsilon at all, detectron2's has 1e-5.
"""
import torch
from torch import nn


class Frozen(nn.Module):
    def __init__(self, channels, eps):
        super().__init__()
        self.eps = eps
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.ones(channels))

    def forward(self, x):
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]


def norm(kind, channels):
    """`kind`: "batch", "group" (32 groups), "frozen" (eps 1e-5) or "frozen without eps"."""
    return {
        "batch": lambda: nn.BatchNorm2d(channels),
        "group": lambda: nn.GroupNorm(32, channels),
        "frozen": lambda: Frozen(channels, 1e-5),
        "frozen without eps": lambda: Frozen(channels, 0.0),
    }[kind]()
