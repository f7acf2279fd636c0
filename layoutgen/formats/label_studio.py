"""Label Studio's json: a list of tasks, their shapes in percent of the image; ``JSON`` and ``JSON_MIN``.

Rectangles (also turned ones, as the box around them), ellipses and polygons; brush masks are dropped and
counted. Of several annotations of one task the accepted one counts, else the first that was not cancelled.
Upload names lose the hash that Label Studio puts before them.

Own code: label-studio-sdk brings 25 packages along, and its converter reads its exports only to write
others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import NO_LABEL, NOT_NUMBERS, Collector, empty_image, numbered
from layoutgen.formats.dataset_format import BEYOND, OUTLINES, DatasetFormat
from layoutgen.formats.dialects import Corners, number, pixel_size, polygons_corners
from layoutgen.formats.image_files import ImageFiles, image_size, relative_name
from layoutgen.formats.outlines import outline_of
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import read_json_list, write_json
from layoutgen.io.json_head import json_head

_FILE = "label_studio.json"
_KINDS = ("rectanglelabels", "polygonlabels", "ellipselabels", "brushlabels", "labels")
NO_SHAPE = "shape that is neither rectangle, ellipse nor polygon"
OTHER_ANNOTATION = "another annotation of the same task"


def recognises(path: Path) -> bool:
    """Such a json, or a folder that holds the one that we write."""
    head = json_head(path / _FILE if path.is_dir() else path)
    if head is None or not head.is_list:
        return False
    full = head.has("data") and bool(head.names & {"annotations", "predictions"})
    return full or head.has("annotation_id", "annotator")


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The tasks of the json.

    Raises:
        InvalidFile: it is no json list, or holds no task with an image.
    """
    file = path / _FILE if path.is_dir() else path
    root = options.images or file.parent
    images, found, labels = ImageFiles(root), Collector(file, options, pixels=False), set[str]()
    for index, task in enumerate(read_json_list(file)):
        where = f"[{index}]"
        if not isinstance(task, dict):
            found.drop(where, "entry that is no task")
            continue
        results = list(_results(found, task, where))
        name = _file_name(images, task)
        size = _size(results) or (image_size(images.root / name) if name else None)
        if not name or size is None:
            found.drop(where, "task without an image, or of unknown size")
            continue
        image = empty_image(len(found) + 1, name, size)
        found.add_image(image)
        for place, result in results:
            label = _label(result)
            labels |= {label} - {""}
            _read_result(found, image, label, result, place)
    if not len(found):
        raise InvalidFile(file, "holds no task with an image", remedy="export JSON from Label Studio")
    return found.finish(numbered(labels)), root


def write(data: AnnotatedImages, folder: Path) -> None:
    """Write the tasks, for import into Label Studio with its local files at `folder`."""
    tasks = [
        {
            "id": image.id,
            "data": {"image": f"/data/local-files/?d={image.file_name}"},
            "annotations": [
                {"id": image.id, "result": [_result(image, k) for k in range(len(image.instances))]}
            ],
        }
        for image in data.images
    ]
    write_json(folder / _FILE, tasks, ensure_ascii=False)


FORMAT = DatasetFormat(
    "label-studio",
    "Label Studio (JSON)",
    recognises,
    read,
    write,
    writes=("images", _FILE),
    holds=frozenset({BEYOND, OUTLINES}),
)


def _results(found: Collector, task: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The shapes of a task, each with its place."""
    if task.get("annotations") is None:
        yield from _short_results(task, where)
        return
    given = found.list_of(task["annotations"], f"{where}.annotations")
    valid = [
        (k, one) for k, one in enumerate(given) if isinstance(one, dict) and not one.get("was_cancelled")
    ]
    valid.sort(key=lambda pair: not pair[1].get("ground_truth"))
    for number_, _ in valid[1:]:
        found.drop(f"{where}.annotations[{number_}]", OTHER_ANNOTATION)
    for number_, one in valid[:1]:
        place = f"{where}.annotations[{number_}].result"
        for index, result in enumerate(found.list_of(one.get("result"), place)):
            if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
                found.drop(f"{place}[{index}]", NO_SHAPE)
            elif result.get("type") in _KINDS or any(name in result["value"] for name in _KINDS):
                yield f"{place}[{index}]", result  # others are choices and texts


def _short_results(task: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The shapes of a task of JSON_MIN: in a field of the labelling configuration's own name."""
    for key, value in task.items():
        for index, shape in enumerate(value if isinstance(value, list) else ()):
            if isinstance(shape, dict) and any(kind in shape for kind in _KINDS):
                yield f"{where}.{key}[{index}]", {**shape, "value": shape}


def _label(result: dict[str, Any]) -> str:
    named = next((result["value"][kind] for kind in _KINDS if result["value"].get(kind)), "")
    return str(named[0] if isinstance(named, list) else named).strip()


def _file_name(images: ImageFiles, task: dict[str, Any]) -> str | None:
    """The image of a task: what its data say, found among the files, with or without the upload's hash."""
    data = task.get("data") if isinstance(task.get("data"), dict) else task
    texts = [value for value in (data or {}).values() if isinstance(value, str)]
    said = next((text for text in ((data or {}).get("image"), *texts) if isinstance(text, str)), "")
    address = urlparse(said.replace("\\", "/"))
    path = parse_qs(address.query).get("d", [unquote(address.path)])[0]
    plain = re.sub(r"(^|/)[0-9a-f]{8}-(?=[^/]*$)", r"\1", path)
    return images.find(path) or images.find(plain) or (relative_name(path) if path else None)


def _size(results: list[tuple[str, dict[str, Any]]]) -> tuple[int, int] | None:
    for _, result in results:
        size = pixel_size(result.get("original_width"), result.get("original_height"))
        if size is not None:
            return size
    return None


def _read_result(
    found: Collector, image: AnnotatedImage, label: str, result: dict[str, Any], where: str
) -> None:
    value, (width, height) = result["value"], image.size
    if not label:
        return found.drop(where, NO_LABEL, image.id)
    if isinstance(value.get("points"), list):
        outline = []
        for point in value["points"]:
            pair = [number(part) for part in point] if isinstance(point, list) and len(point) == 2 else [None]
            if pair[0] is None or pair[1] is None:
                return found.drop(where, NOT_NUMBERS, image.id)
            outline += [pair[0] * width / 100, pair[1] * height / 100]
        if len(outline) < 6:
            return found.drop(where, NO_SHAPE, image.id)
        return found.add(image.id, label, polygons_corners([outline]), where, mask=Mask([outline]))
    corners = _corners(value, width, height)
    if corners is None:
        known = {"x", "radiusX"} & set(value)
        return found.drop(where, NOT_NUMBERS if known else NO_SHAPE, image.id)
    return found.add(image.id, label, corners, where)


def _corners(value: dict[str, Any], width: int, height: int) -> Corners | None:
    """The box of a rectangle, around its first corner if it is turned, or of an ellipse."""
    x, y = number(value.get("x")), number(value.get("y"))
    w, h = number(value.get("width")), number(value.get("height"))
    rx, ry = number(value.get("radiusX")), number(value.get("radiusY"))
    if x is None or y is None:
        return None
    if w is None or h is None:
        if rx is None or ry is None:
            return None
        x, y, w, h = x - rx, y - ry, 2 * rx, 2 * ry
    x, w, y, h = x * width / 100, w * width / 100, y * height / 100, h * height / 100
    turn = math.radians(number(value.get("rotation")) or 0.0)
    sine, cosine = math.sin(turn), math.cos(turn)
    corners = [(x + dx * cosine - dy * sine, y + dx * sine + dy * cosine) for dx in (0, w) for dy in (0, h)]
    if turn:
        return polygons_corners([[value for corner in corners for value in corner]])
    return x, y, x + w, y + h


def _result(image: AnnotatedImage, index: int) -> dict[str, Any]:
    instance, mask, (width, height) = image.instances[index], image.mask_of(index), image.size
    outline = outline_of(mask.segmentation, height, width) if mask is not None else None
    kind = "rectanglelabels" if outline is None else "polygonlabels"
    common = {
        "id": f"{image.id}_{index + 1}",
        "type": kind,
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
    }
    if outline is not None:
        pairs = zip(outline[0::2], outline[1::2], strict=True)
        points = [[100 * x / width, 100 * y / height] for x, y in pairs]
        return common | {"value": {"points": points, "closed": True, kind: [instance.label]}}
    box = instance.box
    sides = {
        "x": 100 * box.x0 / width,
        "y": 100 * box.y0 / height,
        "width": 100 * box.width / width,
        "height": 100 * box.height / height,
        "rotation": 0,
    }
    return common | {"value": sides | {kind: [instance.label]}}
