"""VoVNet V1 and V2 and ResNet bodies, map by map, on a small random input of odd size; the classifier of V1 too."""
from functools import partial

import procedural
import torch
from comparisons import comparison
from measures import maps
from reference.vovnet import VARIANTS, VoVNet


def body(name, run):
    """As VoVNet.pytorch and vovnet-detectron2 save it, in eval mode, with the ImageNet classifier."""
    model = procedural.fill(VoVNet(name, "batch", classes=1000))
    x = procedural.network_input((1, 3, 65, 83))
    with torch.no_grad():
        theirs = model.features(x)
    yield from maps(run.program.features(run.save(model.state_dict()), x, model=name), theirs)


for name in VARIANTS:
    comparison(f"body {name}")(partial(body, name))
