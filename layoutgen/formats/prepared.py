"""Prepared data: a folder of images with ``metadata.jsonl``, the Hugging Face object-detection convention.

A line per image: ``file_name, text, width, height, objects: {bbox: [[x, y, width, height]], category: [name],
area}``, in pixels, with ``segmentation`` and ``mask_score`` where there are masks.
``datasets.load_dataset("imagefolder", data_dir=...)`` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile, InvalidLayout
from layoutgen.formats.coco_writing import category_ids
from layoutgen.formats.entries import Entries, shown
from layoutgen.formats.huggingface import INDEX as INDEX
from layoutgen.formats.huggingface import write_index
from layoutgen.io.files import is_file, parse_json_object, read_text


def read_prepared(folder: Path) -> AnnotatedImages:
    """The images that `folder` lists, numbered from 1; their boxes may reach beyond them.

    Raises:
        InvalidFile: names the line and what to do; also if an image is missing.
    """
    folder = Path(folder)
    path = folder / INDEX
    if not path.is_file():
        remedy = "make prepared data with `layoutgen prepare`"
        raise InvalidFile(folder, f"holds no {INDEX}" if folder.is_dir() else "is no folder", remedy=remedy)
    images: dict[str, AnnotatedImage] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        content = parse_json_object(path, line, where=f"line {number}")
        file = Entries(path, content, {"": number})
        image = _image(file, len(images) + 1)
        if image.file_name in images:
            raise file.error("file_name", f"{image.file_name} is there twice", "remove one of the lines")
        if not is_file(folder / image.file_name):
            raise file.error(
                "file_name", f"there is no image {image.file_name}", "add it, or remove the line"
            )
        images[image.file_name] = image
    numbers = category_ids({label for image in images.values() for label in image.layout.labels})
    return AnnotatedImages(tuple(images.values()), {number: label for label, number in numbers.items()})


def write_prepared(folder: Path, images: Iterable[AnnotatedImage]) -> None:
    """Write the index of `images`, which are in `folder` or will be."""
    write_index(Path(folder), images)


def _image(file: Entries, number: int) -> AnnotatedImage:
    content = file.content
    name = file.text(content, "", "file_name")
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise file.error("file_name", f"{name} is outside the folder", "write it relative to the folder")
    width, height = (file.whole(content, "", key, least=1) for key in ("width", "height"))
    text = file.text(content, "", "text", blank=True) if "text" in content else ""
    return AnnotatedImage(number, name, Layout(width, height, tuple(_objects(file)), text))


def _objects(file: Entries) -> list[Instance]:
    objects = file.content.get("objects")
    if not isinstance(objects, dict):
        problem = "is missing" if objects is None else f"must hold bbox and category, not {shown(objects)}"
        raise file.error("objects", problem, 'write "objects": {"bbox": [], "category": []}')
    boxes, labels = objects.get("bbox"), objects.get("category")
    if not isinstance(boxes, list) or not isinstance(labels, list) or len(boxes) != len(labels):
        problem = "bbox and category must be lists of the same length"
        raise file.error("objects", problem, "write a category for each box")
    instances = []
    for index, (bbox, label) in enumerate(zip(boxes, labels, strict=True)):
        place, remedy = f"objects.bbox[{index}]", "write [x, y, width, height] in pixels"
        x, y, width, height = file.as_numbers(bbox, place, 4, remedy)
        name = file.as_text(label, f"objects.category[{index}]", remedy="write the name of the category")
        try:
            instances.append(Instance(name, Box(x, y, x + width, y + height)))
        except InvalidLayout as error:
            raise file.error(place, str(error), remedy) from None
    return instances
