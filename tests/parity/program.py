"""Our side: calls the built program and reads what it writes."""
import json
import subprocess
from pathlib import Path

from safetensors.torch import load_file, save_file


class Refused(Exception):
    """The program ended with an error; the text is what it said."""


class Program:
    def __init__(self, path, scratch, arguments=("--precision", "fp32", "--device", "cpu")):
        self.path, self.scratch, self.arguments = str(path), Path(scratch), list(arguments)

    def run(self, *arguments):
        done = subprocess.run([self.path, "-q", *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            raise Refused((done.stderr.strip() or done.stdout.strip())[-400:])
        return done.stdout

    def model(self, weights, model, more):
        chosen = ["--model", model] if model else []
        return ["--weights", weights, *chosen, *self.arguments, *more]

    def features(self, weights, source, model=None, more=()):
        """Tensors by name. `source`: a photograph's path, or the network's input as a tensor."""
        out = self.scratch / "features.safetensors"
        if not isinstance(source, (str, Path)):
            save_file({"input": source.contiguous()}, self.scratch / "input.safetensors")
            source = self.scratch / "input.safetensors"
        self.run("features", source, "--out", out, *self.model(weights, model, more))
        tensors = load_file(out)
        out.unlink()
        return tensors

    def detect(self, weights, image, model=None, more=()):
        """Detections of one photograph, as in the JSON line."""
        return json.loads(self.run("detect", image, *self.model(weights, model, more)))["detections"]

    def classify(self, weights, image, model=None, top=1000, more=()):
        """Probabilities by class index."""
        line = self.run("classify", image, "--top", top, *self.model(weights, model, more))
        return {c["index"]: c["probability"] for c in json.loads(line)["classes"]}

    def check(self, weights, model=None, more=()):
        """The load report."""
        chosen = ["--model", model] if model else []
        return json.loads(self.run("weights", "check", weights, "--json", *chosen, *more))
