"""LabelMe: a json per image beside it, with ``shapes`` of points in pixels.

Rectangles (two corners in any order), polygons, circles, and masks (a PNG in base64 at a corner). Shapes
with the same label and ``group_id`` are one object. Points and lines are no objects.

Own code: labelme itself needs Qt, and its readers elsewhere know polygons only.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import NOT_NUMBERS, Collector, empty_image, numbered
from layoutgen.formats.dataset_format import OUTLINES, RUN_LENGTHS, SEVERAL_OUTLINES, DatasetFormat
from layoutgen.formats.dialects import Corners, number, pixel_size, polygons_corners
from layoutgen.formats.image_files import ImageFiles, image_size, relative_name
from layoutgen.formats.masks import decode_segmentation, encode_mask
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import is_file, read_json, write_json
from layoutgen.io.json_head import json_head

NO_OBJECT = "point or line, not an object"
_VERSION = "5.5.0"  # of labelme, whose files these are like


def recognises(path: Path) -> bool:
    """A json with shapes, or a folder of such files."""
    if path.is_dir():
        return any(_is_labelme(file) for file in _first_files(path))
    return _is_labelme(path)


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The images of all LabelMe files at `path`, by name.

    Raises:
        InvalidFile: none can be read.
    """
    home = path.parent if path.is_file() else path
    files = [path] if path.is_file() else sorted(home.rglob("*.json"))
    root = options.images or home
    images, found, labels = ImageFiles(root), Collector(path, options), set[str]()
    for file in files:
        try:
            content = read_json(file)
        except InvalidFile as error:
            found.drop(str(file), f"file that {error.problem.split(':')[0]}")
            continue
        if not isinstance(content.get("shapes"), list):
            continue  # somebody else's json among them
        image = _image(content, file, images, len(found) + 1)
        if image is None:
            found.drop(str(file), "image of unknown size")
            continue
        found.add_image(image)
        for label, parts, where in _objects(content["shapes"], str(file)):
            labels.add(label)
            _read_object(found, image, label, parts, where)
    if not len(found):
        raise InvalidFile(path, "holds no annotated image", remedy="give the folder with LabelMe's files")
    return found.finish(numbered(labels - {""})), root


def write(data: AnnotatedImages, folder: Path) -> None:
    """Write a json beside each image."""
    for image in data.images:
        target = (folder / image.file_name).with_suffix(".json")
        target.parent.mkdir(parents=True, exist_ok=True)
        shapes = [shape for index in range(len(image.instances)) for shape in _shapes(image, index)]
        content: dict[str, Any] = {
            "version": _VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": Path(image.file_name).name,
            "imageData": None,
            "imageHeight": image.size[1],
            "imageWidth": image.size[0],
        }
        write_json(target, content, ensure_ascii=False, indent=1)


FORMAT = DatasetFormat(
    "labelme",
    "LabelMe (a json per image)",
    recognises,
    read,
    write,
    image_folder="",
    writes=(),
    holds=frozenset({OUTLINES, SEVERAL_OUTLINES, RUN_LENGTHS}),
)


def _first_files(folder: Path) -> list[Path]:
    return [file for _, file in zip(range(3), sorted(folder.glob("*.json")), strict=False)]


def _is_labelme(file: Path) -> bool:
    head = json_head(file)
    return bool(head and not head.is_list and head.has("shapes", "imagePath"))


def _image(content: dict[str, Any], file: Path, images: ImageFiles, number_: int) -> AnnotatedImage | None:
    said = str(content.get("imagePath") or file.with_suffix(".jpg").name).replace("\\", "/")
    nearby = file.parent / Path(said).name
    if is_file(nearby) and nearby.is_relative_to(images.root):
        name: str | None = nearby.relative_to(images.root).as_posix()
    else:
        name = images.find(said)
    size = pixel_size(content.get("imageWidth"), content.get("imageHeight"))
    if size is None and name is not None:
        size = image_size(images.root / name)
    return None if size is None else empty_image(number_, name or relative_name(said), size)


def _objects(shapes: list[Any], file: str) -> Iterator[tuple[str, list[dict[str, Any]], str]]:
    """Label, shapes and place of each object: shapes of one group are one object."""
    groups: dict[tuple[str, Any], list[dict[str, Any]]] = {}
    places: dict[tuple[str, Any], str] = {}
    for index, shape in enumerate(shapes):
        where = f"{file}, shapes[{index}]"
        if not isinstance(shape, dict):
            shape = {}
        label = shape.get("label")
        label = label.strip() if isinstance(label, str) else ""
        group = shape.get("group_id")
        key = (label, ("alone", index) if group is None else str(group))
        groups.setdefault(key, []).append(shape)
        places.setdefault(key, where)
    for key, parts in groups.items():
        yield key[0], parts, places[key]


def _read_object(
    found: Collector, image: AnnotatedImage, label: str, parts: list[dict[str, Any]], where: str
) -> None:
    outlines: list[list[float]] = []
    box: Corners | None = None
    mask: Mask | None = None
    for part in parts:
        points = _points(part)
        kind = part.get("shape_type") or "polygon"
        if points is None:
            return found.drop(where, NOT_NUMBERS, image.id)
        if kind in ("rectangle", "mask") and len(points) in (2, 4):
            box = polygons_corners([[value for point in points for value in point]])
            mask = _mask(part, image, box) if kind == "mask" and found.options.masks else mask
        elif kind == "circle" and len(points) == 2:
            (x, y), edge = points[0], math.dist(points[0], points[1])
            box = x - edge, y - edge, x + edge, y + edge
        elif kind == "polygon" and len(points) >= 3:
            outlines.append([value for point in points for value in point])
        else:
            return found.drop(where, NO_OBJECT, image.id)
    if outlines:
        mask, box = Mask(outlines), box or polygons_corners(outlines)
    assert box is not None
    found.add(image.id, label, box, where, mask=mask)
    return None


def _points(shape: dict[str, Any]) -> list[list[float]] | None:
    points = shape.get("points")
    if not isinstance(points, list) or not points:
        return None
    found = []
    for point in points:
        pair = [number(value) for value in point] if isinstance(point, list) and len(point) == 2 else [None]
        if None in pair:
            return None
        found.append([value for value in pair if value is not None])
    return found


def _mask(shape: dict[str, Any], image: AnnotatedImage, box: Corners) -> Mask | None:
    """The mask that the shape holds as a PNG, whose first pixel is at the corner of its box."""
    with suppress(binascii.Error, OSError, ValueError, SyntaxError, TypeError):
        small = np.array(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))).convert("L")) > 0
        whole_mask = np.zeros((image.size[1], image.size[0]), dtype=bool)
        x, y = int(box[0]), int(box[1])
        part = whole_mask[y : y + small.shape[0], x : x + small.shape[1]]
        part[:] = small[: part.shape[0], : part.shape[1]]
        return Mask(encode_mask(whole_mask))
    return None


def _shapes(image: AnnotatedImage, index: int) -> Iterator[dict[str, Any]]:
    """The shapes of instance number `index`: outlines or mask, in one group with its box, or the box."""
    instance, mask = image.instances[index], image.mask_of(index)
    x0, y0, x1, y1 = instance.box.xyxy
    box = [[x0, y0], [x1, y1]]
    if mask is None:
        yield _shape(instance.label, "rectangle", box, None)
    elif isinstance(mask.segmentation, list):
        outlines = mask.segmentation
        same = polygons_corners(outlines) == instance.box.xyxy
        group = None if same and len(outlines) == 1 else index + 1
        for outline in outlines:
            points = [[outline[at], outline[at + 1]] for at in range(0, len(outline), 2)]
            yield _shape(instance.label, "polygon", points, group)
        if not same:
            yield _shape(instance.label, "rectangle", box, group)
    else:
        yield from _mask_shapes(image, index, decode_segmentation(mask.segmentation, *image.size[::-1]))


def _mask_shapes(
    image: AnnotatedImage, index: int, pixels: npt.NDArray[np.bool_]
) -> Iterator[dict[str, Any]]:
    ys, xs = np.nonzero(pixels)
    label, box = image.instances[index].label, image.instances[index].box
    if not len(xs):
        yield _shape(label, "rectangle", [[box.x0, box.y0], [box.x1, box.y1]], None)
        return
    left, top, right, bottom = int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())
    file = io.BytesIO()
    Image.fromarray(pixels[top : bottom + 1, left : right + 1]).save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode("ascii")
    yield _shape(label, "mask", [[left, top], [right, bottom]], index + 1) | {"mask": text}
    yield _shape(label, "rectangle", [[box.x0, box.y0], [box.x1, box.y1]], index + 1)


def _shape(label: str, kind: str, points: list[list[float]], group: int | None) -> dict[str, Any]:
    common = {"label": label, "points": points, "group_id": group, "description": ""}
    return common | {"shape_type": kind, "flags": {}, "mask": None}
