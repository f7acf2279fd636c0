"""The two pictures of a layout that img2img reads: what is where, and which part of it.

A plain class map cannot separate two touching dogs. So every instance has an outline of its own in the
class map, and a second picture, the place map, tells each pixel where in its own box it lies.
Both are part of what a trained model has learnt: changing a pixel here makes every checkpoint worse.
"""

from __future__ import annotations

import colorsys
import hashlib

import numpy as np
import numpy.typing as npt
from PIL import Image

from layoutgen.labels import COCO_CATEGORIES
from layoutgen.layout import Instance, Layout

BACKGROUND = (0, 0, 0)
OUTLINE = (255, 255, 255)
_OUTLINE_SHARE = 0.06  # of the shorter side of the box

_COCO_IDS = {name: number for number, name in COCO_CATEGORIES.items()}
_GOLDEN_RATIO = 0.6180339887498949

Pixels = npt.NDArray[np.uint8]


def class_color(label: str) -> tuple[int, int, int]:
    """The colour (R, G, B) of `label` in a class map: the same in every run, for any string."""
    code = _COCO_IDS.get(label) or int.from_bytes(hashlib.sha256(label.encode()).digest()[:3], "big")
    red, green, blue = colorsys.hsv_to_rgb(code * _GOLDEN_RATIO % 1.0, 0.9, 0.6 + 0.1 * (code % 4))
    return round(red * 255), round(green * 255), round(blue * 255)


def class_map(layout: Layout) -> Image.Image:
    """Draw each instance as a box in its class colour with a white outline, on black (RGB, canvas size)."""
    pixels = np.full((layout.height, layout.width, 3), BACKGROUND, np.uint8)
    for instance in _large_first(layout):
        box = instance.box
        rows, columns = _span(box.y0, box.y1, layout.height), _span(box.x0, box.x1, layout.width)
        border = max(1.0, _OUTLINE_SHARE * min(box.width, box.height))
        inner_rows = _span(box.y0 + border, box.y1 - border, layout.height)
        inner_columns = _span(box.x0 + border, box.x1 - border, layout.width)
        pixels[rows, columns] = OUTLINE
        pixels[inner_rows, inner_columns] = class_color(instance.label)
    return Image.fromarray(pixels)


def place_map(layout: Layout) -> Image.Image:
    """Draw for each pixel where in its box it lies: red left to right, green top to bottom, blue inside.

    Boxes that reach beyond the canvas keep their own scale: what shows is the visible part of the ramp.
    """
    pixels: Pixels = np.zeros((layout.height, layout.width, 3), np.uint8)
    x, y = np.arange(layout.width) + 0.5, np.arange(layout.height) + 0.5
    for instance in _large_first(layout):
        box = instance.box
        rows, columns = _span(box.y0, box.y1, layout.height), _span(box.x0, box.x1, layout.width)
        pixels[rows, columns, 0] = np.clip((x[columns] - box.x0) / box.width, 0, 1) * 255
        pixels[rows, columns, 1] = np.clip((y[rows] - box.y0) / box.height, 0, 1)[:, None] * 255
        pixels[rows, columns, 2] = 255
    return Image.fromarray(pixels)


def _large_first(layout: Layout) -> list[Instance]:
    """Small boxes are drawn over large ones, whatever the order in the file."""
    return sorted(layout.instances, key=lambda i: (-i.box.area, i.box.xyxy, i.label))


def _span(start: float, stop: float, limit: int) -> slice:
    """The pixels whose centres lie in [start, stop), as a slice of an axis of `limit` pixels."""
    first, last = int(np.ceil(start - 0.5)), int(np.ceil(stop - 0.5))
    return slice(min(max(first, 0), limit), min(max(last, 0), limit))
