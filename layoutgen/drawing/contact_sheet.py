"""Many pictures on one page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from layoutgen.drawing.fonts import font, line_height, printable, shorten

_GAP, _TEXT = 8, 13
_BACK, _INK = (24, 24, 24), (240, 240, 240)


def contact_sheet(
    images: Sequence[Image.Image],
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    tile: int = 256,
) -> Image.Image:
    """The `images` in rows of `columns` (default: about square), each whole inside `tile` x `tile` pixels.

    A caption stands below its image, cut where it is too long.

    Raises:
        ValueError: no images, or another number of captions than of images.
    """
    if not images:
        raise ValueError("a contact sheet needs at least one image")
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"{len(images)} images but {len(captions)} captions")
    columns = columns or math.ceil(math.sqrt(len(images)))
    step_x, step_y = tile + _GAP, tile + _GAP + (line_height(_TEXT) if captions is not None else 0)
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", (_GAP + columns * step_x, _GAP + rows * step_y), _BACK)
    draw = ImageDraw.Draw(sheet)
    for index, image in enumerate(images):
        x, y = _GAP + index % columns * step_x, _GAP + index // columns * step_y
        small = _fitted(image, tile)
        sheet.paste(small, (x + (tile - small.width) // 2, y + (tile - small.height) // 2))
        if captions is not None:
            text = shorten(printable(captions[index]), _TEXT, tile)
            draw.text((x + tile / 2, y + tile + _GAP / 2), text, fill=_INK, font=font(_TEXT), anchor="mt")
    return sheet


def _fitted(image: Image.Image, tile: int) -> Image.Image:
    scale = tile / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
