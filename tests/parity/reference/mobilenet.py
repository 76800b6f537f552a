"""MobileNet V1 (arXiv 1704.04861), width 1, with ReLU as MobileNet-SSD has it; body only.

Its public files have no common keys, so these are ours: `features.conv{i}.dw|pw.conv|norm`.
"""
from torch import nn
from torch.nn import functional as F

# outputs and strides of the thirteen blocks
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
# blocks behind which a stride ends
ENDS = {3: "stage2", 5: "stage3", 11: "stage4", 13: "stage5"}


class Unit(nn.Module):
    """Convolution without a bias, norm, ReLU."""

    def __init__(self, fan_in, out, kernel, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(fan_in, out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.ModuleDict({"conv0": Unit(3, 32, 3, 2)})
        last = 32
        for i, (out, stride) in enumerate(BLOCKS, 1):
            depthwise, pointwise = Unit(last, last, 3, stride, groups=last), Unit(last, out, 1)
            self.features[f"conv{i}"] = nn.ModuleDict({"dw": depthwise, "pw": pointwise})
            last = out

    def maps(self, x):
        x = self.features["conv0"](x)
        maps = {"stem": x}
        for i in range(1, len(BLOCKS) + 1):
            block = self.features[f"conv{i}"]
            x = block["pw"](block["dw"](x))
            if i in ENDS:
                maps[ENDS[i]] = x
        return maps
