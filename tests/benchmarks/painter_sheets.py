"""Pictures for the eye: painted boxes enlarged, and those that are most like a training crop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from layoutgen.drawing.contact_sheet import contact_sheet
from layoutgen.features.neighbours import Copying

_TIMES = 4


def enlarged(crops: Sequence[Image.Image], count: int = 10, columns: int = 5) -> Image.Image:
    """`count` random crops, each pixel as a square of 4 x 4."""
    chosen = np.random.default_rng(0).permutation(len(crops))[:count]
    pictures = [crops[index] for index in chosen]
    side = max(max(picture.size) for picture in pictures)
    return contact_sheet([_square(one, side) for one in pictures], columns=columns, tile=side * _TIMES)


def closest_pairs(
    made: Sequence[Image.Image], training: Sequence[Image.Image], copying: Copying, count: int = 8
) -> Image.Image:
    """The `count` painted crops that are nearest to a training crop, each with that one on its right."""
    pictures, captions = [], []
    for index in copying.made.argsort()[:count].tolist():
        pictures += [made[index], training[int(copying.which[index])]]
        captions += ["painted", f"training, at {float(copying.made[index]):.2f}"]
    side = max(max(picture.size) for picture in pictures)
    squares = [_square(picture, side) for picture in pictures]
    return contact_sheet(squares, captions, columns=4, tile=side * _TIMES)


def _square(crop: Image.Image, side: int) -> Image.Image:
    """The crop enlarged, in the middle of a square that a contact sheet will not scale."""
    square = Image.new("RGB", (side * _TIMES, side * _TIMES), (24, 24, 24))
    large = crop.resize((crop.width * _TIMES, crop.height * _TIMES), Image.Resampling.NEAREST)
    square.paste(large, ((square.width - large.width) // 2, (square.height - large.height) // 2))
    return square
