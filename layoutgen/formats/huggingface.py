"""Hugging Face's ``imagefolder``: images and a ``metadata.jsonl`` of objects, in the folder or in its splits.

A line per image: ``file_name, text, objects: {bbox: [[x, y, width, height]], category: [name or number]}`` in
pixels, as ``datasets`` documents it for object detection and as ``layoutgen prepare`` writes it. Numbers of
classes get their names from ``dataset_info.json``, from the head of ``README.md``, or from ``classes.txt``.

Own code: ``datasets`` copies every image into its cache, and stops at the first line of another shape.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.errors import InvalidFile
from layoutgen.formats.class_names import class_names
from layoutgen.formats.coco_writing import xywh
from layoutgen.formats.collector import NO_LABEL, NOT_NUMBERS, REPEATED, Collector, empty_image, numbered
from layoutgen.formats.dataset_format import (
    BEYOND,
    CAPTIONS,
    MASK_SCORES,
    RUN_LENGTHS,
    DatasetFormat,
)
from layoutgen.formats.dialects import box_corners, number, pixel_size, polygons, run_lengths, whole
from layoutgen.formats.image_files import ImageFiles, image_size, relative_name
from layoutgen.formats.masks import compressed
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import parse_json_object, read_text, replacing

INDEX = "metadata.jsonl"
_LABELS = ("category", "categories", "label", "labels", "category_id", "category_ids", "name", "class")
_BOXES = ("bbox", "bboxes", "boxes", "box")


def recognises(path: Path) -> bool:
    """``metadata.jsonl``, or a folder with one in it or in its splits."""
    return bool(_indices(path))


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The images of all splits.

    Raises:
        InvalidFile: a line is no json, or the classes are numbers without names.
    """
    home = path.parent if path.is_file() else path
    root = options.images or home
    names, found, labels = class_names(home), Collector(path, options), set[str]()
    for file in _indices(path):
        images, seen = ImageFiles(file.parent if options.images is None else root), set[str]()
        for index, line in enumerate(read_text(file).split("\n"), start=1):
            where = f"{file.relative_to(home).as_posix()}, line {index}"
            if not line.strip():
                continue
            try:
                content = parse_json_object(file, line)
            except InvalidFile as error:
                found.drop(where, error.problem.split(":")[0])
                continue
            image = image_of(content, images, root, len(found) + 1)
            if image is None:
                found.drop(where, "image of unknown name or size")
            elif image.file_name in seen:
                found.drop(where, REPEATED)
            else:
                seen.add(image.file_name)
                found.add_image(image)
                labels |= read_objects(found, image, content.get("objects"), names, where)
    if not len(found):
        raise InvalidFile(path, "lists no image", remedy="write a line for each image")
    known = set(names.values()) | labels
    return found.finish(numbered(known)), root


def write(data: AnnotatedImages, folder: Path) -> None:
    """Write the index of the images."""
    write_index(folder, data.images)


def write_index(folder: Path, images: Iterable[AnnotatedImage]) -> None:
    """Write the index of `images`, which are in `folder` or will be."""
    with index_writer(folder) as write_image:
        for image in images:
            write_image(image)


@contextmanager
def index_writer(folder: Path) -> Iterator[Callable[[AnnotatedImage], None]]:
    """Writes the index of `folder` an image at a time; it is there when all is written, and only then."""
    with replacing(folder / INDEX) as temporary, temporary.open("w", encoding="utf-8") as file:

        def write_image(image: AnnotatedImage) -> None:
            file.write(json.dumps(_line(image), ensure_ascii=False, allow_nan=False) + "\n")

        yield write_image


FORMAT = DatasetFormat(
    "huggingface",
    "Hugging Face imagefolder (metadata.jsonl)",
    recognises,
    read,
    write,
    writes=("images", INDEX),
    holds=frozenset({BEYOND, CAPTIONS, RUN_LENGTHS, MASK_SCORES}),
)


def _line(image: AnnotatedImage) -> dict[str, Any]:
    """The line of `image`; its masks as run lengths: in one column, ``datasets`` wants values of one kind."""
    boxes = [one.box for one in image.instances]
    objects: dict[str, Any] = {
        "bbox": [xywh(box) for box in boxes],
        "category": [one.label for one in image.instances],
        "area": [image.area_of(index) for index in range(len(boxes))],
    }
    if any(image.masks):
        objects["segmentation"] = [_run_lengths(image, index) for index in range(len(boxes))]
        objects["mask_score"] = [1.0 if mask is None else mask.score for mask in image.masks]
    size = {"width": image.size[0], "height": image.size[1]}
    return {"file_name": image.file_name, "text": image.layout.prompt, **size, "objects": objects}


def _run_lengths(image: AnnotatedImage, index: int) -> dict[str, Any] | None:
    mask, (width, height) = image.mask_of(index), image.size
    try:
        return None if mask is None else compressed(mask.segmentation, height, width)
    except ValueError:  # an outline without area
        return None


def _indices(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".jsonl" and path.name == INDEX else []
    files = [path / INDEX, *sorted(path.glob(f"*/{INDEX}")), *sorted(path.glob(f"data/*/{INDEX}"))]
    return [file for file in files if file.is_file()]


def image_of(
    content: Mapping[str, Any], images: ImageFiles, root: Path, number_: int
) -> AnnotatedImage | None:
    """The image of a line, still without objects; None if nothing says its name, or its size."""
    said = content.get("file_name") or content.get("image") or content.get("path")
    if not isinstance(said, str):
        return None
    name = images.find(said)
    size = pixel_size(content.get("width"), content.get("height"))
    if size is None and name is not None:
        size = image_size(images.root / name)
    if size is None:
        return None
    full = images.root / (name or relative_name(said))
    inside = full.relative_to(root).as_posix() if full.is_relative_to(root) else relative_name(said)
    text = next((content[key] for key in ("text", "caption", "prompt") if content.get(key)), "")
    return empty_image(number_, inside, size, text if isinstance(text, str) else "")


def read_objects(
    found: Collector, image: AnnotatedImage, objects: Any, names: dict[int, str], where: str
) -> set[str]:
    """Take the objects of a line; their labels."""
    labels = set()
    if objects is not None and not isinstance(objects, dict | list):
        found.drop(f"{where}.objects", "objects that are no list", image.id)
    for index, (box, label, segmentation, score) in enumerate(_rows(objects)):
        place = f"{where}, objects[{index}]"
        corners = box_corners(box)
        class_number = whole(label)
        if class_number is not None and class_number not in names and not isinstance(label, str):
            problem = f"class {class_number} has no name"
            remedy = "write classes.txt with a name on each line, or names in place of numbers"
            raise InvalidFile(found.path, problem, where=place, remedy=remedy)
        name = names.get(class_number, label) if class_number is not None else label
        if not isinstance(name, str) or not name.strip():
            found.drop(place, NO_LABEL, image.id)
            continue
        if corners is None:
            found.drop(place, NOT_NUMBERS, image.id)
            continue
        labels.add(name)
        shape = polygons(segmentation) or run_lengths(segmentation) if found.options.masks else None
        mask = Mask(shape, number(score) if number(score) is not None else 1.0) if shape else None  # type: ignore[arg-type]
        found.add(image.id, name, corners, place, mask=mask)
    return labels


def _rows(objects: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Box, label, mask and its score of each object: of lists of the same length, or of a list of objects."""
    keys = (_BOXES, _LABELS, ("segmentation", "masks"), ("mask_score",))
    if isinstance(objects, list):
        for one in objects:
            fields = one if isinstance(one, dict) else {}
            box, label, mask, score = (
                next((fields[k] for k in names if k in fields), None) for names in keys
            )
            yield box, label, mask, score
    elif isinstance(objects, dict):
        columns: list[list[Any]] = [
            next((objects[key] for key in names if isinstance(objects.get(key), list)), []) for names in keys
        ]
        for index in range(max(len(columns[0]), len(columns[1]))):
            box, label, mask, score = (one[index] if index < len(one) else None for one in columns)
            yield box, label, mask, score
