"""Canvases as a denoiser needs them: whole latent cells, and not too few."""

from __future__ import annotations

from layoutgen.domain.layout import Layout

MIN_CELLS = 8
"""Latent cells along a side of the smallest canvas."""


def padded(layout: Layout, cell: int, times: int = 1) -> Layout:
    """`layout` on a canvas of whole latent cells, a multiple of `times` and at least 8 a side.

    `cell` is the side of a latent cell in pixels.
    """
    unit = cell * times
    least = -(-MIN_CELLS // times)
    width, height = (max(least, -(-side // unit)) * unit for side in (layout.width, layout.height))
    return Layout(width, height, layout.instances, layout.prompt, layout.negative_prompt)
