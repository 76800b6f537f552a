"""What PyTorch's own backward makes of the reference networks: used by compare_gradients.py and by the script that made
detectors/tests/fixtures/gradients.

Weights, input and the weights of the outputs are procedural (procedural.py), arithmetic is float64. The scalar that is
derived is the sum over all outputs of mean(output * c), where c has the output's shape and is uniform in [-1, 1),
2u - 1 of its name.
"""
import math
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Callable

import procedural
import torch
from compare_classifiers import densenet_features, mobilenet_v2_features, resnet_features
from reference.mobilenet import MobileNet
from reference.peleenet import PeleeNet
from reference.vovnet import VoVNet
from torch import nn
from torchvision import models
from torchvision.models import detection
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

SHAPE = (2, 3, 97, 131)
# Regions of the two images, xyxy. All are odd, some reach beyond the image; the last two belong to the coarse levels.
REGIONS = (
    ((3.25, 5.5, 40.75, 61.0), (-6.5, 10.0, 30.0, 104.5), (60.0, 20.0, 150.0, 90.0), (-110.0, -80.0, 300.0, 250.0)),
    ((20.0, 0.0, 131.0, 97.0), (70.5, 33.25, 74.0, 35.75), (-300.0, -310.0, 420.0, 400.0)),
)
CLASSES = 3


class RCNN(nn.Module):
    """torchvision's FPN and heads on a VoVNet, under the keys of torchvision's Mask R-CNN."""

    def __init__(self, body):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.body = body
        self.backbone.fpn = FeaturePyramidNetwork(body.widths, 256, LastLevelMaxPool())
        self.rpn = nn.Module()
        self.rpn.head = detection.rpn.RPNHead(256, 3)
        self.roi_heads = nn.Module()
        self.roi_heads.box_head = detection.faster_rcnn.TwoMLPHead(256 * 7 * 7, 1024)
        self.roi_heads.box_predictor = detection.faster_rcnn.FastRCNNPredictor(1024, CLASSES + 1)
        self.roi_heads.mask_head = detection.mask_rcnn.MaskRCNNHeads(256, (256, 256, 256, 256), 1)
        self.roi_heads.mask_predictor = detection.mask_rcnn.MaskRCNNPredictor(256, 256, CLASSES + 1)

    def outputs(self, x):
        stages = list(self.backbone.body.features(x).items())[1:]
        levels = self.backbone.fpn(OrderedDict((str(i), y) for i, (_, y) in enumerate(stages)))
        objectness, deltas = self.rpn.head(list(levels.values()))
        out = {f"rpn.objectness.{i}": y for i, y in enumerate(objectness)}
        out |= {f"rpn.deltas.{i}": y for i, y in enumerate(deltas)}
        regions = [x.new_tensor(boxes) for boxes in REGIONS]
        pool = lambda side: MultiScaleRoIAlign(["0", "1", "2", "3"], side, 2)(levels, regions, [x.shape[2:]] * len(x))
        heads = self.roi_heads
        out["box_logits"], out["box_deltas"] = heads.box_predictor(heads.box_head(pool(7)))
        return out | {"mask_logits": heads.mask_predictor(heads.mask_head(pool(14)))}


class Halves(nn.Module):
    """MobileNetV3 in the two halves that SSDLite reads."""

    def __init__(self):
        super().__init__()
        build = detection.ssdlite320_mobilenet_v3_large
        self.features = build(weights=None, weights_backbone=None).backbone.features

    def maps(self, x):
        first = self.features[0](x)
        return {"stage4": first, "stage5": self.features[1](first)}


def without_logits(features, model, x):
    """Feature maps of a classifier."""
    return {name: y for name, y in features(model, x).items() if name != "logits"}


@dataclass
class Subject:
    """A network: the name of the model in which ours has it, how to build the reference, and what it outputs."""

    model: str
    build: Callable
    outputs: Callable
    reference: str
    dialect: str | None = None
    shape: tuple = SHAPE


TORCHVISION = "torchvision 0.26"
OURS = "tests/parity/reference/"
SUBJECTS = {
    **{
        name: Subject(name, partial(VoVNet, name), VoVNet.features, OURS + "vovnet.py")
        for name in ("vovnet27_slim", "vovnet39", "vovnet19_slim_ese")
    },
    "resnet50": Subject("resnet50", models.resnet50, partial(without_logits, resnet_features), TORCHVISION),
    "densenet121": Subject("densenet121", models.densenet121, partial(without_logits, densenet_features), TORCHVISION),
    # Its stem joins a pool that rounds down with a convolution that rounds up.
    "peleenet": Subject("peleenet", PeleeNet, PeleeNet.maps, OURS + "peleenet.py", shape=(2, 3, 99, 131)),
    "mobilenet": Subject("mobilenet", MobileNet, MobileNet.maps, OURS + "mobilenet.py"),
    "mobilenet_v2": Subject(
        "mobilenet_v2", models.mobilenet_v2, partial(without_logits, mobilenet_v2_features), TORCHVISION
    ),
    "mobilenet_v3_large": Subject("ssdlite320_mobilenet_v3_large", Halves, Halves.maps, TORCHVISION),
    "mask_rcnn_vovnet27_slim_fpn": Subject(
        "mask_rcnn_vovnet27_slim_fpn",
        lambda: RCNN(VoVNet("vovnet27_slim")),
        RCNN.outputs,
        f"{TORCHVISION} heads and FPN, {OURS}vovnet.py",
        "torchvision",
    ),
}


def output_weights(name, shape):
    """What an output is multiplied with."""
    values = 2 * procedural.uniform(name, math.prod(shape)) - 1
    return torch.from_numpy(values.reshape(tuple(shape)))


def build(subject):
    """The reference with procedural weights, float64."""
    return procedural.fill(subject.build()).double()


def backward(model, subject, train):
    """Loss, gradients by key, and running statistics by key after the step."""
    model.train(train).zero_grad()
    outputs = subject.outputs(model, procedural.network_input(subject.shape).double())
    loss = sum((y * output_weights(name, y.shape)).mean() for name, y in outputs.items())
    loss.backward()
    gradients = {key: p.grad for key, p in model.named_parameters() if p.grad is not None}
    statistics = {key: b for key, b in model.named_buffers() if key.endswith(("running_mean", "running_var"))}
    return loss.item(), gradients, statistics, outputs
