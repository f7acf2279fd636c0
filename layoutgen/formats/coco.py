"""COCO json: instances, captions and masks; bbox is ``[x, y, width, height]`` in pixels only in here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidLayout
from layoutgen.formats.coco_writing import write_coco
from layoutgen.formats.entries import Entries, Entry, is_number, shown
from layoutgen.formats.masks import decode_segmentation
from layoutgen.io.files import read_json
from layoutgen.io.large_json import read_large_json

__all__ = [
    "CocoAnnotation",
    "CocoImage",
    "decode_mask",
    "read_captions",
    "read_coco",
    "read_instances",
    "write_coco",
]


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One annotated object; `box` and `area` in pixels, `segmentation` as the file has it.

    `mask_score` is how good the mask is, in [0, 1], where a data set says so: 1 if it does not.
    """

    id: int
    label: str
    box: Box
    area: float
    crowd: bool
    segmentation: Any | None
    mask_score: float = 1.0


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One image with its annotations in file order.

    `dropped` holds the indices, in the file's list of annotations, of those that have no area in the picture
    (COCO itself has some); they are not among `annotations`.
    """

    id: int
    file_name: str
    width: int
    height: int
    annotations: tuple[CocoAnnotation, ...]
    dropped: tuple[int, ...] = ()
    prompt: str = ""
    negative_prompt: str = ""

    @property
    def degenerate(self) -> int:
        """How many annotations have no area in the picture."""
        return len(self.dropped)

    def layout(self, prompt: str = "") -> Layout:
        """The layout without crowds; its prompt is `prompt`, or what the file says."""
        instances = tuple(Instance(a.label, a.box) for a in self.annotations if not a.crowd)
        return Layout(self.width, self.height, instances, prompt or self.prompt, self.negative_prompt)


def read_coco(path: Path, *, masks: bool = True) -> tuple[CocoImage, ...]:
    """The images of an instances json, in file order, also those without annotations.

    Boxes are as the file has them: they may reach beyond the picture. Without `masks`, which are most of a
    large file, every `segmentation` is None.

    Raises:
        InvalidFile: names the entry, the field and what to do.
    """
    return read_instances(path, masks=masks)[0]


def read_instances(path: Path, *, masks: bool = True) -> tuple[tuple[CocoImage, ...], dict[int, str]]:
    """The images of an instances json, see :func:`read_coco`, and the names of all its categories by id.

    Raises:
        InvalidFile: names the entry, the field and what to do.
    """
    path = Path(path)
    file = Entries(path, read_large_json(path, "annotations"))
    images, categories = _images(file), _categories(file)
    annotations: dict[int, list[CocoAnnotation]] = defaultdict(list)
    dropped: dict[int, list[int]] = defaultdict(list)
    for index, (where, entry) in enumerate(file.each("annotations")):
        image = _reference(file, entry, where, "image_id", images)
        label = categories[_reference(file, entry, where, "category_id", categories)]
        annotation = _annotation(file, entry, where, label, masks=masks)
        if annotation is None or annotation.box.clip(images[image].width, images[image].height) is None:
            dropped[image].append(index)
        else:
            annotations[image].append(annotation)
    filled = tuple(
        CocoImage(
            number,
            empty.file_name,
            empty.width,
            empty.height,
            tuple(annotations[number]),
            tuple(dropped[number]),
            empty.prompt,
            empty.negative_prompt,
        )
        for number, empty in images.items()
    )
    return filled, categories


def read_captions(path: Path) -> dict[int, tuple[str, ...]]:
    """The captions of a COCO captions json by image id, white space tidied.

    Raises:
        InvalidFile: names the entry, the field and what to do.
    """
    path = Path(path)
    file = Entries(path, read_json(path))
    captions: dict[int, tuple[str, ...]] = {}
    for where, entry in file.each("annotations"):
        image = file.whole(entry, where, "image_id")
        caption = file.text(entry, where, "caption", remedy="is this a captions json?")
        captions[image] = (*captions.get(image, ()), " ".join(caption.split()))
    return captions


def decode_mask(annotation: CocoAnnotation, height: int, width: int) -> npt.NDArray[np.bool_]:
    """The mask of `annotation` in its image of `height` x `width` pixels, ``(H, W)`` bool.

    Raises:
        InvalidLayout: it has no segmentation, or none that fits the image.
    """
    try:
        return decode_segmentation(annotation.segmentation, height, width)
    except ValueError as error:
        raise InvalidLayout(f"annotation id {annotation.id} ({annotation.label}): {error}") from error


def _images(file: Entries) -> dict[int, CocoImage]:
    """The images by id, still without annotations."""
    images: dict[int, CocoImage] = {}
    for where, entry in file.each("images"):
        number, name = file.whole(entry, where, "id"), file.text(entry, where, "file_name")
        if number in images:
            raise file.error(f"{where}.id", f"image id {number} is there twice", "give each image its own id")
        width, height = (file.whole(entry, where, key, least=1) for key in ("width", "height"))
        prompts = (entry.get(key) for key in ("prompt", "negative_prompt"))
        # Other people's files may use these names for something else.
        texts = [text if isinstance(text, str) else "" for text in prompts]
        images[number] = CocoImage(number, name, width, height, (), (), *texts)
    return images


def _categories(file: Entries) -> dict[int, str]:
    categories: dict[int, str] = {}
    for where, entry in file.each("categories"):
        number, name = file.whole(entry, where, "id"), file.text(entry, where, "name").strip()
        if categories.setdefault(number, name) != name:
            problem = f"category id {number} is both {categories[number]!r} and {name!r}"
            raise file.error(f"{where}.id", problem, "give each category its own id")
    return categories


def _reference(file: Entries, entry: Entry, where: str, key: str, known: Mapping[int, object]) -> int:
    number = file.whole(entry, where, key)
    if number not in known:
        kind, home = ("image", "images") if key == "image_id" else ("category", "categories")
        remedy = f"add it to {home}, or remove the annotation"
        raise file.error(f"{where}.{key}", f"there is no {kind} with id {number}", remedy)
    return number


def _annotation(file: Entries, entry: Entry, where: str, label: str, *, masks: bool) -> CocoAnnotation | None:
    """The annotation; None if its box is a line or a point, as a few in COCO are."""
    number, box = file.whole(entry, where, "id"), _box(file, entry, where)
    area, crowd = entry.get("area", 0.0 if box is None else box.area), entry.get("iscrowd", 0)
    if not is_number(area) or area < 0:
        raise file.error(
            f"{where}.area", f"must be a number, 0 or more, not {shown(area)}", "or leave it out"
        )
    if crowd not in (0, 1):
        raise file.error(f"{where}.iscrowd", f"must be 0 or 1, not {shown(crowd)}", "or leave it out")
    if box is None:
        return None
    score = entry.get("mask_score", 1.0)
    mask_score = float(score) if is_number(score) else 1.0
    segmentation = (entry.get("segmentation") or None) if masks else None
    return CocoAnnotation(number, label, box, float(area), bool(crowd), segmentation, mask_score)


def _box(file: Entries, entry: Entry, where: str) -> Box | None:
    remedy = "write [x, y, width, height] in pixels"
    x, y, width, height = file.numbers(entry, where, "bbox", 4, remedy)
    if width < 0 or height < 0:
        problem = f"the box is inverted: width {width:g}, height {height:g}"
        raise file.error(f"{where}.bbox", problem, f"{remedy}, x and y of the top-left corner")
    return Box(x, y, x + width, y + height) if x + width > x and y + height > y else None
