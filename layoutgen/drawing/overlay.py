"""A picture with its layout drawn over it, to be read by a person: with one box, and with 300."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from statistics import median

from PIL import Image, ImageDraw

from layoutgen.domain.layout import Box, Layout
from layoutgen.drawing.colors import Color, label_colors, text_color
from layoutgen.drawing.fonts import font, line_height, printable

_GOOD_SIDE = 768  # a picture whose longer side is shorter than this is shown enlarged
_GOOD_BOX = 40  # and so is one whose typical box is smaller than this
_LARGEST_SIDE = 2048
_SMALLEST_TEXT = 10
_SMALLEST_ON_SHEET = 14  # a sheet is looked at smaller than it is
_LEGEND_BACK, _LEGEND_TEXT = (24, 24, 24), (240, 240, 240)


def overlay(
    image: Image.Image,
    layout: Layout,
    colors: Mapping[str, Color] | None = None,
    *,
    unnamed: Collection[str] = (),
    side: int | None = None,
) -> Image.Image:
    """A new RGB picture of `image` with the boxes of `layout` on it; the input is left as it was.

    The layout is stretched to the image. Colour says the label; the name stands in a box that has room for
    it, and in a strip below the picture if there are several labels or a name that stands nowhere.

    Args:
        colors: of labels that have another than their own; see :func:`label_colors`.
        unnamed: labels whose names stand in the strip only, and whose boxes have a thinner line.
        side: pixels that the longer side of the picture gets, as on a contact sheet: lines and letters can be
            read at that size. None: small pictures are enlarged by a whole number.
    """
    color_of = label_colors(layout.labels, colors)
    if side is None:
        factor: float = _enlargement(image, layout.resize(*image.size))
    else:
        factor = side / max(image.size)
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    canvas = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    shown = layout.resize(*size).clip()
    draw = ImageDraw.Draw(canvas)
    widest_line, largest_text = max(2, round(max(size) / 350)), max(14, round(max(size) / 55))
    smallest_text = _SMALLEST_TEXT if side is None else _SMALLEST_ON_SHEET
    # Large boxes first, so that the small ones inside them stay on top.
    instances = sorted(shown.instances, key=lambda instance: -instance.box.area)
    for instance in instances:
        thinner = int(instance.label in unnamed)
        _outline(draw, instance.box, color_of[instance.label], widest_line - thinner)
    texts = range(largest_text, smallest_text - 1, -1)
    named = {
        i.label
        for i in instances
        if i.label not in unnamed and _name(draw, i.box, i.label, color_of[i.label], texts)
    }
    counts = Counter(instance.label for instance in instances)
    if len(counts) > 1 or counts.keys() - named:
        return _with_legend(canvas, counts, color_of, smallest_text)
    return canvas


def _enlargement(image: Image.Image, layout: Layout) -> int:
    """The whole number to enlarge by, so that picture and typical box are large enough to be seen."""
    longer = max(image.size)
    wanted = _GOOD_SIDE / longer
    if layout.instances:
        typical = median(min(i.box.width, i.box.height) for i in layout.instances)
        wanted = max(wanted, _GOOD_BOX / typical)
    return max(1, min(-int(-wanted // 1), _LARGEST_SIDE // longer))


def _outline(draw: ImageDraw.ImageDraw, box: Box, color: Color, widest: int) -> None:
    """A line in `color` just inside the box, its width following the box, on a dark edge."""
    x0, y0, x1, y1 = _pixels(box)
    short = min(box.width, box.height)
    width = max(1, min(widest, round(short / 20)))
    if short >= 12:
        draw.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline=(0, 0, 0), width=1)
        draw.rectangle((x0, y0, x1, y1), outline=(0, 0, 0), width=width + 1)
    draw.rectangle((x0, y0, x1, y1), outline=color, width=width)


def _name(draw: ImageDraw.ImageDraw, box: Box, label: str, color: Color, sizes: range) -> bool:
    """Write the label into the top-left corner of its box, in the first of the `sizes` that has room.

    False, and nothing, if none has.
    """
    text = printable(label)
    room = int(min(box.height / 4, box.width / 3) / 1.25)
    fitting = (one for one in sizes if one <= room and font(one).getlength(text) + 6 <= box.width)
    size = next(fitting, None)
    if size is None:
        return False
    x0, y0, _, _ = _pixels(box)
    right, bottom = x0 + round(font(size).getlength(text)) + 5, y0 + line_height(size)
    draw.rectangle((x0, y0, right, bottom), fill=color)
    draw.text((x0 + 3, (y0 + bottom) / 2), text, fill=text_color(color), font=font(size), anchor="lm")
    return True


def _pixels(box: Box) -> tuple[int, int, int, int]:
    """The first and last pixels of a box."""
    x0, y0 = round(box.x0), round(box.y0)
    return x0, y0, max(x0, round(box.x1) - 1), max(y0, round(box.y1) - 1)


def _with_legend(
    picture: Image.Image, counts: Counter[str], colors: Mapping[str, Color], smallest: int
) -> Image.Image:
    """The picture with a strip below it: each category's colour, name and number of boxes."""
    size = max(smallest, min(18, round(picture.width / 45)))
    row, gap = round(size * 1.6), size
    entries = [(label, f"{printable(label)} {count}") for label, count in counts.most_common()]
    placed, x, y = [], gap, gap // 2
    for label, text in entries:
        width = row + font(size).getlength(text)
        if x > gap and x + width > picture.width - gap // 2:
            x, y = gap, y + row
        placed.append((x, y, label, text))
        x += round(width) + gap
    whole = Image.new("RGB", (picture.width, picture.height + y + row + gap // 2), _LEGEND_BACK)
    whole.paste(picture, (0, 0))
    draw = ImageDraw.Draw(whole)
    for x, y, label, text in placed:
        middle = picture.height + y + row / 2
        draw.rectangle((x, middle - size / 2, x + size, middle + size / 2), fill=colors[label])
        draw.text((x + size * 1.4, middle), text, fill=_LEGEND_TEXT, font=font(size), anchor="lm")
    return whole
