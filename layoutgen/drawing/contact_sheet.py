"""Many pictures on one page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from layoutgen.drawing.fonts import font, line_height, printable, shorten

_GAP, _TEXT = 8, 13
_FEW, _TEXT_OF_MANY = 16, 17  # a sheet of more images is looked at smaller than it is
_BACK, _INK = (24, 24, 24), (240, 240, 240)


def contact_sheet(
    images: Sequence[Image.Image],
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    tile: int = 256,
    *,
    fit: bool = True,
) -> Image.Image:
    """The `images` in rows of `columns` (default: about square), each whole inside `tile` x `tile` pixels.

    A row is as high as its highest image. A caption stands below its image, cut where it is too long.

    Args:
        fit: resize the images to that; otherwise they are as they should be, at most `tile` wide.

    Raises:
        ValueError: no images, or another number of captions than of images.
    """
    if not images:
        raise ValueError("a contact sheet needs at least one image")
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"{len(images)} images but {len(captions)} captions")
    columns = columns or math.ceil(math.sqrt(len(images)))
    size = _TEXT if len(images) <= _FEW else _TEXT_OF_MANY
    below = _GAP + (line_height(size) if captions is not None else 0)
    small = [_fitted(image, tile) if fit else image for image in images]
    rows = [small[start : start + columns] for start in range(0, len(small), columns)]
    heights = [max(image.height for image in row) for row in rows]
    width = _GAP + columns * (tile + _GAP)
    sheet = Image.new("RGB", (width, _GAP + sum(heights) + below * len(rows)), _BACK)
    draw = ImageDraw.Draw(sheet)
    y = _GAP
    for number, (row, height) in enumerate(zip(rows, heights, strict=True)):
        for column, image in enumerate(row):
            x = _GAP + column * (tile + _GAP)
            sheet.paste(image, (x + (tile - image.width) // 2, y + (height - image.height) // 2))
            if captions is not None:
                text = shorten(printable(captions[number * columns + column]), size, tile)
                place = (x + tile / 2, y + height + _GAP / 2)
                draw.text(place, text, fill=_INK, font=font(size), anchor="mt")
        y += height + below
    return sheet


def _fitted(image: Image.Image, tile: int) -> Image.Image:
    scale = tile / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
