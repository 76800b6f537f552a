"""Classifiers beside torchvision's ResNets, DenseNets and MobileNetV2, timm's VoVNets, and VoVNet V1 as VoVNet.pytorch prepares images.

Features and logits on a random input, then probabilities on photographs through each side's own preparation.
"""
from functools import partial

import measures
import procedural
import timm
import torch
from comparisons import Measured, comparison
from PIL import Image
from reference.vovnet import VoVNet
from spread import STEADY
from torchvision import models, transforms

NORMALISE = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def torchvision_transform(_):
    return transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), NORMALISE])


def timm_transform(model):
    return timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))


def resnet_features(model, x):
    x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    maps = {"stem": x}
    for i in range(1, 5):
        x = maps[f"stage{i + 1}"] = getattr(model, f"layer{i}")(x)
    return maps | {"logits": model.fc(model.avgpool(x).flatten(1))}


def densenet_features(model, x):
    """The transitions' convolutions, before they are pooled, and the normalised end."""
    x = maps_stem = model.features[:4](x)
    maps = {"stem": maps_stem}
    for i in range(1, 4):
        x = getattr(model.features, f"denseblock{i}")(x)
        transition = getattr(model.features, f"transition{i}")
        x = maps[f"stage{i + 1}"] = transition.conv(transition.relu(transition.norm(x)))
        x = transition.pool(x)
    x = maps["stage5"] = model.features.norm5(model.features.denseblock4(x)).relu()
    return maps | {"logits": model.classifier(x.mean((2, 3)))}


def mobilenet_v2_features(model, x):
    maps = {}
    names = {0: "stem", 3: "stage2", 6: "stage3", 13: "stage4", 18: "stage5"}
    for i, layer in enumerate(model.features):
        x = layer(x)
        if i in names:
            maps[names[i]] = x
    return maps | {"logits": model.classifier(x.mean((2, 3)))}


def timm_features(model, x):
    x = model.stem(x)
    maps = {"stem": x}
    for i, stage in enumerate(model.stages, 2):
        x = maps[f"stage{i}"] = stage(x)
    return maps | {"logits": model.head(x)}


PEERS = {
    "resnet50": (lambda: models.resnet50(weights=None), resnet_features, torchvision_transform),
    "resnet101": (lambda: models.resnet101(weights=None), resnet_features, torchvision_transform),
    **{
        name: (partial(getattr(models, name), weights=None), densenet_features, torchvision_transform)
        for name in ("densenet121", "densenet161", "densenet169", "densenet201")
    },
    "mobilenet_v2": (lambda: models.mobilenet_v2(weights=None), mobilenet_v2_features, torchvision_transform),
    "ese_vovnet19b_dw": (lambda: timm.create_model("ese_vovnet19b_dw"), timm_features, timm_transform),
    "ese_vovnet39b": (lambda: timm.create_model("ese_vovnet39b"), timm_features, timm_transform),
    "ese_vovnet57b": (lambda: timm.create_model("ese_vovnet57b"), timm_features, timm_transform),
    "vovnet39": (lambda: VoVNet("vovnet39", "batch", 1000), VoVNet.features, torchvision_transform),
}


@torch.no_grad()
def classifier(name, run):
    build, features, transform = PEERS[name]
    model = procedural.fill(build(), STEADY)
    weights = run.save(model.state_dict())
    x = procedural.network_input((1, 3, 224, 224))
    yield from measures.maps(run.program.features(weights, x, model=name), features(model, x))
    worst, top, photographs = 0.0, True, 0
    for path in run.images:
        theirs = features(model, transform(model)(Image.open(path).convert("RGB"))[None])["logits"].softmax(1)[0]
        ours = run.program.classify(weights, path, model=name, top=len(theirs))
        worst = max(worst, max(abs(ours[i] - p) for i, p in enumerate(theirs.tolist())))
        top &= max(ours, key=ours.get) == theirs.argmax().item()
        photographs += 1
    yield Measured(f"probabilities[{photographs}]", worst, 1e-3)
    yield Measured("top 1", float(top), 1, at_least=True)


for name in PEERS:
    comparison(f"classify {name}")(partial(classifier, name))
