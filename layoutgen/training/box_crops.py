"""What a judge sees alone: boxes of pictures, cut out as squares of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from layoutgen.domain.layout import Layout

_BOX_SIDE = 96  # pixels of a box as the judge sees it
_BOXES_EACH = 2  # boxes of a picture, at most, that it sees alone
_SMALLEST = 8.0  # pixels along a side of a box that shows anything
_JITTER = 0.06  # of a box's longer side, so that the judge does not learn where a box ends


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of picture `row`: a square around (x, y) of the side `side`, all in pixels; what it shows."""

    row: int
    label: str
    x: float
    y: float
    side: float


def choose_crops(layouts: Sequence[Layout], generators: Sequence[torch.Generator]) -> list[Crop]:
    """Up to two boxes of each layout, with a margin that differs each time.

    Boxes that lie outside of the picture by half or more, or are a few pixels large, show nothing.
    """
    crops = []
    for row, (layout, generator) in enumerate(zip(layouts, generators, strict=True)):
        order = torch.randperm(len(layout.instances), generator=generator).tolist()
        shown = [one for one in map(layout.instances.__getitem__, order) if _is_shown(one.box, layout)]
        for one in shown[:_BOXES_EACH]:
            margin, x, y = torch.rand(3, generator=generator).tolist()
            longer = max(one.box.width, one.box.height)
            x = (one.box.x0 + one.box.x1) / 2 + longer * _JITTER * (2 * x - 1)
            y = (one.box.y0 + one.box.y1) / 2 + longer * _JITTER * (2 * y - 1)
            crops.append(Crop(row, one.label, x, y, longer * (1.08 + 0.3 * margin)))
    return crops


def fill_up(crops: Sequence[Crop], multiple: int) -> list[Crop]:
    """The `crops`, and some of them again, so that their number is a `multiple`; of none there are none."""
    missing = -len(crops) % multiple
    return [*crops, *islice(cycle(crops), missing)]


def _is_shown(box: Any, layout: Layout) -> bool:
    inside = box.clip(layout.width, layout.height)
    if inside is None or min(inside.width, inside.height) < _SMALLEST:
        return False
    return bool(inside.area > 0.5 * box.area)


def cut(images: Tensor, crops: Sequence[Crop]) -> Tensor:
    """The `crops` of `images` (B, 3, H, W) as squares (K, 3, 96, 96); the border goes on beyond the image."""
    height, width = images.shape[-2:]
    maps = torch.tensor(
        [
            [[crop.side / width, 0, 2 * crop.x / width - 1], [0, crop.side / height, 2 * crop.y / height - 1]]
            for crop in crops
        ],
        dtype=torch.float32,
        device=images.device,
    )
    grid = F.affine_grid(maps, [len(crops), 3, _BOX_SIDE, _BOX_SIDE], align_corners=False)
    rows = torch.tensor([crop.row for crop in crops], device=images.device)
    return F.grid_sample(images[rows].float(), grid, padding_mode="border", align_corners=False)
