"""Boxes smaller than a model draws well: the canvas is painted larger, and the picture reduced."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from PIL import Image

from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import LARGEST_ZOOM


def zoom_for(layouts: Sequence[Layout], drawn_well: float) -> int:
    """The least zoom at which the median box of each of `layouts` is drawn well; at most 4.

    Args:
        drawn_well: longer side, in pixels, from which a model draws objects well.
    """
    return max((_zoom(layout, drawn_well) for layout in layouts), default=1)


def _zoom(layout: Layout, drawn_well: float) -> int:
    if not layout.instances:
        return 1
    return min(LARGEST_ZOOM, max(1, math.ceil(drawn_well / median_side(layout) - 1e-9)))


def median_side(layout: Layout) -> float:
    """The median of the longer sides of all boxes, in pixels; there must be one."""
    return median(max(one.box.width, one.box.height) for one in layout.instances)


def zoomed(layout: Layout, zoom: int) -> Layout:
    """`layout` on a canvas `zoom` times as large."""
    return layout.resize(layout.width * zoom, layout.height * zoom)


def reduced(images: Sequence[Image.Image], zoom: int) -> list[Image.Image]:
    """`images` at 1 / `zoom` of their size: each pixel is the mean of those that it was painted with."""
    return [image.reduce(zoom) if zoom > 1 else image for image in images]


def enlarged_to(
    sizes: Sequence[tuple[int, int]], images: Sequence[Image.Image], painted: tuple[int, int]
) -> list[Image.Image]:
    """`images` of a smaller canvas, `painted` (width, height), as large as they will be: `sizes`."""
    if [image.size for image in images] == list(sizes):
        return list(images)
    scale = max(sizes[0][0] / painted[0], sizes[0][1] / painted[1])
    return [
        image.resize((round(image.width * scale), round(image.height * scale))).crop((0, 0, *size))
        for image, size in zip(images, sizes, strict=True)
    ]
