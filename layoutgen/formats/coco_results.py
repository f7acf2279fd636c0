"""COCO results json: detected boxes, a list of ``{image_id, category_id, bbox [x, y, w, h], score}``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layoutgen.domain.annotated_image import AnnotatedImages, Defect, Detection, Detections
from layoutgen.domain.layout import Box
from layoutgen.errors import InvalidFile
from layoutgen.formats.coco_reading import FROM_OUTLINE
from layoutgen.formats.coco_writing import xywh
from layoutgen.formats.collector import FRACTION, NO_AREA, NOT_NUMBERS, TURNED, fractions_found
from layoutgen.formats.dialects import (
    Corners,
    box_corners,
    identifier,
    number,
    polygons,
    polygons_corners,
    run_lengths,
)
from layoutgen.formats.entries import shown
from layoutgen.formats.masks import run_lengths_corners
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import read_json_list, write_json

NO_SCORE = "result without a score"
NO_IMAGE = "the annotations have no such image"
NO_CATEGORY = "the annotations have no such category"
FROM_POINTS = "box around the key points"


@dataclass(frozen=True, slots=True)
class Results:
    """What was detected, by image id and in file order, and which entries are left out, or mended."""

    detections: Detections
    dropped: tuple[Defect, ...] = ()
    mended: tuple[Defect, ...] = ()


def read_results(path: Path, data: AnnotatedImages, options: ReadOptions | None = None) -> Results:
    """The detections of a results json in the images of `data`, whose ids and categories it uses.

    Entries without a box, a score, or an image and a category that `data` has are dropped; the box of a mask
    or of key points stands for a missing one.

    Raises:
        InvalidFile: it is no list, no entry can be used, or the boxes are fractions of the image; with
            `options` that are strict, also for the first bad entry.
    """
    path, options = Path(path), options or ReadOptions()
    reader = _ResultsReader(path, data, options)
    entries = read_json_list(path)
    for index, entry in enumerate(entries):
        reader.read(entry, f"[{index}]")
    if entries and not reader.found and reader.dropped:
        first = reader.dropped[0]
        problem = f"none of its {len(entries):,} entries can be used; the first: {first.reason}"
        remedy = "are these the results of the same annotations?"
        raise InvalidFile(path, problem, where=first.where, remedy=remedy)
    return Results(reader.detections(), tuple(reader.dropped), tuple(reader.mended))


@dataclass(slots=True)
class _ResultsReader:
    path: Path
    data: AnnotatedImages
    options: ReadOptions
    found: list[tuple[int, str, Corners, float]] = field(default_factory=list)
    dropped: list[Defect] = field(default_factory=list)
    mended: list[Defect] = field(default_factory=list)
    sizes: dict[int, tuple[int, int]] = field(init=False)
    labels: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.sizes = {image.id: image.size for image in self.data.images}
        self.labels = set(self.data.labels)

    def read(self, entry: Any, where: str) -> None:
        """Take the entry, or note why not."""
        fields = entry if isinstance(entry, dict) else {}
        key, score = identifier(fields.get("image_id")), number(fields.get("score"))
        image = self.data.image_names.get(key) if isinstance(key, str) else key
        label, kind = self._label(fields), fields.get("category_id")
        if image is None or image not in self.sizes:
            return self._note(self.dropped, f"{where}.image_id {shown(key)}", NO_IMAGE)
        if label is None:
            return self._note(self.dropped, f"{where}.category_id {shown(kind)}", NO_CATEGORY)
        if score is None:
            return self._note(self.dropped, f"{where}.score", NO_SCORE)
        corners = self._corners(fields, f"{where}.bbox")
        if corners is None:
            return self._note(self.dropped, f"{where}.bbox", NOT_NUMBERS)
        x0, x1 = sorted((corners[0], corners[2]))
        y0, y1 = sorted((corners[1], corners[3]))
        if not (x1 > x0 and y1 > y0):
            return self._note(self.dropped, f"{where}.bbox", NO_AREA)
        if (x0, y0) != (corners[0], corners[1]):
            self._note(self.mended, f"{where}.bbox", TURNED)
        self.found.append((image, label, (x0, y0, x1, y1), score))
        return None

    def _corners(self, fields: dict[str, Any], where: str) -> Corners | None:
        """The corners of its box, or else of its mask, or of its key points, as pycocotools takes them."""
        corners, reason = box_corners(fields.get("bbox")), FROM_OUTLINE
        if corners is not None:
            return corners
        outline, runs = polygons(fields.get("segmentation")), run_lengths(fields.get("segmentation"))
        if outline or runs:
            corners = polygons_corners(outline) if outline else run_lengths_corners(runs or {})
        else:
            points = fields.get("keypoints") if isinstance(fields.get("keypoints"), list) else []
            values = [number(value) for value in points or ()]
            plain = [value for value in values if value is not None]
            if len(plain) < len(values) or len(plain) < 6 or len(plain) % 3:
                return None
            corners, reason = (
                (min(plain[0::3]), min(plain[1::3]), max(plain[0::3]), max(plain[1::3])),
                FROM_POINTS,
            )
        if corners is not None:
            self._note(self.mended, where, reason)
        return corners

    def _label(self, fields: dict[str, Any]) -> str | None:
        key = identifier(fields.get("category_id"))
        if isinstance(key, int) and key in self.data.categories:
            return self.data.categories[key]
        return key if isinstance(key, str) and key in self.labels else None

    def _note(self, defects: list[Defect], where: str, reason: str) -> None:
        if self.options.strict:
            raise InvalidFile(self.path, reason, where=where, remedy="mend or remove the entry")
        defects.append(Defect(where, reason))

    def detections(self) -> dict[int, tuple[Detection, ...]]:
        """All that was taken, in pixels."""
        fractions = self.found and max(max(map(abs, one[2])) for one in self.found) <= FRACTION
        if fractions and not self.options.fraction:
            problem = fractions_found(len(self.found))
            raise InvalidFile(self.path, problem, remedy="read them as such: `units` fraction")
        found: dict[int, list[Detection]] = defaultdict(list)
        for image, label, corners, score in self.found:
            width, height = self.sizes[image] if fractions else (1, 1)
            found[image].append(Detection(label, Box(*corners).scale(width, height), score))
        return {image: tuple(detections) for image, detections in found.items()}


def write_results(path: Path, detections: Detections, categories: Mapping[int, str]) -> None:
    """Write `detections` as a results json; `categories` are those of the instances json."""
    numbers = {name: number for number, name in categories.items()}
    content = [
        {
            "image_id": image,
            "category_id": numbers[one.label],
            "bbox": xywh(one.box),
            "score": one.score,
        }
        for image, found in detections.items()
        for one in found
    ]
    write_json(path, content)
