"""ResNet-50 and -101 as maskrcnn-benchmark and detectron2 name and stride them (torchvision's is torchvision's own).

With frozen norms both take the stride on the first 1x1 convolution (MSRA weights); with GroupNorm on the 3x3.
"""
from collections import OrderedDict

from torch import nn
from torch.nn import functional as F

from .norms import norm

DEPTHS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}


class Block(nn.Module):
    def __init__(self, add_unit, fan_in, width, stride, stride_in_1x1):
        super().__init__()
        first, second = (stride, 1) if stride_in_1x1 else (1, stride)
        self.units = [
            add_unit(self, "1", fan_in, width, 1, first),
            add_unit(self, "2", width, width, 3, second),
            add_unit(self, "3", width, 4 * width, 1, 1),
        ]
        self.shortcut_unit = add_unit(self, "shortcut", fan_in, 4 * width, 1, stride) if fan_in != 4 * width else None

    def forward(self, x):
        y = F.relu(self.units[0](x))
        y = F.relu(self.units[1](y))
        y = self.units[2](y)
        return F.relu(y + (self.shortcut_unit(x) if self.shortcut_unit else x))


class NormedConv(nn.Conv2d):
    """detectron2's Conv2d: the norm is a child of the convolution."""

    def __init__(self, kind, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.norm = norm(kind, self.out_channels)

    def forward(self, x):
        return self.norm(super().forward(x))


def benchmark_unit(kind):
    """Adds conv{i} + bn{i}, or downsample.0 + downsample.1, to a module; returns what applies them."""

    def add(parent, name, fan_in, out, kernel, stride):
        conv = nn.Conv2d(fan_in, out, kernel, stride, kernel // 2, bias=False)
        bn = norm(kind, out)
        if name == "shortcut":
            parent.downsample = nn.Sequential(conv, bn)
        else:
            parent.add_module(f"conv{name}", conv)
            parent.add_module(f"bn{name}", bn)
        return lambda x: bn(conv(x))

    return add


def detectron2_unit(kind):
    """Adds conv{i} with its norm inside, or shortcut, to a module; returns what applies it."""

    def add(parent, name, fan_in, out, kernel, stride):
        conv = NormedConv(kind, fan_in, out, kernel, stride, kernel // 2, bias=False)
        parent.add_module("shortcut" if name == "shortcut" else f"conv{name}", conv)
        return lambda x: conv(x)

    return add


class ResNet(nn.Module):
    """`dialect`: "maskrcnn-benchmark" (stem, layer1..4) or "detectron2" (stem, res2..5)."""

    widths = (256, 512, 1024, 2048)

    def __init__(self, name, kind, dialect):
        super().__init__()
        add_unit = (benchmark_unit if dialect == "maskrcnn-benchmark" else detectron2_unit)(kind)
        self.stage_names = [f"layer{i}" if dialect == "maskrcnn-benchmark" else f"res{i + 1}" for i in range(1, 5)]
        self.stem = nn.Module()
        self.stem_unit = add_unit(self.stem, "1", 3, 64, 7, 2)
        last = 64
        for i, (stage, blocks) in enumerate(zip(self.stage_names, DEPTHS[name])):
            parts = OrderedDict()
            for j in range(blocks):
                stride = 2 if i > 0 and j == 0 else 1
                parts[str(j)] = Block(add_unit, last, 64 << i, stride, stride_in_1x1=kind != "group")
                last = 256 << i
            self.add_module(stage, nn.Sequential(parts))

    def features(self, x):
        x = F.max_pool2d(F.relu(self.stem_unit(x)), 3, 2, 1)
        maps = {"stem": x}
        for i, stage in enumerate(self.stage_names):
            x = maps[f"stage{i + 2}"] = getattr(self, stage)(x)
        return maps

    def forward(self, x):
        return list(self.features(x).values())[1:]
