"""One file per format: file -> layouts and back. Other coordinates than pixel corners exist only in here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.domain.requests import LayoutRequest
from layoutgen.errors import InvalidFile, InvalidLayout, InvalidOption
from layoutgen.io.files import STANDARD_INPUT

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import AnnotatedImages, Defect
    from layoutgen.formats.read_options import ReadOptions

CLIPPED = "box cut to the image"
"""Why a box of a layout is mended that reaches out of its image by more than half a pixel."""


@dataclass(frozen=True, slots=True)
class LayoutFile:
    """What a file asks for, and which of its entries are left out, or mended."""

    requests: tuple[LayoutRequest, ...]
    dropped: tuple[Defect, ...] = ()
    mended: tuple[Defect, ...] = ()


def read_layouts(
    path: Path, *, image_id: int | None = None, options: ReadOptions | None = None
) -> tuple[LayoutRequest, ...]:
    """The requests of :func:`read_layout_file`."""
    return read_layout_file(path, image_id=image_id, options=options).requests


def read_layout_file(
    path: Path, *, image_id: int | None = None, options: ReadOptions | None = None
) -> LayoutFile:
    """What a file asks for: one layout of a layout file or a PNG, one per image of annotations of any format.

    Nothing is arranged yet, see :func:`layoutgen.domain.requests.arrange_request`.

    Args:
        path: the file, or the folder of annotations that are one; ``-``: standard input, a layout file.
        image_id: only this image of annotations.
        options: how annotations are read.

    Raises:
        InvalidFile: the file is missing or broken, of no known format, or has no image; a layout has a box
            outside its canvas, or so have annotations that are read strictly.
        InvalidOption: `image_id` without annotations, or with those that do not have it.
    """
    from layoutgen.formats.layout_file import read_layout
    from layoutgen.formats.png import read_png
    from layoutgen.formats.registry import find_format, recognised

    path = Path(path)
    suffix = path.suffix.lower()
    layout = is_layout_file(path)
    if image_id is not None and (layout or suffix == ".png"):
        raise InvalidOption(f"`image_id` goes with a COCO json, and {path} is none")
    if layout:
        return LayoutFile((read_layout(path),))
    if suffix == ".png":
        painted, settings = read_png(path)
        return LayoutFile((LayoutRequest(painted, settings=settings),))
    if path.exists() and suffix != ".json" and not recognised(path):
        remedy = "give a .yaml or .json layout, a COCO .json, or a .png that layoutgen made"
        what = "it is a folder, of no data set that is known" if path.is_dir() else suffix or "no suffix"
        raise InvalidFile(path, f"is no layout file: {what}", remedy=remedy)
    return _annotated(path, find_format(path).name == "coco", image_id, options)


def is_layout_file(path: Path) -> bool:
    """Whether `path` names a layout in YAML or JSON, or standard input; it need not be there."""
    from layoutgen.formats.registry import recognised
    from layoutgen.io.json_head import json_head

    if path == STANDARD_INPUT:
        return True
    if path.suffix.lower() in (".yaml", ".yml"):
        return not (path.exists() and recognised(path))
    head = json_head(path) if path.suffix.lower() == ".json" else None
    return head is not None and head.has("canvas") and not (head.has("images") or head.has("annotations"))


def _annotated(path: Path, is_coco: bool, image_id: int | None, options: ReadOptions | None) -> LayoutFile:
    """One layout per image, its boxes cut to it."""
    from layoutgen.domain.annotated_image import Defect
    from layoutgen.formats.coco import only_image, read_coco
    from layoutgen.formats.read_options import ReadOptions
    from layoutgen.formats.registry import find_format

    options = replace(options or ReadOptions(), masks=False)
    data: AnnotatedImages
    if is_coco and path.is_file():  # its images need not be there
        data = read_coco(path, options=options)
    else:
        data, _ = find_format(path).read(path, options)
    if not data.images:
        raise InvalidFile(path, "holds no image", where="images", remedy="give a file with annotated images")
    if image_id is not None:
        data = only_image(path, data, image_id)
    requests, clipped = [], []
    for image in data.images:
        try:
            image.layout.check_inside()
        except InvalidLayout as error:
            if options.strict:
                raise InvalidFile(path, str(error), where=f"image id {image.id}") from None
            clipped.append(Defect(f"image id {image.id}", CLIPPED, image.id))
        requests.append(LayoutRequest(image.layout.clip(), image_id=image.id))
    return LayoutFile(tuple(requests), data.dropped, (*data.mended, *clipped))
