"""Faster and Mask R-CNN FPN of detectron2 / vovnet-detectron2, inference only, with their keys.

`width` 128 is FPNLite. Exact anchors, no +1, RoIAlignV2 (aligned, adaptive sampling), background last.
"""
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.ops import batched_nms

from . import boxes as B
from .images import DETECTRON2_MEAN, detectron2_size, network_input
from .maskrcnn_benchmark import SIZES, STRIDES, children
from .masks import detectron2_paste
from .resnet import NormedConv, ResNet
from .rois import pool
from .vovnet import VARIANTS, VoVNet


def conv(fan_in, out, kernel, group_norm):
    """A plain convolution, or a bias-free one with GroupNorm inside."""
    if group_norm:
        return NormedConv("group", fan_in, out, kernel, padding=kernel // 2, bias=False)
    return nn.Conv2d(fan_in, out, kernel, padding=kernel // 2)


class Backbone(nn.Module):
    def __init__(self, name, width, kind):
        super().__init__()
        self.bottom_up = VoVNet(name, kind) if name in VARIANTS else ResNet(name, kind, "detectron2")
        for level, fan_in in enumerate(self.bottom_up.widths, 2):
            self.add_module(f"fpn_lateral{level}", conv(fan_in, width, 1, kind == "group"))
            self.add_module(f"fpn_output{level}", conv(width, width, 3, kind == "group"))

    def fpn(self, stages):
        maps, top = [], None
        for level in (5, 4, 3, 2):
            lateral = getattr(self, f"fpn_lateral{level}")(stages[level - 2])
            top = lateral if top is None else lateral + F.interpolate(top, scale_factor=2.0, mode="nearest")
            maps.insert(0, getattr(self, f"fpn_output{level}")(top))
        return maps + [F.max_pool2d(maps[-1], 1, 2)]


class RpnHead(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.objectness_logits, self.anchor_deltas = nn.Conv2d(width, 3, 1), nn.Conv2d(width, 12, 1)

    def forward(self, maps):
        hidden = [F.relu(self.conv(x)) for x in maps]
        return [self.objectness_logits(x) for x in hidden], [self.anchor_deltas(x) for x in hidden]


class BoxHead(nn.Module):
    def __init__(self, width, group_norm):
        super().__init__()
        if group_norm:
            for i in range(1, 5):
                self.add_module(f"conv{i}", conv(width if i == 1 else 256, 256, 3, True))
            width = 256
        self.fc1 = nn.Linear(width * 49, 1024)
        if not group_norm:
            self.fc2 = nn.Linear(1024, 1024)

    def forward(self, x):
        for name, layer in self.named_children():
            x = F.relu(layer(x.flatten(1) if name.startswith("fc") else x))
        return x


class MaskHead(nn.Module):
    def __init__(self, width, group_norm, classes):
        super().__init__()
        for i in range(1, 5):
            self.add_module(f"mask_fcn{i}", conv(width if i == 1 else 256, 256, 3, group_norm))
        self.deconv, self.predictor = nn.ConvTranspose2d(256, 256, 2, 2), nn.Conv2d(256, classes, 1)

    def forward(self, x):
        *layers, predictor = self.children()
        for layer in layers:
            x = F.relu(layer(x))
        return predictor(x)


class Detector(nn.Module):
    """`group_norm`: GroupNorm in body, FPN and heads, box head of 4 convolutions and one layer."""

    def __init__(self, backbone, masks=True, group_norm=False, width=256, classes=80, score=0.05):
        super().__init__()
        self.score = score
        self.backbone = Backbone(backbone, width, "group" if group_norm else "frozen")
        self.proposal_generator = children(rpn_head=RpnHead(width))
        predictor = children(cls_score=nn.Linear(1024, classes + 1), bbox_pred=nn.Linear(1024, 4 * classes))
        self.roi_heads = children(box_head=BoxHead(width, group_norm), box_predictor=predictor)
        if masks:
            self.roi_heads.mask_head = MaskHead(width, group_norm, classes)

    def input(self, image):
        """The network's input and the (width, height) of the image in it."""
        size = detectron2_size(*image.size)
        return network_input(image, size, DETECTRON2_MEAN), size

    def proposals(self, logits, deltas, size):
        boxes, scores, levels = [], [], []
        for i, (logit, delta) in enumerate(zip(logits, deltas)):
            anchors = B.grid_anchors(B.detectron2_cell_anchors(SIZES[i]), *logit.shape[2:], STRIDES[i])
            score, at = B.flatten_level(logit, 1)[:, 0].topk(min(1000, logit.numel()))
            box = B.decode(B.flatten_level(delta, 4)[at][:, None], anchors[at], (1, 1, 1, 1), 0)[:, 0]
            boxes.append(B.clip(box, size[1], size[0], 0))
            scores.append(score)
            levels.append(torch.full_like(at, i))
        boxes, scores, levels = torch.cat(boxes), torch.cat(scores), torch.cat(levels)
        real = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)
        boxes, scores, levels = boxes[real], scores[real], levels[real]
        return boxes[batched_nms(boxes, scores, levels, 0.7)[:1000]]

    def pool(self, maps, boxes, side):
        return pool(maps, boxes, side, 0, 1e-8, 0, True)

    def box_head(self, maps, proposals):
        x = self.roi_heads.box_head(self.pool(maps, proposals, 7))
        return self.roi_heads.box_predictor.cls_score(x), self.roi_heads.box_predictor.bbox_pred(x)

    def postprocess(self, logits, deltas, proposals, size):
        """Boxes, scores, labels (0 is the first class), best first."""
        scores = logits.softmax(1)[:, :-1]
        boxes = B.clip(B.decode(deltas.view(len(deltas), -1, 4), proposals, (10, 10, 5, 5), 0), size[1], size[0], 0)
        row, label = (scores > self.score).nonzero().T
        boxes, scores = boxes[row, label], scores[row, label]
        kept = batched_nms(boxes, scores, label, 0.5)[:100]
        return boxes[kept], scores[kept], label[kept]

    @torch.no_grad()
    def raw(self, x, size):
        """Everything on the way, by the names of `vovdet features`."""
        out = {"input": x}
        stages = self.backbone.bottom_up(x)
        maps = self.backbone.fpn(stages)
        logits, deltas = self.proposal_generator.rpn_head(maps)
        out |= {f"stage{i + 2}": y for i, y in enumerate(stages)}
        out |= {f"fpn.p{i + 2}": y for i, y in enumerate(maps)}
        out |= {f"rpn.objectness.{i}": y for i, y in enumerate(logits)}
        out |= {f"rpn.deltas.{i}": y for i, y in enumerate(deltas)}
        proposals = out["proposals"] = self.proposals(logits, deltas, size)
        logits, deltas = out["box_logits"], out["box_deltas"] = self.box_head(maps, proposals)
        boxes, scores, labels = self.postprocess(logits, deltas, proposals, size)
        out |= {"boxes": boxes, "scores": scores, "labels": labels}
        if hasattr(self.roi_heads, "mask_head"):
            logits = self.roi_heads.mask_head(self.pool(maps, boxes, 14))
            out["masks"] = logits[torch.arange(len(labels)), labels].sigmoid()
        return out

    def detect(self, image, raw=None):
        """Detections in pixels of the image: boxes, scores, contiguous labels from 1, boolean masks or None."""
        x, size = self.input(image)
        raw = raw or self.raw(x, size)
        width, height = image.size
        boxes = raw["boxes"] * raw["boxes"].new_tensor([width / size[0], height / size[1]] * 2)
        boxes = B.clip(boxes, height, width, 0)
        real = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)
        boxes, masks = boxes[real], None
        if "masks" in raw:
            masks = [detectron2_paste(m, b, height, width) for m, b in zip(raw["masks"][real], boxes)]
        return boxes, raw["scores"][real], raw["labels"][real] + 1, masks
