"""Gradients of our networks beside PyTorch's (gradients.py), parameter by parameter, in float64.

Our side is detectors/examples/gradients.rs, which `make parity` builds beside the program.
"""
import subprocess
from functools import partial
from pathlib import Path

import gradients
import procedural
import torch
from comparisons import Measured, comparison
from safetensors.torch import load_file, save_file

LIMIT = 1e-8
# Gradients that are zero but for rounding: a norm's shift that live norms take away again (MobileNet V2 and V3).
ROUNDING = 1e-13


def ours(run, subject, model, outputs, train):
    """Loss, gradients and running statistics of the Rust network with the reference's weights, by key."""
    files = {name: run.scratch / f"{name}.safetensors" for name in ("weights", "case", "gradients")}
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, files["weights"])
    case = {"input": procedural.network_input(subject.shape).double()}
    case |= {f"weight.{name}": gradients.output_weights(name, y.shape) for name, y in outputs.items()}
    regions = [torch.tensor(boxes, dtype=torch.float32) for boxes in gradients.REGIONS]
    save_file(case | {f"regions.{i}": boxes for i, boxes in enumerate(regions)}, files["case"])
    command = [Path(run.program.path).parent / "examples/gradients", subject.model, *files.values()]
    command += ["--train"] * train + ["--dialect", subject.dialect] * (subject.dialect is not None)
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-400:])
    found = load_file(files["gradients"])
    part = lambda prefix: {key.removeprefix(prefix): t for key, t in found.items() if key.startswith(prefix)}
    return found["loss"].item(), part("gradient."), part("statistic.")


def worst(mine, theirs):
    """Largest difference of a tensor relative to its largest value, over tensors that are not rounding alone."""
    largest = max(t.norm() for t in theirs.values())
    apart = [0.0]
    for key, t in theirs.items():
        if key not in mine or mine[key].shape != t.shape:
            return float("inf")
        scale = t.abs().max() if t.norm() > ROUNDING * largest else largest
        apart.append(((mine[key] - t).abs().max() / scale).item())
    return max(apart)


def network(name, run):
    subject = gradients.SUBJECTS[name]
    for train in (False, True):
        model = gradients.build(subject)
        weights = {key: value.clone() for key, value in model.state_dict().items()}
        loss, theirs, statistics, outputs = gradients.backward(model, subject, train)
        statistics = {key: value.clone() for key, value in statistics.items()}
        model.load_state_dict(weights)
        mine = ours(run, subject, model, outputs, train)
        mode = "train" if train else "eval"
        yield Measured(f"{mode} loss", abs(mine[0] - loss) / abs(loss), LIMIT)
        yield Measured(f"gradients[{len(theirs)}]", worst(mine[1], theirs), LIMIT)
        yield Measured("statistics", worst(mine[2], statistics), LIMIT)


for name in gradients.SUBJECTS:
    comparison(f"gradients {name}")(partial(network, name))
