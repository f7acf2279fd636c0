"""Cut-outs pasted on a ground: the picture, and the boxes of what stays visible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

from layoutgen.domain.layout import Box, Instance

OPAQUE = 128
"""Alpha from which a pixel counts as part of the object."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """One segmented object: a tight RGBA image and what it shows."""

    label: str
    image: Image.Image


@dataclass(frozen=True, slots=True)
class Placed:
    """A cut-out at its final size, and the pixel of its upper left corner."""

    cutout: Cutout
    image: Image.Image
    x: int
    y: int


def paste(ground: Image.Image, placed: Sequence[Placed], shadow: float) -> Image.Image:
    """The `placed` cut-outs on `ground`, later ones over earlier ones.

    Args:
        shadow: darkness of the soft shadow under them, 0 to 1.
    """
    picture = _with_shadows(ground, placed, shadow) if shadow else ground.copy()
    for item in placed:
        picture.paste(item.image.convert("RGB"), (item.x, item.y), item.image.getchannel("A"))
    return picture


def visible(placed: Sequence[Placed], width: int, height: int) -> list[Instance]:
    """Each object with the box of the pixels that no later object covers."""
    owner: npt.NDArray[np.int32] = np.zeros((height, width), np.int32)
    for number, item in enumerate(placed, start=1):
        opaque = np.array(item.image.getchannel("A")) >= OPAQUE
        region = owner[item.y : item.y + item.image.height, item.x : item.x + item.image.width]
        region[opaque] = number
    seen = []
    for number, item in enumerate(placed, start=1):
        region = owner[item.y : item.y + item.image.height, item.x : item.x + item.image.width] == number
        rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
        if rows.size:
            box = Box(
                item.x + int(columns[0]),
                item.y + int(rows[0]),
                item.x + int(columns[-1]) + 1,
                item.y + int(rows[-1]) + 1,
            )
            seen.append(Instance(item.cutout.label, box))
    return seen


def _with_shadows(canvas: Image.Image, placed: Sequence[Placed], strength: float) -> Image.Image:
    """Darken the ground a little below every object."""
    shade = Image.new("L", canvas.size)
    darkness = [round(alpha * strength) for alpha in range(256)]
    for item in placed:
        alpha = item.image.getchannel("A").point(darkness)
        drop = max(1, round(0.05 * item.image.height))
        shade.paste(alpha, (item.x, item.y + drop), alpha)
    keep = ImageChops.invert(shade.filter(ImageFilter.BoxBlur(3)))
    return ImageChops.multiply(canvas, Image.merge("RGB", [keep] * 3))
