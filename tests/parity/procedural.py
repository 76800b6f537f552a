"""Weights without weight files: every value follows from its key and its place in the tensor.

The rule is that of the fixtures (`rule` in their JSON): h is the FNV-1a hash of the key, z the finaliser of splitmix64
of h + (i + 1) * golden, u = (z >> 40) / 2^24; the kind of tensor, told by key and rank, turns u into a value.
"""
import fnmatch
import math

import numpy as np
import torch

GOLDEN, FNV_START, FNV_PRIME, WORD = 0x9E3779B97F4A7C15, 0xCBF29CE484222325, 0x100000001B3, 2**64


def uniform(key, count):
    """`count` float64 values in [0, 1) that belong to `key`."""
    hash_ = FNV_START
    for byte in key.encode():
        hash_ = (hash_ ^ byte) * FNV_PRIME % WORD
    z = np.arange(1, count + 1, dtype=np.uint64)
    z *= np.uint64(GOLDEN)
    z += np.uint64(hash_)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)) / 2.0**24


def tensor(key, shape, factor=1.0):
    """The tensor of this key and shape, float32 (int64 for a counter of batches)."""
    if key.endswith("num_batches_tracked"):
        return torch.zeros(tuple(shape), dtype=torch.int64)
    u = uniform(key, math.prod(shape))
    if key.endswith("running_var"):
        value = 0.5 + u
    elif key.endswith("running_mean"):
        value = 0.2 * (2 * u - 1)
    elif len(shape) >= 2:
        value = (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
    elif key.endswith("weight"):
        value = 0.5 + u
    else:
        value = 0.2 * (2 * u - 1)
    return torch.from_numpy((value * factor).astype(np.float32).reshape(tuple(shape)))


def network_input(shape):
    """The tensor `input` of the fixtures: uniform in [-2, 2)."""
    u = uniform("input", math.prod(shape))
    return torch.from_numpy((2 * (2 * u - 1)).astype(np.float32).reshape(tuple(shape)))


def factor_of(key, factors):
    """The factor of the first pattern (`*` fits anything) that matches the key."""
    return next((f for pattern, f in factors.items() if fnmatch.fnmatchcase(key, pattern)), 1.0)


def fill(model, factors=None, keep="*cell_anchors*"):
    """Fill every parameter and buffer of a module but those that match `keep`; returns the module, in eval mode."""
    state = model.state_dict()
    for key, old in state.items():
        if not fnmatch.fnmatchcase(key, keep):
            state[key] = tensor(key, old.shape, factor_of(key, factors or {}))
    model.load_state_dict(state)
    return model.eval()
