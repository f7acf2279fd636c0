"""Overlays of many pictures, wherever they and their layouts come from."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from layoutgen.domain.layout import Layout
from layoutgen.drawing.contact_sheet import contact_sheet
from layoutgen.drawing.overlay import overlay
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.formats.coco import read_coco
from layoutgen.formats.png import read_png
from layoutgen.formats.prepared import read_prepared
from layoutgen.io.images import read_photo
from layoutgen.io.output_folder import name_inside, output_folder

WRITES = ("overlays", "contact_sheet.jpg")
"""What :func:`draw_gallery` writes into its output folder."""
SHEET_LIMIT = 100
"""How many pictures a contact sheet shows at most."""
_TILE = 320


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file and its layout; `name` is how its own folder calls it."""

    name: str
    path: Path
    layout: Layout


def find_pictures(path: Path, images: Path | None = None, image_id: int | None = None) -> tuple[Picture, ...]:
    """The pictures at `path`: a prepared folder, a sample folder, a COCO json, or one image that we made.

    `images` is the folder with the images of a COCO json (default: ``images`` beside it), `image_id` picks
    one of them. Crowd regions are not in the layouts.

    Raises:
        InvalidFile: nothing there that has layouts, or a file is broken.
        InvalidOption: `images` or `image_id` with something that is no COCO json, or an unknown id.
    """
    if not path.exists():
        raise InvalidFile(path, "there is no such file or folder", remedy="check the path")
    if path.name == "metadata.jsonl":
        path = path.parent
    if path.is_dir() and (path / "annotations.json").is_file() and not (path / "metadata.jsonl").is_file():
        path = path / "annotations.json"
    if path.suffix.lower() == ".json":
        return _coco_pictures(path, images, image_id)
    for option, value in (("--images", images), ("--image-id", image_id)):
        if value is not None:
            raise InvalidOption(f"{option} goes with a COCO json, and {path} is none")
    if not path.is_dir():
        return (Picture(path.name, path, read_png(path)[0]),)
    if not (path / "metadata.jsonl").is_file():
        problem = "holds neither metadata.jsonl (prepared data) nor annotations.json (samples)"
        raise InvalidFile(path, problem, remedy="give a COCO json, or one image that layoutgen made")
    return tuple(Picture(i.file_name, path / i.file_name, i.layout) for i in read_prepared(path))


def _coco_pictures(path: Path, images: Path | None, image_id: int | None) -> tuple[Picture, ...]:
    folder = images if images is not None else path.parent / "images"
    if not folder.is_dir():
        problem = f"its images are not in {folder}: there is no such folder"
        raise InvalidFile(path, problem, remedy="name their folder with --images DIR")
    found = read_coco(path, masks=False)
    if image_id is not None:
        found = tuple(image for image in found if image.id == image_id)
        if not found:
            raise InvalidOption(f"--image-id {image_id}: {path} has no image with this id")
    return tuple(Picture(image.file_name, folder / image.file_name, image.layout()) for image in found)


def draw_gallery(
    pictures: Sequence[Picture], output: Path, *, sheet: bool = True, overwrite: bool = False
) -> Generator[Path, None, None]:
    """Write ``overlays/`` and, with `sheet`, ``contact_sheet.jpg`` to `output`; yield each overlay's path.

    They appear in `output` all at once when the last is drawn. The sheet shows the first `SHEET_LIMIT`.

    Raises:
        InvalidFile: an image is missing, unreadable or of another size than its layout.
        OutputExists: `output` holds results and `overwrite` is not set.
    """
    taken: set[str] = set()
    tiles: list[Image.Image] = []
    with output_folder(output, WRITES, overwrite=overwrite) as aside:
        for picture in pictures:
            photo = read_photo(picture.path, picture.layout.width, picture.layout.height)
            drawn = overlay(photo, picture.layout)
            name = name_inside("overlays", picture.name.removeprefix("images/"), ".jpg", taken)
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            drawn.save(aside / name, "JPEG", quality=92, subsampling=0)
            if sheet and len(tiles) < SHEET_LIMIT:
                drawn.thumbnail((2 * _TILE, 2 * _TILE))  # a hundred large ones would not fit into memory
                tiles.append(drawn)
            yield output / name
        if tiles:
            names = [Path(picture.name).name for picture in pictures[:SHEET_LIMIT]]
            page = contact_sheet(tiles, names, tile=_TILE)
            page.save(aside / "contact_sheet.jpg", "JPEG", quality=92, subsampling=0)
