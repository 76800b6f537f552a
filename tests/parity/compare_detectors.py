"""Whole detectors of maskrcnn-benchmark and detectron2 on photographs: maps, proposals, heads, detections, masks."""
from functools import partial

import measures
import procedural
from comparisons import Measured, comparison
from PIL import Image
from reference import detectron2, maskrcnn_benchmark
from spread import STEADY, spread

DIALECTS = {"maskrcnn-benchmark": maskrcnn_benchmark.Detector, "detectron2": detectron2.Detector}


def stages_within(dialect, shape):
    """Tight enough to see that maskrcnn-benchmark's frozen norm has no epsilon, and GroupNorm summed carelessly."""
    if shape.get("group_norm"):
        return 2e-5
    return {"maskrcnn-benchmark": 1e-5, "detectron2": 1e-4}[dialect]


def build(dialect, backbone, image, masks=True, group_norm=False, width=256, factors=None):
    """A reference detector with procedural weights whose scores spread on this image; `factors` collects theirs."""
    model = DIALECTS[dialect](backbone, masks=masks, group_norm=group_norm, width=width)
    procedural.fill(model, STEADY)
    x, _ = model.input(image)
    # Every second pixel is enough to learn the scale of each layer.
    x = x[:, :, ::2, ::2]
    height, width = (side // 32 * 32 for side in x.shape[2:])
    found = spread(model, lambda: model.raw(x[:, :, :height, :width], (width, height)))
    if factors is not None:
        steady = {key: procedural.factor_of(key, STEADY) for key in model.state_dict()}
        factors |= {key: factor for key, factor in steady.items() if factor != 1} | found
    return model


def detector(dialect, backbone, shape, index, run):
    """`shape`: the keyword arguments of the reference; `index`: which photograph."""
    path = run.images[index % len(run.images)]
    image = Image.open(path).convert("RGB")
    model = build(dialect, backbone, image, **shape)
    weights = run.save({"model": model.state_dict()})
    raw = model.raw(*model.input(image))
    ours = run.program.features(weights, path, more=["--dialect", dialect])
    yield Measured("grey levels", (ours["input"] - raw["input"]).abs().max().item(), 0.0)
    stages = {name: x for name, x in raw.items() if name.startswith("stage")}
    yield from measures.maps(ours, stages, stages_within(dialect, shape), "stages")
    yield from measures.maps(ours, {name: x for name, x in raw.items() if name.startswith(("fpn.", "rpn."))})
    yield from measures.proposals(ours, raw)
    boxes, scores, labels, masks = model.detect(image, raw)
    ids = [measures.COCO_IDS[i - 1] for i in labels.tolist()]
    found = run.program.detect(weights, path, more=["--dialect", dialect])
    yield from measures.detections(found, boxes, scores, ids, masks)


BENCHMARK, DETECTRON2 = "maskrcnn-benchmark", "detectron2"
for dialect, backbone, kind, shape in [
    (BENCHMARK, "vovnet39", "mask_rcnn", {}),
    (BENCHMARK, "vovnet57", "faster_rcnn", {"masks": False}),
    (BENCHMARK, "vovnet27_slim", "mask_rcnn", {"width": 128}),
    (BENCHMARK, "vovnet39", "mask_rcnn", {"group_norm": True}),
    (BENCHMARK, "resnet50", "mask_rcnn", {}),
    (BENCHMARK, "resnet50", "mask_rcnn", {"group_norm": True}),
    (DETECTRON2, "vovnet39_ese", "mask_rcnn", {}),
    (DETECTRON2, "vovnet19_ese", "mask_rcnn", {"width": 128}),
    (DETECTRON2, "vovnet19_dw_ese", "faster_rcnn", {"masks": False, "width": 128}),
    (DETECTRON2, "vovnet19_slim_dw_ese", "faster_rcnn", {"masks": False, "width": 128}),
    (DETECTRON2, "vovnet19_slim_ese", "faster_rcnn", {"masks": False, "width": 128}),
    (DETECTRON2, "vovnet39_ese", "mask_rcnn", {"group_norm": True}),
    (DETECTRON2, "resnet50", "mask_rcnn", {}),
    (DETECTRON2, "resnet50", "mask_rcnn", {"group_norm": True}),
    (DETECTRON2, "resnet101", "faster_rcnn", {"masks": False}),
]:
    suffix = "fpnlite" if shape.get("width") == 128 else "fpn"
    name = f"{dialect} {kind}_{backbone}_{suffix}{'_gn' if 'group_norm' in shape else ''}"
    for index, image in enumerate(("cat", "nuclei")):
        if index == 0 or shape == {}:
            comparison(f"{name} {image}")(partial(detector, dialect, backbone, shape, index))
