"""CVAT for images: one XML with boxes, polygons and masks of all images, in pixels.

Own code: datumaro, which CVAT uses itself, pins older Pillow, pandas and NumPy than this package runs on.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from layoutgen.domain.annotated_image import AnnotatedImages, Mask
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import NOT_NUMBERS, Collector, empty_image, numbered
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.dialects import Corners, number, pixel_size, polygons_corners, whole
from layoutgen.formats.image_files import ImageFiles, beside, relative_name
from layoutgen.formats.masks import encode_mask
from layoutgen.formats.read_options import ReadOptions
from layoutgen.formats.xml_files import read_xml

_FILE = "annotations.xml"
NO_OBJECT = "shape that is no object"


def recognises(path: Path) -> bool:
    """Such an XML, or the folder that CVAT's zip becomes."""
    file = path / _FILE if path.is_dir() else path
    if file.suffix.lower() != ".xml" or not file.is_file():
        return False
    with file.open("rb") as start:
        head = start.read(2048)
    return b"<annotations>" in head and b"<annotation>" not in head


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """All images of the XML.

    Raises:
        InvalidFile: it is cut off, or of videos.
    """
    file = path / _FILE if path.is_dir() else path
    root = read_xml(file)
    entries = root.findall("image")
    if not entries:
        what = "tracks of a video" if root.find("track") is not None else "no image"
        raise InvalidFile(file, f"holds {what}", remedy="export CVAT for images 1.1, or COCO 1.0")
    names = [entry.get("name", "") for entry in entries]
    images = ImageFiles(options.images or beside(file.parent, names))
    found, labels = Collector(file, options), set[str]()
    for number_, entry in enumerate(entries, start=1):
        name, where = entry.get("name", ""), f"image {entry.get('name', number_)}"
        size = pixel_size(entry.get("width"), entry.get("height"))
        if not name or size is None:
            found.drop(where, "image of unknown size or name")
            continue
        found.add_image(empty_image(number_, images.find(name) or relative_name(name), size))
        for index, shape in enumerate(one for one in entry if one.get("label")):
            labels.add(str(shape.get("label")))
            _read_shape(found, number_, shape, f"{where}, shape {index + 1}")
    return found.finish(numbered(labels)), images.root


FORMAT = DatasetFormat("cvat", "CVAT for images (XML)", recognises, read)


def _read_shape(found: Collector, image_id: int, shape: Element, where: str) -> None:
    label = str(shape.get("label")).strip()
    if shape.tag == "box":
        sides = [number(shape.get(key)) for key in ("xtl", "ytl", "xbr", "ybr")]
        plain = [side for side in sides if side is not None]
        if len(plain) < 4:
            return found.drop(where, NOT_NUMBERS, image_id)
        return found.add(image_id, label, plain, where)
    if shape.tag == "polygon":
        parts = [number(part) for part in shape.get("points", "").replace(";", ",").split(",")]
        outline = [part for part in parts if part is not None]
        if len(outline) < len(parts) or len(outline) < 6 or len(outline) % 2:
            return found.drop(where, NOT_NUMBERS, image_id)
        return found.add(image_id, label, polygons_corners([outline]), where, mask=Mask([outline]))
    if shape.tag == "mask":
        return _read_mask(found, image_id, shape, label, where)
    return found.drop(where, NO_OBJECT, image_id)


def _read_mask(found: Collector, image_id: int, shape: Element, label: str, where: str) -> None:
    """A mask is run lengths, row by row, in its box."""
    sides = [whole(shape.get(key)) for key in ("left", "top", "width", "height")]
    runs = [whole(run) for run in shape.get("rle", "").split(",")]
    left, top, width, height = (side if side is not None else -1 for side in sides)
    plain = [run for run in runs if run is not None and run >= 0]
    if min(left, top, width, height) < 0 or len(plain) < len(runs) or sum(plain) != width * height:
        return found.drop(where, NOT_NUMBERS, image_id)
    corners: Corners = left, top, left + width, top + height
    mask = None
    if found.options.masks:
        values = np.repeat(np.arange(len(plain)) % 2 == 1, plain).reshape(height, width)
        full = np.zeros(found.image(image_id).size[::-1], dtype=bool)
        part = full[top : top + height, left : left + width]
        part[:] = values[: part.shape[0], : part.shape[1]]
        mask = Mask(encode_mask(full))
    return found.add(image_id, label, corners, where, mask=mask)
