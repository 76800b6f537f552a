"""Factors that make random weights behave: scores that spread, boxes of all sizes that move by a part of their size.

Each predicting layer is scaled once, during one pass, by the power of two that brings its first output to a standard
deviation; masks get the sign that makes most of a mask foreground. The factors belong to the weights' rule
(procedural.py) and are exact in float32.
"""
import fnmatch
import math

import torch

# Module name pattern: standard deviation of its first output (an RPN's is that of the finest level), sign of its mean.
TARGETS = {
    "*stem.stem_1/conv": (1.0, None),
    "backbone.*.stem.conv1": (1.0, None),
    "*cls_logits": (0.25, None),
    "*objectness_logits": (0.25, None),
    "rpn.head.bbox_pred": (0.06, None),
    "*anchor_deltas": (0.06, None),
    "*cls_score": (1.5, None),
    "roi_heads.*bbox_pred": (1.0, None),
    "*mask_fcn_logits": (2.0, 1),
    "*mask_head.predictor": (2.0, 1),
    "backbone.features.0": (1.0, None),
    "head.classification_head.module_list.?": (2.0, None),
    "head.classification_head.module_list.?.1": (2.0, None),
    "head.regression_head.module_list.?": (1.0, None),
    "head.regression_head.module_list.?.1": (1.0, None),
}
# Residual branches keep a chain of additions from growing; fine levels of the pyramid are damped, or their many anchors
# would win every place among the proposals.
STEADY = {"*.bn3.weight": 0.25, "*.conv3.norm.weight": 0.25}
# MobileNets' too: ReLU6 would cut growing maps to 6 and leave their float noise.
STEADY |= {f"*.block.{i}.1.weight": 0.25 for i in (2, 3)} | {"features.*.conv.3.weight": 0.25}
for i, factor in enumerate((0.125, 0.25, 0.5)):
    for key in (f"fpn_layer{i + 1}", f"fpn_output{i + 2}", f"layer_blocks.{i}.0"):
        STEADY[f"*{key}.weight"] = factor
    for norm in (f"fpn_layer{i + 1}.1", f"fpn_output{i + 2}.norm", f"layer_blocks.{i}.1"):
        STEADY[f"*{norm}.weight"] = STEADY[f"*{norm}.bias"] = factor


def spread(model, forward):
    """Scale the model's layers while `forward()` runs them; returns key: factor."""
    factors, hooks = {}, []

    def scale(name):
        def hook(layer, inputs, output):
            if f"{name}.weight" in factors:
                return None
            target, sign = next(t for pattern, t in TARGETS.items() if fnmatch.fnmatchcase(name, pattern))
            factor = 2.0 ** round(math.log2(target / output.std().item()))
            if sign and sign * output.mean() < 0:
                factor = -factor
            factors[f"{name}.weight"] = factor
            with torch.no_grad():
                layer.weight *= factor
            return layer.forward(*inputs)

        return hook

    for name, module in model.named_modules():
        if hasattr(module, "weight") and any(fnmatch.fnmatchcase(name, pattern) for pattern in TARGETS):
            hooks.append(module.register_forward_hook(scale(name)))
    with torch.no_grad():
        forward()
    for hook in hooks:
        hook.remove()
    return factors
