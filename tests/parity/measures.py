"""How far two results are apart, and what is allowed.

Maps: largest difference relative to the largest absolute value. Detections: one to one, boxes within 0.1 px, scores
within 1e-3, labels equal, masks of at least 50 pixels with IoU of at least 0.99. Mask probabilities before pasting:
within 0.01.

A mask is pasted into its box cut to whole pixels. Where float noise moves a corner over a whole number the mask moves
by a pixel with it, which costs a small mask more than 0.01 of its IoU: of such a mask only pixels that are more than one
away from the other mask count as different.
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


def whole_corners(box):
    """The corners between which maskrcnn-benchmark and torchvision paste a mask of 28x28 with a border of 1."""
    box = np.asarray(box, np.float64)
    half, centre = (box[2:] - box[:2]) * (15 / 28), (box[2:] + box[:2]) / 2
    return np.trunc(np.concatenate([centre - half, centre + half]))


def widened(mask):
    """The mask and every pixel beside it."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    return np.any([padded[y:y + height, x:x + width] for y in range(3) for x in range(3)], axis=0)


def agreement(ours, theirs, moved):
    """IoU of two boolean masks; of masks that were pasted a pixel apart, pixels beside the other mask are in both."""
    if not moved:
        return (ours & theirs).sum() / (ours | theirs).sum()
    far = (ours & ~widened(theirs)).sum() + (theirs & ~widened(ours)).sum()
    return 1 - far / (ours | theirs).sum()


def mask_probabilities(ours, theirs):
    """Mask probabilities `[D, 28, 28]` of the same detections, before they are pasted; ours by the names of `features`,
    theirs as `boxes` in input pixels, `labels` and `masks`."""
    apart = torch.cdist(ours["net.boxes"].double(), theirs["boxes"].double(), p=float("inf"))
    apart[ours["net.labels"][:, None] != theirs["labels"][None, :]] = float("inf")
    near, at = apart.min(0)
    same = near < 0.1
    yield Measured("mask rows", same.float().mean().item() if len(same) else 1.0, 0.99, at_least=True)
    difference = ours["mask_logits"][at[same]].double().sigmoid() - theirs["masks"][same].double()
    yield Measured("mask probabilities", difference.abs().max().item() if same.any() else 0.0, 0.01)


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
            large += 1
            moved = (whole_corners(best["bbox"]) != whole_corners(box)).any()
            iou = min(iou, agreement(coco_mask.decode(best["mask"]).astype(bool), masks[i], moved))
    yield Measured("unmatched", len(scores) - found, 0)
    yield Measured(f"boxes[{found}] px", box_px, 0.1)
    yield Measured("scores", score_off, 1e-3)
    if masks is not None:
        yield Measured(f"mask IoU[{large}]", iou, 0.99, at_least=True)
