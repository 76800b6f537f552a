"""PeleeNet (arXiv 1804.06882) with the keys of its PyTorch reference, body only; pools round down as there."""
import torch
from torch import nn
from torch.nn import functional as F

GROWTH, STEM = 32, 32
# layers of a stage, and the width of the 1x1 convolutions in them
STAGES = ((3, 16), (4, 32), (8, 64), (6, 64))


class Unit(nn.Module):
    """Convolution without a bias, norm, ReLU."""

    def __init__(self, fan_in, out, kernel, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(fan_in, out, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Stem(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem1 = Unit(3, STEM, 3, 2)
        self.stem2a = Unit(STEM, STEM // 2, 1)
        self.stem2b = Unit(STEM // 2, STEM, 3, 2)
        self.stem3 = Unit(2 * STEM, STEM, 1)

    def forward(self, x):
        x = self.stem1(x)
        return self.stem3(torch.cat([F.max_pool2d(x, 2, 2), self.stem2b(self.stem2a(x))], 1))


class TwoWay(nn.Module):
    """Input, a 3x3 behind a 1x1, and two of them behind another, side by side."""

    def __init__(self, fan_in, width):
        super().__init__()
        half = GROWTH // 2
        self.branch1a, self.branch1b = Unit(fan_in, width, 1), Unit(width, half, 3)
        self.branch2a, self.branch2b, self.branch2c = Unit(fan_in, width, 1), Unit(width, half, 3), Unit(half, half, 3)

    def forward(self, x):
        return torch.cat([x, self.branch1b(self.branch1a(x)), self.branch2c(self.branch2b(self.branch2a(x)))], 1)


class PeleeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("stemblock", Stem())
        channels = STEM
        for stage, (count, width) in enumerate(STAGES, 1):
            block = nn.Sequential()
            for i in range(1, count + 1):
                block.add_module(f"denselayer{i}", TwoWay(channels, width))
                channels += GROWTH
            self.features.add_module(f"denseblock{stage}", block)
            self.features.add_module(f"transition{stage}", Unit(channels, channels, 1))

    def maps(self, x):
        """Stem, and the transitions before they are pooled."""
        x = self.features.stemblock(x)
        maps = {"stem": x}
        for stage in range(1, 5):
            if stage > 1:
                x = F.avg_pool2d(x, 2, 2)
            x = getattr(self.features, f"denseblock{stage}")(x)
            x = maps[f"stage{stage + 1}"] = getattr(self.features, f"transition{stage}")(x)
        return maps
