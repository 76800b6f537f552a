"""Runs every comparison of the program with an independent peer and prints one line each; exit code 1 if one fails.

    python tests/parity/run.py [--program target/release/vovdet] [--only PATTERN ...] [--list] [--image FILE ...]

Needs torch 2.11, torchvision 0.26, timm, pycocotools, safetensors and Pillow; weights are procedural, none are fetched.
"""
import argparse
import fnmatch
import importlib
import sys
import tempfile
import time
import traceback
from pathlib import Path

import torch
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from comparisons import REGISTRY  # noqa: E402
from program import Program  # noqa: E402

IMAGES = [ROOT / "tests/fixtures/chelsea.png", ROOT / "pretrained/models/images/nuclei_1.png"]


class Run:
    def __init__(self, program, images, scratch):
        self.program, self.images, self.scratch = Program(program, scratch), images, Path(scratch)

    @property
    def photograph(self):
        return self.images[0]

    def save(self, state, name="weights.pth", **options):
        """The path of a checkpoint file with this content."""
        path = self.scratch / name
        torch.save(state, path, **options)
        return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "target/release/vovdet")
    parser.add_argument("--only", nargs="+", default=["*"], help="names, * fits anything")
    parser.add_argument("--image", nargs="+", type=Path, default=IMAGES, help="photographs instead of the bundled ones")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    for file in sorted(HERE.glob("compare_*.py")):
        importlib.import_module(file.stem)
    chosen = {n: f for n, f in REGISTRY.items() if any(fnmatch.fnmatchcase(n, p) for p in options.only)}
    if options.list or not chosen:
        print("\n".join(chosen or ["no comparison has such a name"]))
        return 0 if chosen else 2
    for image in options.image:
        Image.open(image).verify()
    width, failed = max(map(len, chosen)), []
    for name, function in chosen.items():
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            try:
                measured = list(function(Run(options.program, options.image, scratch)))
                text, ok = "  ".join(map(str, measured)), all(m.ok for m in measured)
            except Exception as error:
                text, ok = " ".join(traceback.format_exception_only(error)).strip().replace("\n", " "), False
        if not ok:
            failed.append(name)
        print(f"{name:{width}}  {'ok  ' if ok else 'FAIL'}  {text}  ({time.perf_counter() - start:.0f} s)", flush=True)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} agree" + "".join(f"\n  FAIL {n}" for n in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
