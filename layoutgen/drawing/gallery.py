"""Overlays of many annotated images, wherever they come from."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from PIL import Image

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


def draw_gallery(
    source: AnnotatedSource, output: Path, *, limit: int, sheet: bool = True, overwrite: bool = False
) -> Generator[Path, None, None]:
    """Write ``overlays/`` and, with `sheet`, ``contact_sheet.jpg`` to `output`; yield each overlay's path.

    They show the first `limit` images of `source`, without the regions to ignore.

    They appear in `output` all at once when the last is drawn. The sheet shows the first `SHEET_LIMIT`.

    Raises:
        InvalidFile: an image is missing, unreadable or of another size than its layout.
        OutputExists: `output` holds results and `overwrite` is not set.
    """
    taken: set[str] = set()
    tiles: list[Image.Image] = []
    images = source.images[:limit]
    with output_folder(output, WRITES, overwrite=overwrite) as aside:
        for image in images:
            drawn = overlay(source.read_image(image), image.layout)
            name = name_inside("overlays", image.file_name.removeprefix("images/"), ".jpg", taken)
            save_drawing(drawn, aside / name)
            if sheet and len(tiles) < SHEET_LIMIT:
                drawn.thumbnail((2 * _TILE, 2 * _TILE))  # a hundred large ones would not fit into memory
                tiles.append(drawn)
            yield output / name
        if tiles:
            names = [Path(image.file_name).name for image in images[:SHEET_LIMIT]]
            save_drawing(contact_sheet(tiles, names, tile=_TILE), aside / "contact_sheet.jpg")
