"""torchvision's SSD300 and SSDLite as the peer, on photographs."""
from functools import partial

import measures
import procedural
import torch
from compare_torchvision import pixels
from comparisons import comparison
from spread import STEADY, spread
from torchvision.models import detection

MODELS = {
    "ssd300_vgg16": lambda: detection.ssd300_vgg16(weights=None, weights_backbone=None),
    "ssdlite320_mobilenet_v3_large": lambda: detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None
    ),
}


@torch.no_grad()
def raw(model, image):
    """torchvision's intermediate results by the names of `vovdet features`."""
    images, _ = model.transform([image])
    maps = list(model.backbone(images.tensors).values())
    head = model.head(maps)
    out = {"input": images.tensors, **head, "anchors": model.anchor_generator(images, maps)[0]}
    return out | {f"features.{i}": x for i, x in enumerate(maps)}


@torch.no_grad()
def detector(build, name, index, run):
    path = run.images[index % len(run.images)]
    model = procedural.fill(build().eval(), STEADY)
    image = pixels(path)
    spread(model, lambda: model([image]))
    weights = run.save(model.state_dict())
    theirs, ours = raw(model, image), run.program.features(weights, path, model=name)
    yield from measures.maps(ours, {"input": theirs.pop("input")}, what="input")
    yield from measures.maps(ours, {"anchors": theirs.pop("anchors")}, limit=1e-7, what="anchors")
    yield from measures.maps(ours, theirs)
    found = model([image])[0]
    detections = run.program.detect(weights, path, model=name)
    yield from measures.detections(detections, found["boxes"], found["scores"], found["labels"].tolist())


for name, build in MODELS.items():
    for index, image in enumerate(("cat", "nuclei")):
        comparison(f"torchvision {name} {image}")(partial(detector, build, name, index))
