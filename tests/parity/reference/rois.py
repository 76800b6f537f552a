"""Which level a region is pooled from, and the pooling. RoIAlign is torchvision's operator, which both dialects use."""
import torch
from torchvision.ops import roi_align


def levels(boxes, one, eps):
    """0 for P2 to 3 for P5: floor(4 + log2(sqrt(area) / 224 + eps)), clamped."""
    size = boxes[:, 2:] - boxes[:, :2] + one
    return (4 + torch.log2(size.prod(1).sqrt() / 224 + eps)).floor().clamp(2, 5).long() - 2


def pool(maps, boxes, side, one, eps, sampling, aligned):
    """[N, C, side, side] of boxes [N, 4] from the maps P2 to P5."""
    out = maps[0].new_zeros(len(boxes), maps[0].shape[1], side, side)
    level = levels(boxes, one, eps)
    for i in range(4):
        at = (level == i).nonzero()[:, 0]
        if len(at):
            out[at] = roi_align(maps[i], [boxes[at]], side, 1 / (4 << i), sampling, aligned)
    return out
