"""COCO json: instances, captions and masks; bbox is ``[x, y, width, height]`` in pixels only in here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Dropped, Mask
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidLayout, InvalidOption
from layoutgen.formats.coco_writing import write_coco
from layoutgen.formats.entries import Entries, Entry, is_number, shown
from layoutgen.formats.masks import decode_segmentation
from layoutgen.io.files import read_json
from layoutgen.io.large_json import read_large_json

__all__ = ["NO_AREA", "decode_mask", "only_image", "read_captions", "read_coco", "write_coco"]

NO_AREA = "no area inside the image"
"""Why boxes are dropped that are a line or a point, or wholly outside their image; COCO itself has some."""


def read_coco(path: Path, *, masks: bool = True) -> AnnotatedImages:
    """The images of an instances json, in file order, also those without annotations.

    Boxes are as the file has them: they may reach beyond the image. Crowds are the regions to ignore. Without
    `masks`, which are most of a large file, no instance has one.

    Raises:
        InvalidFile: names the entry, the field and what to do.
    """
    path = Path(path)
    file = Entries(path, read_large_json(path, "annotations"))
    empty, categories = _images(file), _categories(file)
    found: dict[int, _Found] = defaultdict(_Found)
    dropped: list[Dropped] = []
    for where, entry in file.each("annotations"):
        number = _reference(file, entry, where, "image_id", empty)
        label = categories[_reference(file, entry, where, "category_id", categories)]
        file.whole(entry, where, "id")
        box, area, crowd = _box(file, entry, where), _area(file, entry, where), _crowd(file, entry, where)
        layout = empty[number].layout
        if box is None or box.clip(layout.width, layout.height) is None:
            dropped.append(Dropped(f"{where}.bbox", NO_AREA, number))
        elif crowd:
            found[number].ignored.append(Instance(label, box))
        else:
            found[number].instances.append(Instance(label, box))
            found[number].areas.append(box.area if area is None else area)
            found[number].masks.append(_mask(entry) if masks else None)
    images = tuple(found[number].fill(image) for number, image in empty.items())
    return AnnotatedImages(images, categories, tuple(dropped))


def only_image(path: Path, data: AnnotatedImages, image_id: int) -> AnnotatedImages:
    """`data`, which stands in `path`, with the image `image_id` alone.

    Raises:
        InvalidOption: there is none.
    """
    images = tuple(image for image in data.images if image.id == image_id)
    if not images:
        some = ", ".join(str(image.id) for image in data.images[:8])
        raise InvalidOption(f"`image_id` {image_id}: {path} has no such image; it has {some}")
    return replace(data, images=images, dropped=tuple(d for d in data.dropped if d.image_id == image_id))


@dataclass(slots=True)
class _Found:
    """What the annotations say of one image."""

    instances: list[Instance] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    masks: list[Mask | None] = field(default_factory=list)
    ignored: list[Instance] = field(default_factory=list)

    def fill(self, image: AnnotatedImage) -> AnnotatedImage:
        """`image` with all of it."""
        return AnnotatedImage(
            image.id,
            image.file_name,
            image.layout.with_instances(tuple(self.instances)),
            tuple(self.ignored),
            tuple(self.masks) if any(self.masks) else (),
            tuple(self.areas),
        )


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


def decode_mask(image: AnnotatedImage, index: int) -> npt.NDArray[np.bool_]:
    """The mask of instance number `index` of `image`, ``(H, W)`` bool.

    Raises:
        InvalidLayout: it has no mask, or none that fits the image.
    """
    mask, (width, height) = image.mask_of(index), image.size
    try:
        return decode_segmentation(None if mask is None else mask.segmentation, height, width)
    except ValueError as error:
        label = image.instances[index].label
        raise InvalidLayout(f"{image.file_name}, instances[{index}] ({label}): {error}") from error


def _images(file: Entries) -> dict[int, AnnotatedImage]:
    """The images by id, still without annotations."""
    images: dict[int, AnnotatedImage] = {}
    for where, entry in file.each("images"):
        number, name = file.whole(entry, where, "id"), file.text(entry, where, "file_name")
        if number in images:
            raise file.error(f"{where}.id", f"image id {number} is there twice", "give each image its own id")
        width, height = (file.whole(entry, where, key, least=1) for key in ("width", "height"))
        prompts = (entry.get(key) for key in ("prompt", "negative_prompt"))
        # Other people's files may use these names for something else.
        texts = [text if isinstance(text, str) else "" for text in prompts]
        images[number] = AnnotatedImage(number, name, Layout(width, height, (), *texts))
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


def _area(file: Entries, entry: Entry, where: str) -> float | None:
    """The area that the file gives, if it does: that of the mask."""
    area = entry.get("area", 0.0)
    if not is_number(area) or area < 0:
        problem = f"must be a number, 0 or more, not {shown(area)}"
        raise file.error(f"{where}.area", problem, "or leave it out")
    return float(area) if "area" in entry else None


def _crowd(file: Entries, entry: Entry, where: str) -> bool:
    crowd = entry.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise file.error(f"{where}.iscrowd", f"must be 0 or 1, not {shown(crowd)}", "or leave it out")
    return bool(crowd)


def _mask(entry: Entry) -> Mask | None:
    segmentation, score = entry.get("segmentation"), entry.get("mask_score", 1.0)
    return Mask(segmentation, float(score) if is_number(score) else 1.0) if segmentation else None


def _box(file: Entries, entry: Entry, where: str) -> Box | None:
    remedy = "write [x, y, width, height] in pixels"
    x, y, width, height = file.numbers(entry, where, "bbox", 4, remedy)
    if width < 0 or height < 0:
        problem = f"the box is inverted: width {width:g}, height {height:g}"
        raise file.error(f"{where}.bbox", problem, f"{remedy}, x and y of the top-left corner")
    return Box(x, y, x + width, y + height) if x + width > x and y + height > y else None
