"""Boxes larger than a denoiser draws: painted on a coarser canvas first, then enlarged and refined.

Layer k is the canvas at 1 / 2 ** k of its size. A box is painted in the first layer in which it is as large
as the denoiser draws at most, so that a dog of 300 px is one dog and not a crowd of small ones. In the next
finer layer what the coarser one painted is kept during the first steps, as in Blended Latent Diffusion
(Avrahami et al., arXiv 2206.02779), and the last steps refine all of it, as in SDEdit (Meng et al., arXiv
2108.01073).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from layoutgen.domain.layout import Box, Instance, Layout

REFINED_BELOW = 0.5
"""Part of the noise schedule, from its end, in which a layer repaints what a coarser one painted."""
_MARGIN = 1.0  # latent cells around a box that its own layer paints


@dataclass(frozen=True)
class Layer:
    """One layer of I images.

    Attributes:
        number: 0 is the finest.
        canvases: what the images show at this size: the boxes of this layer and of coarser ones.
        own: (I, 1, h, w), 1 in the cells of this layer's own boxes, with a margin, else 0.
    """

    number: int
    canvases: tuple[Layout, ...]
    own: Tensor

    @property
    def has_own(self) -> bool:
        """Whether any box is painted first in this layer."""
        return bool(self.own.any())


def layer_of(box: Box, largest: float) -> int:
    """The layer in which the longer side of `box` is at most `largest` pixels."""
    longer = max(box.width, box.height)
    return 0 if longer <= largest else math.ceil(math.log2(longer / largest) - 1e-9)


def own_layers(layout: Layout, largest: float) -> tuple[int, ...]:
    """The layers in which boxes of `layout` are painted, the coarsest first; (0,) without boxes."""
    return tuple(sorted({layer_of(one.box, largest) for one in layout.instances}, reverse=True)) or (0,)


def layers_of(canvases: Sequence[Layout], largest: float, cell: int, min_cells: int) -> list[Layer]:
    """The layers of `canvases`, all of one size, the coarsest first.

    Args:
        largest: longer side, in pixels, of a box that the denoiser draws at once.
        cell: pixels of a latent cell along a side; the canvases are whole cells in all their layers.
        min_cells: along a side of a layer; one that would be smaller shows an empty strip beside.
    """
    coarsest = max(own_layers(canvas, largest)[0] for canvas in canvases)
    return [_layer(canvases, number, largest, cell, min_cells) for number in range(coarsest, -1, -1)]


def _layer(canvases: Sequence[Layout], number: int, largest: float, cell: int, min_cells: int) -> Layer:
    scale = 2**number
    width, height = (max(side // scale, min_cells * cell) for side in (canvases[0].width, canvases[0].height))
    own = torch.zeros(len(canvases), 1, height // cell, width // cell)
    shown = []
    for row, canvas in enumerate(canvases):
        there = [one for one in canvas.instances if layer_of(one.box, largest) >= number]
        for one in there:
            if layer_of(one.box, largest) == number:
                x0, y0, x1, y1 = one.box.scale(1 / (scale * cell), 1 / (scale * cell)).xyxy
                rows = slice(max(0, math.floor(y0 - _MARGIN)), max(0, math.ceil(y1 + _MARGIN)))
                own[row, 0, rows, max(0, math.floor(x0 - _MARGIN)) : max(0, math.ceil(x1 + _MARGIN))] = 1
        scaled = tuple(Instance(one.label, one.box.scale(1 / scale, 1 / scale)) for one in there)
        shown.append(replace(canvas, width=width, height=height, instances=scaled))
    return Layer(number, tuple(shown), own)


def enlarged(pixels: Tensor, height: int, width: int) -> Tensor:
    """`pixels` (B, 3, H, W) in [-1, 1], twice as large, cut or filled up to `height` x `width` pixels."""
    twice = F.interpolate(pixels, scale_factor=2.0, mode="bicubic").clamp(-1, 1)[..., :height, :width]
    return F.pad(twice, (0, width - twice.shape[-1], 0, height - twice.shape[-2]), mode="replicate")
