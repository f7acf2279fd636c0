"""The two maps of a layout that img2img reads: which label is where, and which part of its box.

A plain class map cannot separate two touching dogs. So every instance has an outline of its own in the
class map, and a second map, the position map, tells each pixel where in its own box it lies.
Both are part of what a trained model has learnt: changing a pixel here makes every checkpoint worse.

The denoiser reads one value for each cell of C x C pixels, so both are also here as the means of their cells.
"""

from __future__ import annotations

import colorsys
import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from layoutgen.domain.labels import COCO_CATEGORIES
from layoutgen.domain.layout import Instance, Layout
from layoutgen.drawing.colors import Color
from layoutgen.methods.registry import POSITION_CHANNELS

BACKGROUND = (0, 0, 0)
OUTLINE = (255, 255, 255)
_OUTLINE_SHARE = 0.06  # of the shorter side of the box

_COCO_IDS = {name: number for number, name in COCO_CATEGORIES.items()}
_GOLDEN_RATIO = 0.6180339887498949

Cells = npt.NDArray[np.float32]


def class_color(label: str) -> Color:
    """The colour (R, G, B) of `label` in a class map: the same in every run, for any string."""
    code = _COCO_IDS.get(label) or int.from_bytes(hashlib.sha256(label.encode()).digest()[:3], "big")
    red, green, blue = colorsys.hsv_to_rgb(code * _GOLDEN_RATIO % 1.0, 0.9, 0.6 + 0.1 * (code % 4))
    return round(red * 255), round(green * 255), round(blue * 255)


def class_map(layout: Layout) -> Image.Image:
    """Draw each instance as a box in its class colour with a white outline, on black (RGB, canvas size)."""
    numbers, palette = _numbered(layout)
    return Image.fromarray(np.array(palette, np.uint8)[numbers])


def class_shares(layout: Layout, cell: int) -> tuple[list[Color], Cells]:
    """The K colours of the class map, and the share (H / C, W / C, K) of every cell that each covers.

    Args:
        cell: C, side of a cell in pixels; the canvas must be whole cells.
    """
    numbers, palette = _numbered(layout)
    rows, columns = layout.height // cell, layout.width // cell
    cells = np.arange(rows * columns).reshape(rows, columns).repeat(cell, axis=0).repeat(cell, axis=1)
    counts = np.bincount((cells * len(palette) + numbers).ravel(), minlength=rows * columns * len(palette))
    return palette, (counts / cell**2).astype(np.float32).reshape(rows, columns, len(palette))


def position_cells(layout: Layout, cell: int) -> Cells:
    """The position map: for each pixel where in its box it lies, as the mean of every cell (3, H / C, W / C).

    The channels are x from left (0) to right (1), y from top (0) to bottom (1), and 1; outside of boxes all
    are 0. Boxes that reach beyond the canvas keep their own scale: the visible part of the ramp shows.

    Args:
        cell: C, side of a cell in pixels; the canvas must be whole cells.
    """
    pixels = np.zeros((POSITION_CHANNELS, layout.height, layout.width), np.float32)
    x, y = np.arange(layout.width) + 0.5, np.arange(layout.height) + 0.5
    for instance, rows, columns in _drawn(layout):
        box = instance.box
        pixels[0, rows, columns] = (x[columns] - box.x0) / box.width
        pixels[1, rows, columns] = ((y[rows] - box.y0) / box.height)[:, None]
        pixels[2, rows, columns] = 1
    height, width = layout.height // cell, layout.width // cell
    means: Cells = pixels.reshape(POSITION_CHANNELS, height, cell, width, cell).mean(axis=(2, 4))
    return means


def _numbered(layout: Layout) -> tuple[npt.NDArray[np.uint16], list[Color]]:
    """The class map as numbers (H, W) of colours, and the colours, all different."""
    palette = list(dict.fromkeys([BACKGROUND, OUTLINE, *map(class_color, sorted(layout.labels))]))
    numbers = np.zeros((layout.height, layout.width), np.uint16)
    for instance, rows, columns in _drawn(layout):
        box = instance.box
        border = max(1.0, _OUTLINE_SHARE * min(box.width, box.height))
        inner_rows = _span(box.y0 + border, box.y1 - border, layout.height)
        inner_columns = _span(box.x0 + border, box.x1 - border, layout.width)
        numbers[rows, columns] = palette.index(OUTLINE)
        numbers[inner_rows, inner_columns] = palette.index(class_color(instance.label))
    return numbers, palette


def _drawn(layout: Layout) -> Iterator[tuple[Instance, slice, slice]]:
    """The instances with their rows and columns: small boxes over large ones, whatever their order."""
    for instance in sorted(layout.instances, key=lambda i: (-i.box.area, i.box.xyxy, i.label)):
        x0, y0, x1, y1 = instance.box.xyxy
        yield instance, _span(y0, y1, layout.height), _span(x0, x1, layout.width)


def _span(start: float, stop: float, limit: int) -> slice:
    """The pixels whose centres lie in [start, stop), as a slice of an axis of `limit` pixels."""
    first, last = int(np.ceil(start - 0.5)), int(np.ceil(stop - 0.5))
    return slice(min(max(first, 0), limit), min(max(last, 0), limit))
