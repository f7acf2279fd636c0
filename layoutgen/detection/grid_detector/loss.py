"""What a cell of the grid learns: the IoU of its own box as its score, the label, and that box.

Varifocal loss (Zhang et al. 2021, arXiv 2008.13367, equation 2) for whether something is there, generalised
IoU (Rezatofighi et al. 2019) for the box, with the positives of FCOS: the cells around the middle of a box
(Tian et al. 2019). The label has a loss of its own, on positive cells: a joint one hardly tells labels apart
as long as no score is high.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def detection_loss(
    presence: Tensor,
    classes: Tensor,
    boxes: Tensor,
    centers: Tensor,
    labels: list[dict[str, Tensor]],
    share: float,
    stride: int,
) -> Tensor:
    """The loss of B images with N cells and K labels.

    Args:
        presence: log-odds that something is there (B, N).
        classes: logits of its labels and, last, of none of them (B, N, K + 1).
        boxes: predicted corners (B, N, 4), in pixels.
        centers: of the cells (N, 2), in pixels.
        labels: per image ``class_labels`` (M,), 0 to K, and ``boxes``, corners (M, 4) in pixels.
        share: of a box's sides, around its middle, in which cells are positive.
        stride: side of a cell in pixels: the nearest cells are positive for the smallest box, too, and no
            more than five in a row for a large one, so that it does not count for many.
    """
    quality = torch.zeros_like(presence)
    distance, naming, weight = (presence.new_zeros(()) for _ in range(3))
    for index, target in enumerate(labels):
        cells, objects = assign(centers, target["boxes"], share, stride)
        iou, generalised = box_iou(boxes[index, cells], target["boxes"][objects])
        scores = iou.detach().clamp(0.05, 1.0)
        quality[index, cells] = scores
        distance = distance + ((1 - generalised) * scores).sum()
        names = target["class_labels"][objects]
        naming = naming + F.cross_entropy(classes[index, cells], names, reduction="sum")
        weight = weight + len(cells)
    # Most cells are empty and easy; those where something is have their full weight.
    focus = torch.where(quality > 0, quality, presence.detach().sigmoid().square())
    confidence = (F.binary_cross_entropy_with_logits(presence, quality, reduction="none") * focus).sum()
    return (confidence + 2.0 * (distance + naming)) / weight.clamp_min(1.0)


def assign(centers: Tensor, boxes: Tensor, share: float, stride: int) -> tuple[Tensor, Tensor]:
    """Which cells are positive, and for which of the `boxes` (M, 4); the smaller one where two claim a cell.

    Returns the cells (P,) and their objects (P,), as indices.
    """
    if not len(boxes):
        nothing = torch.zeros(0, dtype=torch.long, device=centers.device)
        return nothing, nothing
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    reach = (size * share / 2).clamp(stride * 0.75, stride * 2.5)  # (M, 2)
    inside = ((centers[:, None] - middle[None]).abs() < reach).all(-1)  # (N, M)
    area = size.prod(-1).expand(len(centers), -1).masked_fill(~inside, torch.inf)
    smallest, objects = area.min(dim=1)
    cells = torch.nonzero(smallest.isfinite()).squeeze(1)
    return cells, objects[cells]


def box_iou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of boxes `a` (P, 4) with boxes `b` (P, 4), pair by pair.

    In torch, as it is differentiated; :mod:`layoutgen.domain.boxes` has what counts boxes.
    """
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp_min(0).prod(-1)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1)
    both = (a[:, 2:] - a[:, :2]).prod(-1) + (b[:, 2:] - b[:, :2]).prod(-1) - shared
    iou = shared / both.clamp_min(1e-6)
    return iou, iou - (hull - both) / hull.clamp_min(1e-6)
