"""Checkpoints opened and loaded into a network: vovdet and torch in turns, same files, same run.

    python3 benches/loading_beside_torch.py target/release/vovdet

vovdet is the whole process `weights check`; torch is torch.load and load_state_dict in a fresh process, its imports and
the building of the network left out of the time (not of the memory). Prints medians and peak resident memory.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/parity"))

ROUNDS = 5
MODELS = ("vovnet57", "mask_rcnn_vovnet39_fpn")


def build(name):
    from reference import maskrcnn_benchmark, vovnet

    return vovnet.VoVNet(name, classes=1000) if name == "vovnet57" else maskrcnn_benchmark.Detector("vovnet39")


def make(name, path):
    import procedural
    import torch

    torch.save(procedural.fill(build(name)).state_dict(), path)


def load(name, path):
    """Prints the milliseconds of the load."""
    import torch

    model = build(name)
    start = time.perf_counter()
    model.load_state_dict(torch.load(path, map_location="cpu"))
    print((time.perf_counter() - start) * 1e3)


def measured(command):
    """Milliseconds of the process, its peak memory in MB, what it printed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}")
    return (time.perf_counter() - start) * 1e3, usage.ru_maxrss / 1024, text


def main():
    # Nothing large is imported here: a process starts with the peak memory of the one that made it.
    program, own = sys.argv[1], [sys.executable, __file__]
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            path = f"{folder}/{name}.pth"
            measured([*own, "make", name, path])
            ours, torchs = [], []
            for _ in range(ROUNDS):
                ours.append(measured([program, "-q", "weights", "check", path, "--model", name]))
                _, memory, text = measured([*own, "load", name, path])
                torchs.append((float(text), memory))
            size = os.path.getsize(path) / 1e6
            a, b = (statistics.median(x[0] for x in side) for side in (ours, torchs))
            p, q = (statistics.median(x[1] for x in side) for side in (ours, torchs))
            print(f"{name} {size:.0f} MB: vovdet {a:.0f} ms, {p:.0f} MB; torch {b:.0f} ms, {q:.0f} MB; {b / a:.2f}")


if __name__ == "__main__":
    {"make": make, "load": load}.get(sys.argv[1], lambda *_: main())(*sys.argv[2:])
