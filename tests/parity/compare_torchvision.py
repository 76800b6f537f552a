"""torchvision's own detectors as the peer: Faster and Mask R-CNN R-50 FPN, version 1 and 2, on photographs."""
from functools import partial

import measures
import numpy as np
import procedural
import torch
from comparisons import comparison
from PIL import Image
from spread import STEADY, spread
from torchvision.models import detection, resnet50
from torchvision.models.detection._utils import overwrite_eps
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.ops import misc


def published(kind):
    """As the published COCO_V1 weights are run: frozen norms, whose epsilon torchvision sets to 0 after loading."""
    backbone = _resnet_fpn_extractor(resnet50(norm_layer=misc.FrozenBatchNorm2d), 5)
    model = kind(backbone, num_classes=91)
    overwrite_eps(model, 0.0)
    return model


MODELS = {
    "faster_rcnn_resnet50_fpn": lambda: published(detection.FasterRCNN),
    "mask_rcnn_resnet50_fpn": lambda: published(detection.MaskRCNN),
    "faster_rcnn_resnet50_fpn_v2": lambda: detection.fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None),
    "mask_rcnn_resnet50_fpn_v2": lambda: detection.maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None),
}
# A user's own training from nothing: BatchNorm with epsilon 1e-5, told by its counters in the file.
TRAINED = {
    "faster_rcnn_resnet50_fpn": lambda: detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None),
    "mask_rcnn_resnet50_fpn": lambda: detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None),
}


def pixels(path):
    return torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy()).permute(2, 0, 1).float() / 255


@torch.no_grad()
def raw(model, image):
    """torchvision's intermediate results by the names of `vovdet features`."""
    images, _ = model.transform([image])
    maps = list(model.backbone(images.tensors).values())
    logits, deltas = model.rpn.head(maps)
    out = {"input": images.tensors}
    for i in range(5):
        out |= {f"fpn.p{i + 2}": maps[i], f"rpn.objectness.{i}": logits[i], f"rpn.deltas.{i}": deltas[i]}
    named = dict(zip(("0", "1", "2", "3", "pool"), maps))
    proposals, _ = model.rpn(images, named)
    features = model.roi_heads.box_head(model.roi_heads.box_roi_pool(named, proposals, images.image_sizes))
    box_logits, box_deltas = model.roi_heads.box_predictor(features)
    return out | {"proposals": proposals[0], "box_logits": box_logits, "box_deltas": box_deltas}


@torch.no_grad()
def detected(model, image):
    """torchvision's detections; and as they are before masks are pasted and boxes scaled to the photograph."""
    before = {}

    def keep(_module, _inputs, output):
        before.update({name: x.clone() for name, x in output[0][0].items()})

    hook = model.roi_heads.register_forward_hook(keep)
    found = model([image])[0]
    hook.remove()
    if "masks" in before:
        before["masks"] = before["masks"][:, 0]
    return found, before


def detector(build, name, index, run):
    path = run.images[index % len(run.images)]
    model = procedural.fill(build(), STEADY)
    image = pixels(path)
    spread(model, lambda: model([image]))
    weights = run.save(model.state_dict())
    theirs, ours = raw(model, image), run.program.features(weights, path, model=name)
    yield from measures.maps(ours, {"input": theirs["input"]}, what="input")
    yield from measures.maps(ours, {k: v for k, v in theirs.items() if k.startswith(("fpn.", "rpn."))})
    yield from measures.proposals(ours, theirs)
    found, before = detected(model, image)
    if "masks" in before:
        yield from measures.mask_probabilities(ours, before)
    masks = (found["masks"][:, 0] > 0.5).numpy() if "masks" in found else None
    detections = run.program.detect(weights, path, model=name)
    # torchvision's labels are COCO's category ids, the eleven unused ones included.
    yield from measures.detections(detections, found["boxes"], found["scores"], found["labels"].tolist(), masks)


for name, build in MODELS.items():
    for index, image in enumerate(("cat", "nuclei")):
        comparison(f"torchvision {name} {image}")(partial(detector, build, name, index))
for name, build in TRAINED.items():
    comparison(f"torchvision {name} with BatchNorm cat")(partial(detector, build, name, 0))
