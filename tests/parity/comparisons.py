"""What a comparison is: a named function that runs both sides and yields what it measured.

    @comparison("densenet121 logits")
    def _(run):
        theirs = ...
        ours = run.program.features(weights, source, model="densenet121")
        yield from measures.maps(ours, theirs)

`run` (run.py) has the program, the photographs and a scratch folder. A file whose name begins with `compare_` is found
by itself.
"""
from dataclasses import dataclass

REGISTRY = {}


@dataclass
class Measured:
    """One number of a comparison and the limit that it must keep."""

    what: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def ok(self):
        # A difference that is not a number keeps no limit.
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self):
        sign = "" if self.ok else " (!)"
        return f"{self.what} {self.value:.3g}{sign}"


def comparison(name):
    """Registers a function as the comparison of this name; the order of registration is the order of the table."""

    def register(function):
        assert name not in REGISTRY, name
        REGISTRY[name] = function
        return function

    return register
