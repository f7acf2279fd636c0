"""FiftyOne: ``labels.json`` of a FiftyOneImageDetectionDataset, or ``samples.json`` of a FiftyOneDataset.

Boxes are ``[x, y, width, height]`` in fractions of the image. Own code: fiftyone itself starts a database.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layoutgen.domain.annotated_image import AnnotatedImages
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import NO_LABEL, NOT_NUMBERS, Collector, empty_image, numbered
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.dialects import box_corners, whole
from layoutgen.formats.image_files import ImageFiles, image_size
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import read_json
from layoutgen.io.json_head import json_head


def recognises(path: Path) -> bool:
    """Such a json, or the folder of it."""
    return _file(path) is not None


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """All samples whose images are there.

    Raises:
        InvalidFile: none is.
    """
    file = _file(path)
    assert file is not None
    root = options.images or file.parent
    images, found, labels = ImageFiles(root), Collector(file, options, pixels=False), set[str]()
    for said, detections in _samples(read_json(file)):
        name = images.find(said) or images.find(f"data/{said}") or _by_stem(images, said)
        size = image_size(root / name) if name is not None else None
        if name is None or size is None:
            found.drop(said, "image that is missing or unreadable")
            continue
        image_id = len(found) + 1
        found.add_image(empty_image(image_id, name, size))
        for index, (label, box) in enumerate(detections):
            where, corners = f"{said}, detections[{index}]", box_corners(box)
            if not isinstance(label, str) or not label.strip():
                found.drop(where, NO_LABEL, image_id)
            elif corners is None:
                found.drop(where, NOT_NUMBERS, image_id)
            else:
                labels.add(label)
                scaled = [value * side for value, side in zip(corners, size * 2, strict=True)]
                found.add(image_id, label, scaled, where)
    if not len(found):
        raise InvalidFile(file, "lists no image that is there", remedy="name the folder of its images")
    return found.finish(numbered(labels)), root


FORMAT = DatasetFormat("fiftyone", "FiftyOne", recognises, read)


def _file(path: Path) -> Path | None:
    files = [path / "labels.json", path / "samples.json"] if path.is_dir() else [path]
    for file in files:
        head = json_head(file)
        boxes = head is not None and not head.is_list and head.has("bounding_box")
        if head is not None and boxes and head.names & {"labels", "samples"}:
            return file
    return None


def _samples(content: dict[str, Any]) -> Iterator[tuple[str, list[tuple[Any, Any]]]]:
    """The name of each image, and label and box of its detections."""
    classes = content["classes"] if isinstance(content.get("classes"), list) else []
    if isinstance(content.get("labels"), dict):
        for name, entries in content["labels"].items():
            yield name, [_detection(one, classes) for one in (entries if isinstance(entries, list) else ())]
        return
    samples = content.get("samples")
    for sample in samples if isinstance(samples, list) else ():
        fields = sample if isinstance(sample, dict) else {}
        lists = [value.get("detections") for value in fields.values() if isinstance(value, dict)]
        entries = next((one for one in lists if isinstance(one, list)), [])
        yield str(fields.get("filepath") or ""), [_detection(one, classes) for one in entries]


def _detection(entry: Any, classes: list[Any]) -> tuple[Any, Any]:
    fields = entry if isinstance(entry, dict) else {}
    label, number = fields.get("label"), whole(fields.get("label"))
    if not isinstance(label, str) and number is not None and 0 <= number < len(classes):
        label = classes[number]
    return label, fields.get("bounding_box")


def _by_stem(images: ImageFiles, said: str) -> str | None:
    """labels.json leaves the suffixes of the images out."""
    names = (images.find(f"data/{said}{suffix}") for suffix in (".jpg", ".jpeg", ".png", ".webp"))
    return next((name for name in names if name is not None), None)
