"""A COCO instances json as people have it: whatever is wrong costs that entry, and is counted.

Own code: pycocotools stops at the first entry of another shape, takes ids as they come ("1" is not 1), and
says nothing of boxes that are no boxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.domain.layout import Layout
from layoutgen.formats.collector import NO_LABEL, NOT_NUMBERS, REPEATED, Collector
from layoutgen.formats.dialects import (
    Corners,
    box_corners,
    identifier,
    number,
    pixel_size,
    polygons,
    polygons_corners,
    run_lengths,
    truth,
)
from layoutgen.formats.entries import Entries, Entry
from layoutgen.formats.image_files import ImageFiles, image_size, relative_name
from layoutgen.formats.masks import compressed, run_lengths_corners
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.large_json import read_large_json

Key = int | str

NO_IMAGE = "annotation of an image that is not listed"
NO_CATEGORY = "annotation of a category that is not listed"
TWO_IMAGES = "one id for two images"
TWO_CATEGORIES = "one id for two categories"
FROM_OUTLINE = "box taken from the outline"
BAD_MASK = "mask that cannot be read, box kept"
NO_ENTRY = "entry without fields"
_FOLDERS = 2  # of an address, that name an image: LVIS has train2017/000000000009.jpg


class CocoReader:
    """Reads the json at `path`; `files` are its images, where they are wanted for their names and sizes."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.file = Entries(path, read_large_json(path, "annotations"))
        self.found, self.options = Collector(path, options), options
        self.files: ImageFiles | None = None
        self.images: dict[Key, int | None] = {}
        self.categories: dict[Key, str | None] = {}

    def names(self) -> list[str]:
        """The names of its images, as far as they have any.

        Raises:
            InvalidFile: it has no list of images.
        """
        fields = (entry for entry in self.file.list_of("images") if isinstance(entry, dict))
        return [name for one in fields if (name := _file_name(one))]

    def read(self) -> AnnotatedImages:
        """All of it.

        Raises:
            InvalidFile: it has no lists of images, annotations and categories, or the boxes are fractions.
        """
        for name in ("images", "annotations", "categories"):
            self.file.list_of(name)
        self._read_categories()
        self._read_images()
        for where, entry in _entries(self.file.list_of("annotations"), "annotations"):
            if isinstance(entry, dict):
                self._read_annotation(entry, where)
            else:
                self.found.drop(where, NO_ENTRY)
        numbers = _numbered(self.categories)
        labels = {numbers[key]: name for key, name in self.categories.items() if name is not None}
        names = {key: number for key, number in self.images.items() if isinstance(key, str) and number}
        return replace(self.found.finish(labels), image_names=names)

    def _read_categories(self) -> None:
        for where, entry in _entries(self.file.list_of("categories"), "categories"):
            fields = entry if isinstance(entry, dict) else {}
            key, name = identifier(fields.get("id")), fields.get("name")
            name = " ".join(str(name).split()) if isinstance(name, str | int | float) else ""
            if key is None or not name:
                self.found.drop(f"{where}.{'id' if key is None else 'name'}", "category without id or name")
            elif self.categories.setdefault(key, name) != name:
                self.found.drop(f"{where}.id", TWO_CATEGORIES)
                self.categories[key] = None

    def _read_images(self) -> None:
        read: dict[Key, tuple[str, AnnotatedImage]] = {}
        for where, entry in _entries(self.file.list_of("images"), "images"):
            fields = entry if isinstance(entry, dict) else {}
            key, name = identifier(fields.get("id")), _file_name(fields)
            if key is None or not name:
                self.found.drop(f"{where}.{'id' if key is None else 'file_name'}", "image without id or name")
            elif key in self.images:
                same = key in read and read[key][0] == name
                self.found.drop(f"{where}.id", REPEATED if same else TWO_IMAGES)
                if not same:  # whose annotations are whose?
                    self.images[key] = None
                    read.pop(key, None)
            else:
                image = self._image(fields, name, where)
                self.images[key] = None
                if image is not None:
                    read[key] = name, image
        numbers = _numbered(read)
        for key, (_, image) in read.items():
            self.images[key] = numbers[key]
            self.found.add_image(AnnotatedImage(numbers[key], image.file_name, image.layout))

    def _image(self, fields: Entry, name: str, where: str) -> AnnotatedImage | None:
        there = self.files.find(name) if self.files is not None else None
        size = pixel_size(fields.get("width"), fields.get("height"))
        place = f"{where}.{'height' if pixel_size(fields.get('width'), 1) else 'width'}"
        if size is None and there is not None and self.files is not None:
            size = image_size(self.files.root / there)
            if size is not None:
                self.found.mend(place, "size of the image read from its file")
        if size is None:
            self.found.drop(place, "image of unknown size")
            return None
        # Other people's files may use these names for something else.
        prompts = [
            text if isinstance(text := fields.get(key), str) else "" for key in ("prompt", "negative_prompt")
        ]
        return AnnotatedImage(0, there or relative_name(name), Layout(*size, (), *prompts))

    def _read_annotation(self, entry: Entry, where: str) -> None:
        key = identifier(entry.get("image_id"))
        image_id = self.images.get(key) if key is not None else None
        if image_id is None:
            return self.found.drop(f"{where}.image_id", TWO_IMAGES if key in self.images else NO_IMAGE)
        label = self._label(entry, where, image_id)
        if label is None:
            return None
        said = str(entry.get("id")), str(entry.get("category_id")), str(entry.get("bbox"))
        if "id" in entry and self.found.repeats(image_id, *said):
            return self.found.drop(where, REPEATED, image_id)
        crowd = truth(entry.get("iscrowd"))
        if crowd is None:
            self.found.mend(f"{where}.iscrowd", "unclear iscrowd, taken for 0", image_id)
        corners = self._corners(entry, where, image_id)
        if corners is None:
            return self.found.drop(f"{where}.bbox", NOT_NUMBERS, image_id)
        area = number(entry.get("area"))
        return self.found.add(
            image_id,
            label,
            corners,
            f"{where}.bbox",
            mask=self._mask(entry, where, image_id) if self.options.masks else None,
            area=area if area is not None and area >= 0 else None,
            ignored=bool(crowd),
        )

    def _label(self, entry: Entry, where: str, image_id: int) -> str | None:
        """The label; None if there is none, which is noted."""
        key = identifier(entry.get("category_id"))
        if key is None:
            self.found.drop(f"{where}.category_id", NO_LABEL, image_id)
            return None
        if key not in self.categories:
            if key in self.categories.values():
                return str(key)  # the name in place of the id
            self.found.drop(f"{where}.category_id", NO_CATEGORY, image_id)
            return None
        if self.categories[key] is None:
            self.found.drop(f"{where}.category_id", TWO_CATEGORIES, image_id)
        return self.categories[key]

    def _corners(self, entry: Entry, where: str, image_id: int) -> Corners | None:
        """The corners of its box, or else of its outline."""
        corners = box_corners(entry.get("bbox"))
        if corners is not None and corners[0] != corners[2] and corners[1] != corners[3]:
            return corners
        outline, runs = polygons(entry.get("segmentation")), run_lengths(entry.get("segmentation"))
        around = polygons_corners(outline) if outline else run_lengths_corners(runs) if runs else None
        if around is None:
            return corners
        self.found.mend(f"{where}.bbox", FROM_OUTLINE, image_id)
        return around

    def _mask(self, entry: Entry, where: str, image_id: int) -> Mask | None:
        given, score = entry.get("segmentation"), number(entry.get("mask_score"))
        if not given:
            return None
        outline: list[list[float]] | None = polygons(given)
        width, height = self.found.image(image_id).size
        if outline is not None and self.options.fraction:
            sides = (width, height)
            outline = [[v * sides[k % 2] for k, v in enumerate(one)] for one in outline]
        shape: Any = outline or run_lengths(given)
        if shape is None or (isinstance(shape, dict) and not _fits(shape, width, height)):
            self.found.mend(f"{where}.segmentation", BAD_MASK, image_id)
            return None
        if self.options.run_lengths:
            try:
                shape = compressed(shape, height, width)
            except ValueError:
                self.found.mend(f"{where}.segmentation", BAD_MASK, image_id)
                return None
        return Mask(shape, 1.0 if score is None else min(max(score, 0.0), 1.0))


def _entries(values: Iterable[Any], key: str) -> Iterable[tuple[str, Any]]:
    return ((f"{key}[{index}]", value) for index, value in enumerate(values))


def _file_name(fields: Entry) -> str:
    """The name of an image, or the end of its address, which is all that LVIS gives."""
    for key in ("file_name", "filename", "path"):
        if isinstance(fields.get(key), str) and fields[key].strip():
            return str(fields[key])
    for key in ("coco_url", "flickr_url", "url"):
        if isinstance(fields.get(key), str):
            return "/".join(fields[key].split("?")[0].split("/")[-_FOLDERS:])
    return ""


def _numbered(keys: Mapping[Key, Any]) -> dict[Key, int]:
    """A number for each id: itself, or one above all others for what is no number."""
    last = max((key for key in keys if isinstance(key, int)), default=0)
    texts = (key for key in keys if isinstance(key, str))
    return {key: key for key in keys if isinstance(key, int)} | {k: n for n, k in enumerate(texts, last + 1)}


def _fits(runs: Mapping[str, Any], width: int, height: int) -> bool:
    counts = runs["counts"]
    return runs["size"] == [height, width] and (isinstance(counts, str) or sum(counts) == width * height)
