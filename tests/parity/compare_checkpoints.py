"""One network in every wrapper that people save it in: the report must apply everything, the maps must be the same.

Also: a detector's number of parameters is that of the reference, and other anchors in a file are not passed over.
"""
import pickle
from functools import partial

import measures
import procedural
import torch
from comparisons import Measured, comparison
from reference import detectron2, maskrcnn_benchmark
from reference.vovnet import VoVNet
from safetensors.torch import save_file
from spread import STEADY, spread

LEGACY = {"_use_new_zipfile_serialization": False}


def prefixed(state, prefix):
    return {prefix + key: value for key, value in state.items()}


# name: from a state dict to what torch.save is given
WRAPPERS = {
    "bare": lambda s: s,
    "module.": lambda s: prefixed(s, "module."),
    "state_dict with epoch": lambda s: {"epoch": 3, "arch": "v", "state_dict": prefixed(s, "module."), "best": 1.0},
    "model with iteration": lambda s: {"model": s, "optimizer": {"state": {}}, "iteration": 10},
    "model_state": lambda s: {"model_state": s, "epoch": 1},
    "net": lambda s: {"net": s},
    "state_dict": lambda s: {"state_dict": s},
    "model_state_dict": lambda s: {"model_state_dict": s},
    "half precision": lambda s: {k: v.half() if v.is_floating_point() else v for k, v in s.items()},
    "Parameter": lambda s: {k: torch.nn.Parameter(v) if v.is_floating_point() else v for k, v in s.items()},
    "without counters": lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
}


@torch.no_grad()
def wrapped(wrapper, run, options=None):
    model = procedural.fill(VoVNet("vovnet27_slim", "batch", classes=1000))
    x = procedural.network_input((1, 3, 65, 83))
    weights = run.save(WRAPPERS[wrapper](model.state_dict()), **(options or {}))
    yield from measures.maps(run.program.features(weights, x, model="vovnet27_slim"), model.half().float().features(x)
                             if wrapper == "half precision" else model.features(x))


for wrapper in WRAPPERS:
    comparison(f"checkpoint {wrapper}")(partial(wrapped, wrapper))
comparison("checkpoint legacy stream")(partial(wrapped, "bare", options=LEGACY))


@torch.no_grad()
def body(prefix, run):
    """A body alone, cut out of a detector's file or saved with its prefix."""
    model = procedural.fill(VoVNet("vovnet19_slim_ese", "frozen"))
    x = procedural.network_input((1, 3, 65, 83))
    weights = run.save({"model": prefixed(model.state_dict(), prefix)})
    yield from measures.maps(run.program.features(weights, x, model="vovnet19_slim_ese"), model.features(x))


for prefix in ("backbone.bottom_up.", "backbone.body.", "backbone.", "module.backbone.bottom_up."):
    comparison(f"checkpoint body in {prefix}")(partial(body, prefix))


@comparison("checkpoint detector in module.")
def _(run):
    state = maskrcnn_benchmark.Detector("vovnet27_slim", masks=False, width=128).state_dict()
    report = run.program.check(run.save({"model": prefixed(state, "module."), "iteration": 90000}))
    yield Measured("not applied", sum("cell_anchors" not in key for key in state) - report["applied"], 0)
    yield Measured("missing", len(report["missing"]) + len(report["unexpected"]) + len(report["mismatched"]), 0)


@comparison("checkpoint safetensors")
@torch.no_grad()
def _(run):
    model = procedural.fill(VoVNet("vovnet27_slim", "batch", classes=1000))
    x, path = procedural.network_input((1, 3, 65, 83)), run.scratch / "w.safetensors"
    save_file(model.state_dict(), path)
    yield from measures.maps(run.program.features(path, x, model="vovnet27_slim"), model.features(x))


@comparison("checkpoint detectron2 pickle")
@torch.no_grad()
def _(run):
    model = procedural.fill(detectron2.Detector("vovnet19_slim_ese", masks=False, width=128))
    x, path = procedural.network_input((1, 3, 64, 96)), run.scratch / "w.pkl"
    values = {key: value.numpy() for key, value in model.state_dict().items()}
    path.write_bytes(pickle.dumps({"model": values, "__author__": "detectron2"}))
    maps = model.backbone.fpn(model.backbone.bottom_up(x))
    theirs = {f"fpn.p{i + 2}": value for i, value in enumerate(maps)}
    yield from measures.maps(run.program.features(path, x, model="faster_rcnn_vovnet19_slim_ese_fpnlite"), theirs)


# spec of the references: parameters of the whole detector, frozen norms counted as two per channel
COUNTS = {
    "mask_rcnn_vovnet39_fpn": (maskrcnn_benchmark, "vovnet39", {}, 42_140_277),
    "mask_rcnn_vovnet57_fpn": (maskrcnn_benchmark, "vovnet57", {}, 56_180_277),
    "mask_rcnn_vovnet75_fpn": (maskrcnn_benchmark, "vovnet75", {}, 66_483_061),
    "mask_rcnn_vovnet93_fpn": (maskrcnn_benchmark, "vovnet93", {}, 76_785_845),
    "mask_rcnn_vovnet39_fpn_gn": (maskrcnn_benchmark, "vovnet39", {"group_norm": True}, 43_455_093),
    "mask_rcnn_vovnet57_fpn_gn": (maskrcnn_benchmark, "vovnet57", {"group_norm": True}, 57_495_093),
    "mask_rcnn_vovnet19_ese_fpn": (detectron2, "vovnet19_ese", {}, 30_741_040),
    "mask_rcnn_vovnet39_ese_fpn": (detectron2, "vovnet39_ese", {}, 45_744_752),
    "mask_rcnn_vovnet57_ese_fpn": (detectron2, "vovnet57_ese", {}, 62_015_536),
    "mask_rcnn_vovnet99_ese_fpn": (detectron2, "vovnet99_ese", {}, 90_084_144),
    "faster_rcnn_vovnet19_ese_fpnlite": (detectron2, "vovnet19_ese", {"masks": False, "width": 128}, 19_132_640),
    "faster_rcnn_vovnet19_dw_ese_fpnlite": (detectron2, "vovnet19_dw_ese", {"masks": False, "width": 128}, 14_470_304),
    "faster_rcnn_vovnet19_slim_ese_fpnlite": (
        detectron2, "vovnet19_slim_ese", {"masks": False, "width": 128}, 11_439_472
    ),
    "faster_rcnn_vovnet19_slim_dw_ese_fpnlite": (
        detectron2, "vovnet19_slim_dw_ese", {"masks": False, "width": 128}, 10_171_088
    ),
}


def parameters(name, run):
    """The file has as many parameters as the papers' repositories give; the program applies every one, no more."""
    dialect, backbone, shape, count = COUNTS[name]
    state = dialect.Detector(backbone, **shape).state_dict()
    skip = ("running_", "cell_anchors", "num_batches")
    found = sum(value.numel() for key, value in state.items() if not any(s in key for s in skip))
    yield Measured("parameters off", abs(found - count), 0)
    report = run.program.check(run.save(state), model=name)
    loaded = sum("cell_anchors" not in key for key in state)
    yield Measured("not applied", abs(loaded - report["applied"]), 0)
    yield Measured("missing", len(report["missing"]) + len(report["unexpected"]) + len(report["mismatched"]), 0)


for name in COUNTS:
    comparison(f"parameters {name}")(partial(parameters, name))


@comparison("checkpoint other anchors")
@torch.no_grad()
def _(run):
    """maskrcnn-benchmark keeps its anchors in the file: a model trained with others runs with its own."""
    model = procedural.fill(maskrcnn_benchmark.Detector("vovnet27_slim", masks=False, width=128), STEADY)
    x = procedural.network_input((1, 3, 64, 96))
    spread(model, lambda: model.raw(x, (96, 64)))
    for cells in model.rpn.anchor_generator.cell_anchors.buffers():
        cells *= 0.5
    ours = run.program.features(run.save(model.state_dict()), x)
    yield from measures.proposals(ours, model.raw(x, (96, 64)))
