"""Overlays of many pictures, wherever they come from."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from layoutgen.domain.layout import Layout
from layoutgen.drawing.colors import label_colors
from layoutgen.drawing.contact_sheet import contact_sheet
from layoutgen.drawing.overlay import overlay
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.io.images import save_drawing
from layoutgen.io.output_folder import name_inside, output_folder

WRITES = ("overlays", "contact_sheet.jpg")
"""What :func:`draw_gallery` writes into its output folder."""
SHEET_LIMIT = 100
"""How many images a contact sheet shows at most."""
_TILE = 320
_BLANK = (238, 238, 234)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to draw the boxes of its layout on; `name` may have folders in it."""

    name: str
    image: Image.Image
    layout: Layout


def pictures_of(source: AnnotatedSource, limit: int) -> Iterator[Picture]:
    """The first `limit` images of `source`, without the regions to ignore.

    Raises:
        InvalidFile: an image is missing, unreadable or of another size than its layout.
    """
    for image in source.images[:limit]:
        yield Picture(image.file_name.removeprefix("images/"), source.read_image(image), image.layout)


def blank_pictures_of(source: AnnotatedSource, limit: int) -> Iterator[Picture]:
    """The boxes of the first `limit` layouts of `source` alone, of which there are no images yet."""
    for image in source.images[:limit]:
        yield blank_picture(image.file_name, image.layout)


def blank_picture(name: str, layout: Layout) -> Picture:
    """The boxes of `layout` alone, of which there is no image yet."""
    return Picture(name, Image.new("RGB", (layout.width, layout.height), _BLANK), layout)


def draw_gallery(
    pictures: Iterable[Picture],
    output: Path,
    *,
    labels: Collection[str] = (),
    sheet: bool = True,
    overwrite: bool = False,
) -> Generator[Path, None, None]:
    """Write ``overlays/`` and, with `sheet`, ``contact_sheet.jpg`` to `output`; yield each overlay's path.

    A label of `labels` has one colour in all of them, unless it is beside one that looks like it. They appear
    in `output` all at once when the last is drawn. The sheet shows the first `SHEET_LIMIT`.

    Raises:
        OutputExists: `output` holds results and `overwrite` is not set.
    """
    taken: set[str] = set()
    colors = label_colors(labels)
    tiles: list[Image.Image] = []
    captions: list[str] = []
    with output_folder(output, WRITES, overwrite=overwrite) as aside:
        for picture in pictures:
            drawn = overlay(picture.image, picture.layout, colors)
            name = name_inside("overlays", picture.name, ".jpg", taken)
            save_drawing(drawn, aside / name)
            if sheet and len(tiles) < SHEET_LIMIT:
                tiles.append(overlay(picture.image, picture.layout, colors, side=_TILE))
                captions.append(picture.name.rpartition("/")[2])
            yield output / name
        if tiles:
            save_drawing(contact_sheet(tiles, captions, tile=_TILE, fit=False), aside / "contact_sheet.jpg")
