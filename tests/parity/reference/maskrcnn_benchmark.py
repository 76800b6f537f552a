"""Faster and Mask R-CNN FPN of maskrcnn-benchmark / VoVNet-Detectron, inference only, with their keys.

Legacy conventions throughout: BGR, anchors rounded at the scale of the stride, boxes that count x2 - x1 + 1 pixels,
NMS that suppresses at IoU >= threshold, RoIAlign without the half-pixel shift.
"""
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from . import boxes as B
from .images import BENCHMARK_MEAN, benchmark_size, network_input
from .masks import benchmark_paste
from .norms import norm
from .resnet import ResNet
from .rois import pool
from .vovnet import VARIANTS, VoVNet

STRIDES, SIZES = (4, 8, 16, 32, 64), (32, 64, 128, 256, 512)


def conv(fan_in, out, kernel, group_norm):
    """A plain convolution, or a bias-free one followed by GroupNorm."""
    layer = nn.Conv2d(fan_in, out, kernel, padding=kernel // 2, bias=not group_norm)
    return nn.Sequential(layer, norm("group", out)) if group_norm else layer


class Fpn(nn.Module):
    def __init__(self, widths, out, group_norm):
        super().__init__()
        for i, width in enumerate(widths, 1):
            self.add_module(f"fpn_inner{i}", conv(width, out, 1, group_norm))
            self.add_module(f"fpn_layer{i}", conv(out, out, 3, group_norm))

    def forward(self, stages):
        top, maps = None, []
        for i in range(len(stages), 0, -1):
            lateral = getattr(self, f"fpn_inner{i}")(stages[i - 1])
            top = lateral if top is None else lateral + F.interpolate(top, scale_factor=2, mode="nearest")
            maps.insert(0, getattr(self, f"fpn_layer{i}")(top))
        return maps + [F.max_pool2d(maps[-1], 1, 2)]


class RpnHead(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.cls_logits, self.bbox_pred = nn.Conv2d(width, 3, 1), nn.Conv2d(width, 12, 1)

    def forward(self, maps):
        hidden = [F.relu(self.conv(x)) for x in maps]
        return [self.cls_logits(x) for x in hidden], [self.bbox_pred(x) for x in hidden]


class Anchors(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell_anchors = nn.Module()
        for i, (stride, size) in enumerate(zip(STRIDES, SIZES)):
            self.cell_anchors.register_buffer(str(i), B.benchmark_cell_anchors(stride, size))

    def level(self, i, height, width):
        return B.grid_anchors(getattr(self.cell_anchors, str(i)), height, width, STRIDES[i])


class BoxFeatures(nn.Module):
    """Two fully connected layers, or (with GroupNorm) four convolutions and one."""

    def __init__(self, width, group_norm):
        super().__init__()
        if group_norm:
            layers = []
            for i in range(4):
                layers += [nn.Conv2d(width if i == 0 else 256, 256, 3, padding=1, bias=False), norm("group", 256)]
                layers += [nn.ReLU()]
            self.xconvs, width = nn.Sequential(*layers), 256
        else:
            self.fc7 = nn.Linear(1024, 1024)
        self.fc6 = nn.Linear(width * 49, 1024)

    def forward(self, x):
        if hasattr(self, "xconvs"):
            return F.relu(self.fc6(self.xconvs(x).flatten(1)))
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))


class MaskFeatures(nn.Module):
    def __init__(self, width, group_norm):
        super().__init__()
        for i in range(1, 5):
            self.add_module(f"mask_fcn{i}", conv(width if i == 1 else 256, 256, 3, group_norm))

    def forward(self, x):
        for layer in self.children():
            x = F.relu(layer(x))
        return x


def children(**modules):
    parent = nn.Module()
    for name, module in modules.items():
        parent.add_module(name, module)
    return parent


class Detector(nn.Module):
    """`group_norm` is the scratch configuration: GroupNorm in body, FPN and heads, box head of 4 convolutions."""

    def __init__(self, backbone, masks=True, group_norm=False, width=256, classes=81, score=0.05):
        super().__init__()
        kind, self.score = "group" if group_norm else "frozen without eps", score
        body = VoVNet(backbone, kind) if backbone in VARIANTS else ResNet(backbone, kind, "maskrcnn-benchmark")
        self.backbone = nn.Sequential(OrderedDict(body=body, fpn=Fpn(body.widths, width, group_norm)))
        self.rpn = children(head=RpnHead(width), anchor_generator=Anchors())
        predictor = children(cls_score=nn.Linear(1024, classes), bbox_pred=nn.Linear(1024, 4 * classes))
        self.roi_heads = children(box=children(feature_extractor=BoxFeatures(width, group_norm), predictor=predictor))
        if masks:
            predictor = children(
                conv5_mask=nn.ConvTranspose2d(256, 256, 2, 2), mask_fcn_logits=nn.Conv2d(256, classes, 1)
            )
            self.roi_heads.mask = children(feature_extractor=MaskFeatures(width, group_norm), predictor=predictor)

    def input(self, image):
        """The network's input and the (width, height) of the image in it."""
        size = benchmark_size(*image.size)
        return network_input(image, size, BENCHMARK_MEAN), size

    def proposals(self, logits, deltas, size):
        boxes, scores = [], []
        for i, (logit, delta) in enumerate(zip(logits, deltas)):
            anchors = self.rpn.anchor_generator.level(i, *logit.shape[2:])
            score = B.flatten_level(logit, 1)[:, 0].sigmoid()
            score, at = score.topk(min(1000, len(score)))
            box = B.decode(B.flatten_level(delta, 4)[at][:, None], anchors[at], (1, 1, 1, 1), 1)[:, 0]
            box = B.clip(box, size[1], size[0], 1)
            kept = B.nms_plus_one(box, score, 0.7)[:1000]
            boxes.append(box[kept])
            scores.append(score[kept])
        boxes, scores = torch.cat(boxes), torch.cat(scores)
        return boxes[scores.topk(min(1000, len(scores))).indices]

    def pool(self, maps, boxes, side):
        return pool(maps, boxes, side, 1, 1e-6, 2, False)

    def box_head(self, maps, proposals):
        x = self.roi_heads.box.feature_extractor(self.pool(maps, proposals, 7))
        predictor = self.roi_heads.box.predictor
        return predictor.cls_score(x), predictor.bbox_pred(x)

    def postprocess(self, logits, deltas, proposals, size):
        """Boxes, scores, labels (1 is the first class), in the order of the classes."""
        scores = logits.softmax(1)
        boxes = B.decode(deltas.view(len(deltas), -1, 4), proposals, (10, 10, 5, 5), 1)
        boxes = B.clip(boxes, size[1], size[0], 1)
        found = []
        for label in range(1, scores.shape[1]):
            at = (scores[:, label] > self.score).nonzero()[:, 0]
            box, score = boxes[at, label], scores[at, label]
            kept = B.nms_plus_one(box, score, 0.5)
            found.append((box[kept], score[kept], torch.full((len(kept),), label)))
        boxes, scores, labels = (torch.cat(x) for x in zip(*found))
        if len(scores) > 100:
            kept = scores >= scores.kthvalue(len(scores) - 100 + 1).values
            boxes, scores, labels = boxes[kept], scores[kept], labels[kept]
        return boxes, scores, labels

    def mask_head(self, maps, boxes, labels):
        x = self.roi_heads.mask.feature_extractor(self.pool(maps, boxes, 14))
        x = F.relu(self.roi_heads.mask.predictor.conv5_mask(x))
        return self.roi_heads.mask.predictor.mask_fcn_logits(x)[torch.arange(len(labels)), labels]

    @torch.no_grad()
    def raw(self, x, size):
        """Everything on the way, by the names of `vovdet features`."""
        out = {"input": x}
        stages = self.backbone.body(x)
        maps = self.backbone.fpn(stages)
        logits, deltas = self.rpn.head(maps)
        out |= {f"stage{i + 2}": y for i, y in enumerate(stages)}
        out |= {f"fpn.p{i + 2}": y for i, y in enumerate(maps)}
        out |= {f"rpn.objectness.{i}": y for i, y in enumerate(logits)}
        out |= {f"rpn.deltas.{i}": y for i, y in enumerate(deltas)}
        proposals = out["proposals"] = self.proposals(logits, deltas, size)
        logits, deltas = out["box_logits"], out["box_deltas"] = self.box_head(maps, proposals)
        boxes, scores, labels = self.postprocess(logits, deltas, proposals, size)
        out |= {"boxes": boxes, "scores": scores, "labels": labels}
        if hasattr(self.roi_heads, "mask"):
            out["masks"] = self.mask_head(maps, boxes, labels).sigmoid()
        return out

    def detect(self, image, raw=None):
        """Detections in pixels of the image: boxes, scores, contiguous labels from 1, boolean masks or None."""
        x, size = self.input(image)
        raw = raw or self.raw(x, size)
        width, height = image.size
        ratio = raw["boxes"].new_tensor([width / size[0], height / size[1]] * 2)
        boxes = raw["boxes"] * ratio
        masks = [benchmark_paste(m, b, height, width) for m, b in zip(raw["masks"], boxes)] if "masks" in raw else None
        return boxes, raw["scores"], raw["labels"], masks
