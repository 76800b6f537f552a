"""The network's input of every dialect on the photographs, in grey levels (0 to 255): largest and mean difference."""
from functools import partial

import procedural
import torch
from comparisons import Measured, comparison
from compare_classifiers import PEERS
from compare_detectors import DIALECTS
from compare_torchvision import MODELS, pixels
from PIL import Image

BACKBONES = {"maskrcnn-benchmark": "vovnet27_slim", "detectron2": "vovnet19_slim_dw_ese"}
GREY = torch.tensor([0.229, 0.224, 0.225])[:, None, None] * 255


def difference(run, weights, theirs, more, grey=1.0, model=None):
    worst, mean = 0.0, 0.0
    for path in run.images:
        a, b = run.program.features(weights, path, model=model, more=more)["input"], theirs(path)
        # Both photographs are no larger than the network's input, so that a resize takes part in every one.
        off = (a - b).abs() * grey if a.shape == b.shape else torch.tensor([float("inf")])
        worst, mean = max(worst, off.max().item()), max(mean, off.mean().item())
    # Half a grey level is the rounding of PIL's 8-bit result.
    yield Measured("largest", worst, 0.5)
    yield Measured("mean", mean, 0.05)


def rcnn(dialect, run):
    model = procedural.fill(DIALECTS[dialect](BACKBONES[dialect], masks=False, width=128))
    theirs = lambda path: model.input(Image.open(path).convert("RGB"))[0]
    yield from difference(run, run.save(model.state_dict()), theirs, ["--dialect", dialect])


def torchvision(run):
    model = procedural.fill(MODELS["faster_rcnn_resnet50_fpn"]())
    theirs = lambda path: model.transform([pixels(path)])[0].tensors
    yield from difference(run, run.save(model.state_dict()), theirs, [], GREY, "faster_rcnn_resnet50_fpn")


def classifier(name, run):
    build, _, transform = PEERS[name]
    model = procedural.fill(build())
    theirs = lambda path: transform(model)(Image.open(path).convert("RGB"))[None]
    grey = GREY if name != "ese_vovnet57b" else 127.5
    yield from difference(run, run.save(model.state_dict()), theirs, [], grey, name)


for dialect in DIALECTS:
    comparison(f"input {dialect}")(partial(rcnn, dialect))
comparison("input torchvision")(torchvision)
for name in PEERS:
    comparison(f"input classify {name}")(partial(classifier, name))
