"""VGG Image Annotator's json (version 2): regions of files, in pixels.

The label is the region attribute that the file uses most. Own code: the project itself has no Python reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layoutgen.domain.annotated_image import AnnotatedImages, Mask
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import NO_LABEL, NOT_NUMBERS, Collector, empty_image, numbered
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.dialects import Corners, box_corners, number, polygons, polygons_corners
from layoutgen.formats.image_files import ImageFiles, beside, image_size
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import read_json
from layoutgen.io.json_head import json_head


def recognises(path: Path) -> bool:
    """A project or an export of annotations."""
    head = json_head(path)
    if head is None or head.is_list:
        return False
    return head.has("_via_img_metadata") or head.has("filename", "regions")


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """All files that are there.

    Raises:
        InvalidFile: none is.
    """
    content = read_json(path)
    entries = content.get("_via_img_metadata", content)
    entries = entries if isinstance(entries, dict) else {}
    files = [
        one for one in entries.values() if isinstance(one, dict) and isinstance(one.get("filename"), str)
    ]
    images = ImageFiles(options.images or beside(path.parent, [one["filename"] for one in files]))
    found, attribute, labels = Collector(path, options), _label_attribute(files), set[str]()
    for entry in files:
        name = images.find(entry["filename"])
        size = image_size(images.root / name) if name is not None else None
        if name is None or size is None:
            found.drop(entry["filename"], "image that is missing or unreadable")
            continue
        image_id = len(found) + 1
        found.add_image(empty_image(image_id, name, size))
        for index, region in enumerate(_regions(entry)):
            where = f"{entry['filename']}, regions[{index}]"
            label = _label(region, attribute)
            labels |= {label} - {""}
            _read_region(found, image_id, label, region, where)
    if not len(found):
        raise InvalidFile(path, "lists no image that is there", remedy="name the folder of its images")
    return found.finish(numbered(labels)), images.root


FORMAT = DatasetFormat("via", "VGG Image Annotator (json)", recognises, read)


def _regions(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    regions = entry.get("regions")
    regions = list(regions.values()) if isinstance(regions, dict) else regions
    for region in regions if isinstance(regions, list) else ():
        yield region if isinstance(region, dict) else {}


def _label_attribute(files: list[dict[str, Any]]) -> str:
    used = Counter(
        str(key)
        for entry in files
        for region in _regions(entry)
        for key, value in _attributes(region).items()
        if value
    )
    return used.most_common(1)[0][0] if used else ""


def _attributes(region: dict[str, Any]) -> dict[str, Any]:
    found = region.get("region_attributes")
    return found if isinstance(found, dict) else {}


def _label(region: dict[str, Any], attribute: str) -> str:
    value = _attributes(region).get(attribute)
    if isinstance(value, dict):  # a box to tick for each label
        value = next((key for key, ticked in value.items() if ticked), "")
    return str(value or "").strip()


def _read_region(found: Collector, image_id: int, label: str, region: dict[str, Any], where: str) -> None:
    shape = region["shape_attributes"] if isinstance(region.get("shape_attributes"), dict) else {}
    if not label:
        return found.drop(where, NO_LABEL, image_id)
    xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
    if isinstance(xs, list) and isinstance(ys, list) and len(xs) == len(ys):
        outline = polygons([value for pair in zip(xs, ys, strict=True) for value in pair])
        if outline is None:
            return found.drop(where, NOT_NUMBERS, image_id)
        return found.add(image_id, label, polygons_corners(outline), where, mask=Mask(outline))
    corners = box_corners(shape) or _around(shape)
    if corners is None:
        return found.drop(where, NOT_NUMBERS, image_id)
    return found.add(image_id, label, corners, where)


def _around(shape: dict[str, Any]) -> Corners | None:
    """The box around a circle or an ellipse."""
    x, y = number(shape.get("cx")), number(shape.get("cy"))
    rx, ry = number(shape.get("rx", shape.get("r"))), number(shape.get("ry", shape.get("r")))
    if x is None or y is None or rx is None or ry is None:
        return None
    return x - rx, y - ry, x + rx, y + ry
