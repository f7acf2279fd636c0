"""Supervisely: ``ann/NAME.jpg.json`` for ``img/NAME.jpg`` in each data set, and ``meta.json``; in pixels.

Rectangles and polygons (with holes), and bitmaps: a PNG in base64 at a corner. Own code: its SDK brings 40
packages along.
"""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import NO_LABEL, NOT_NUMBERS, Collector, empty_image, numbered
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.dialects import pixel_size, polygons, polygons_corners
from layoutgen.formats.image_files import ImageFiles, image_size
from layoutgen.formats.masks import encode_mask
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import is_file, read_json


def recognises(path: Path) -> bool:
    """A project: a folder with ``meta.json`` and data sets, or one data set."""
    return path.is_dir() and bool(_files(path))


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The images of all data sets of the project.

    Raises:
        InvalidFile: none can be read.
    """
    root = options.images or path
    images, found, labels = ImageFiles(root), Collector(path, options), set[str]()
    for file in _files(path):
        where = file.relative_to(path).as_posix()
        try:
            content = read_json(file)
        except InvalidFile as error:
            found.drop(where, f"file that {error.problem.split(':')[0]}")
            continue
        near = file.parent.parent / "img" / file.stem
        name = near.relative_to(root).as_posix() if is_file(near) and near.is_relative_to(root) else None
        name = name or images.find(file.stem)
        image = _image(content, name or file.stem, root, len(found) + 1)
        if image is None:
            found.drop(where, "image of unknown size")
            continue
        found.add_image(image)
        for index, one in enumerate(found.list_of(content.get("objects"), f"{where}, objects", image.id)):
            place = f"{where}, objects[{index}]"
            if isinstance(one, dict) and isinstance(one.get("classTitle"), str):
                labels.add(one["classTitle"])
                _read_object(found, image, one, place)
            else:
                found.drop(place, NO_LABEL, image.id)
    if not len(found):
        raise InvalidFile(path, "holds no annotated image", remedy="export the project with its annotations")
    return found.finish(numbered(labels)), root


_LARGEST = 64 * 2**20  # bytes of the picture of one object
FORMAT = DatasetFormat("supervisely", "Supervisely", recognises, read)


def _files(path: Path) -> list[Path]:
    if not ((path / "meta.json").is_file() or (path / "img").is_dir()):
        return []
    return sorted((*path.glob("ann/*.json"), *path.glob("*/ann/*.json")))


def _image(content: dict[str, Any], name: str, root: Path, number_: int) -> AnnotatedImage | None:
    said = content.get("size") if isinstance(content.get("size"), dict) else {}
    size = pixel_size((said or {}).get("width"), (said or {}).get("height")) or image_size(root / name)
    return None if size is None else empty_image(number_, name, size)


def _read_object(found: Collector, image: AnnotatedImage, one: dict[str, Any], where: str) -> None:
    label, kind, bitmap = one["classTitle"], one.get("geometryType"), one.get("bitmap")
    points = one["points"].get("exterior") if isinstance(one.get("points"), dict) else None
    if kind == "bitmap" and isinstance(bitmap, dict):
        return _read_bitmap(found, image, label, bitmap, where)
    points = points if isinstance(points, list) else []
    flat = [value for point in points if isinstance(point, list) for value in point]
    outline = polygons([flat]) if len(flat) >= 6 else None
    if kind == "rectangle" and len(flat) == 4 and all(isinstance(v, int | float) for v in flat):
        return found.add(image.id, label, flat, where)
    if outline is None:
        return found.drop(where, NOT_NUMBERS, image.id)
    mask = Mask(outline) if kind == "polygon" else None
    return found.add(image.id, label, polygons_corners(outline), where, mask=mask)


def _read_bitmap(
    found: Collector, image: AnnotatedImage, label: str, bitmap: dict[str, Any], where: str
) -> None:
    broken = (
        binascii.Error,
        zlib.error,
        OSError,
        ValueError,
        OverflowError,
        SyntaxError,
        KeyError,
        TypeError,
    )
    with suppress(*broken):
        picture = Image.open(io.BytesIO(_unpacked(base64.b64decode(bitmap["data"]))))
        small = np.array(picture.convert("RGBA"))[..., 3] > 0
        if picture.mode in ("1", "L", "P"):
            small = np.array(picture.convert("L")) > 0
        x, y = (int(side) for side in bitmap["origin"])
        full = np.zeros(image.size[::-1], dtype=bool)
        part = full[y : y + small.shape[0], x : x + small.shape[1]]
        part[:] = small[: part.shape[0], : part.shape[1]]
        mask = Mask(encode_mask(full)) if found.options.masks else None
        corners = (x, y, x + small.shape[1], y + small.shape[0])
        return found.add(image.id, label, corners, where, mask=mask)
    return found.drop(where, "bitmap that cannot be read", image.id)


def _unpacked(data: bytes) -> bytes:
    """What zlib packed as `data`: a picture, of which a few bytes may say that it is gigabytes."""
    packer = zlib.decompressobj()
    content = packer.decompress(data, _LARGEST)
    if packer.unconsumed_tail:
        raise ValueError(f"more than {_LARGEST:,} bytes")
    return content
