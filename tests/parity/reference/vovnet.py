"""VoVNet V1 and V2, PyTorch form, with the keys of VoVNet.pytorch, VoVNet-Detectron and vovnet-detectron2."""
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from .norms import norm

V1, SLIM = ((128, 160, 192, 224), (256, 512, 768, 1024)), ((64, 80, 96, 112), (128, 256, 384, 512))
SLIM_V2 = ((64, 80, 96, 112), (112, 256, 384, 512))
# our name: (widths inside and out of the stages, modules per stage, 3x3 convolutions per module, eSE, depthwise)
VARIANTS = {
    "vovnet27_slim": (SLIM, (1, 1, 1, 1), 5, False, False),
    "vovnet39": (V1, (1, 1, 2, 2), 5, False, False),
    "vovnet57": (V1, (1, 1, 4, 3), 5, False, False),
    "vovnet75": (V1, (1, 2, 6, 3), 5, False, False),
    "vovnet93": (V1, (1, 3, 8, 3), 5, False, False),
    "vovnet19_slim_dw_ese": (SLIM_V2, (1, 1, 1, 1), 3, True, True),
    "vovnet19_dw_ese": (V1, (1, 1, 1, 1), 3, True, True),
    "vovnet19_slim_ese": (SLIM_V2, (1, 1, 1, 1), 3, True, False),
    "vovnet19_ese": (V1, (1, 1, 1, 1), 3, True, False),
    "vovnet39_ese": (V1, (1, 1, 2, 2), 5, True, False),
    "vovnet57_ese": (V1, (1, 1, 4, 3), 5, True, False),
    "vovnet99_ese": (V1, (1, 3, 9, 3), 5, True, False),
}


def conv_unit(name, fan_in, width, kind, kernel=3, stride=1):
    """Convolution, norm, ReLU: the entries of a Sequential."""
    conv = nn.Conv2d(fan_in, width, kernel, stride, kernel // 2, bias=False)
    return [(f"{name}/conv", conv), (f"{name}/norm", norm(kind, width)), (f"{name}/relu", nn.ReLU())]


def depthwise_unit(name, fan_in, width, kind, stride=1):
    """Depthwise 3x3, pointwise 1x1 with nothing between them, norm, ReLU."""
    return [
        (f"{name}/dw_conv3x3", nn.Conv2d(fan_in, fan_in, 3, stride, 1, groups=fan_in, bias=False)),
        (f"{name}/pw_conv1x1", nn.Conv2d(fan_in, width, 1, bias=False)),
        (f"{name}/pw_norm", norm(kind, width)),
        (f"{name}/pw_relu", nn.ReLU()),
    ]


class Ese(nn.Module):
    """Effective squeeze and excitation: one 1x1 convolution on the global mean, hard sigmoid."""

    def __init__(self, channels):
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * (F.relu6(self.fc(x.mean((2, 3), keepdim=True)) + 3) / 6)


class Osa(nn.Module):
    """One-shot aggregation: a chain of 3x3 convolutions, all of whose results are concatenated once."""

    def __init__(self, name, fan_in, width, out, layers, kind, ese, depthwise, identity):
        super().__init__()
        self.identity, self.conv_reduction, self.ese = identity, None, None
        chain = fan_in
        if depthwise and fan_in != width:
            unit = conv_unit(f"{name}_reduction_0", fan_in, width, kind, kernel=1)
            self.conv_reduction, chain = nn.Sequential(OrderedDict(unit)), width
        self.layers = nn.ModuleList()
        for i in range(layers):
            unit = (depthwise_unit if depthwise else conv_unit)(f"{name}_{i}", chain, width, kind)
            self.layers.append(nn.Sequential(OrderedDict(unit)))
            chain = width
        unit = conv_unit(f"{name}_concat", fan_in + layers * width, out, kind, kernel=1)
        self.concat = nn.Sequential(OrderedDict(unit))
        if ese:
            self.ese = Ese(out)

    def forward(self, x):
        results, y = [x], x
        if self.conv_reduction is not None:
            y = self.conv_reduction(y)
        for layer in self.layers:
            y = layer(y)
            results.append(y)
        y = self.concat(torch.cat(results, 1))
        if self.ese is not None:
            y = self.ese(y)
        return y + x if self.identity else y


class VoVNet(nn.Module):
    """`features` gives stem and stages 2 to 5 by name; `classes` adds the classifier of VoVNet.pytorch."""

    def __init__(self, name, kind="batch", classes=None):
        super().__init__()
        (widths, outs), modules, layers, ese, depthwise = VARIANTS[name]
        self.widths = outs
        last = 64 if depthwise else 128
        unit = depthwise_unit if depthwise else conv_unit
        self.stem = nn.Sequential(OrderedDict(
            conv_unit("stem_1", 3, 64, kind, stride=2) + unit("stem_2", 64, 64, kind)
            + unit("stem_3", 64, last, kind, stride=2)
        ))
        for stage, width, out, count in zip(range(2, 6), widths, outs, modules):
            parts = [] if stage == 2 else [("Pooling", nn.MaxPool2d(3, 2, ceil_mode=True))]
            for i in range(1, count + 1):
                osa = f"OSA{stage}_{i}"
                parts.append((osa, Osa(osa, last, width, out, layers, kind, ese, depthwise, identity=i > 1)))
                last = out
            self.add_module(f"stage{stage}", nn.Sequential(OrderedDict(parts)))
        if classes:
            self.classifier = nn.Linear(last, classes)

    def features(self, x):
        maps = {"stem": self.stem(x)}
        x = maps["stem"]
        for stage in range(2, 6):
            x = maps[f"stage{stage}"] = getattr(self, f"stage{stage}")(x)
        if hasattr(self, "classifier"):
            maps["logits"] = self.classifier(x.mean((2, 3)))
        return maps

    def forward(self, x):
        return [x for name, x in self.features(x).items() if name.startswith("stage")]
