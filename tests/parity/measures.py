"""How far two results are apart, and what is allowed.

Maps: largest difference relative to the largest absolute value. Detections: one to one, boxes within 0.1 px, scores
within 1e-3, labels equal, masks of at least 50 pixels with IoU of at least 0.99.
"""
import numpy as np
import torch
from pycocotools import mask as coco_mask

from comparisons import Measured

MISSING = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83]
COCO_IDS = [i for i in range(1, 91) if i not in MISSING]


def relative(ours, theirs):
    if tuple(ours.shape) != tuple(theirs.shape):
        return float("inf")
    scale = theirs.double().abs().max().clamp(min=1e-30)
    return ((ours.double() - theirs.double()).abs().max() / scale).item()


def maps(ours, theirs, limit=1e-4, what="maps"):
    """Every map of theirs is among ours; the worst of them counts."""
    worst, name = max(
        (relative(ours[name], value) if name in ours else float("inf"), name) for name, value in theirs.items()
    )
    yield Measured(what if worst <= limit else f"{what} [{name}]", worst, limit)


def proposals(ours, theirs):
    """The share of their proposals that are ours within 0.1 px, and the head's outputs on those (rows may swap)."""
    distance = torch.cdist(ours["proposals"].double(), theirs["proposals"].double(), p=float("inf"))
    near, at = distance.min(0)
    same = near < 0.1
    yield Measured("proposals", same.float().mean().item(), 0.99, at_least=True)
    if not same.any():
        return
    a = {name: ours[name][at[same]] for name in ("box_logits", "box_deltas")}
    b = {name: theirs[name][same] for name in ("box_logits", "box_deltas")}
    # 0.1 px of a proposal moves its pooled features; what float noise does here is about 1e-4.
    yield from maps(a, b, limit=1e-3, what="head")


def detections(ours, boxes, scores, category_ids, masks=None):
    """Our JSON detections against their tensors and boolean masks, matched one to one."""
    yield Measured("count", abs(len(ours) - len(scores)), 0)
    free, found, box_px, score_off, iou, large = list(ours), 0, 0.0, 0.0, 1.0, 0
    for i, (box, score, label) in enumerate(zip(boxes.tolist(), scores.tolist(), category_ids)):
        rivals = [d for d in free if d["category_id"] == label]
        distance = lambda d: max(np.abs(np.subtract(d["bbox"], box)).max(), 100 * abs(d["score"] - score))
        best = min(rivals, key=distance, default=None)
        if best is None or distance(best) >= 0.1:
            continue
        free.remove(best)
        found += 1
        box_px = max(box_px, np.abs(np.subtract(best["bbox"], box)).max())
        score_off = max(score_off, abs(best["score"] - score))
        if masks is not None and masks[i].sum() >= 50:
            mine = coco_mask.decode(best["mask"]).astype(bool)
            large += 1
            iou = min(iou, (mine & masks[i]).sum() / (mine | masks[i]).sum())
    yield Measured("unmatched", len(scores) - found, 0)
    yield Measured(f"boxes[{found}] px", box_px, 0.1)
    yield Measured("scores", score_off, 1e-3)
    if masks is not None:
        yield Measured(f"mask IoU[{large}]", iou, 0.99, at_least=True)
