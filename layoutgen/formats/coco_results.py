"""COCO results json: detected boxes, a list of ``{image_id, category_id, bbox [x, y, w, h], score}``."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from layoutgen.domain.annotated_image import Detection, Detections
from layoutgen.domain.layout import Box
from layoutgen.formats.coco_writing import xywh
from layoutgen.formats.entries import Entries
from layoutgen.io.files import read_json_list, replacing


def read_results(
    path: Path, categories: Mapping[int, str], images: Collection[int]
) -> dict[int, tuple[Detection, ...]]:
    """The detections of a results json by image id, in file order.

    Boxes without area are dropped: no object can be there. Masks and keypoints are not looked at.

    Args:
        categories: the names of the categories of the instances json that the results belong to.
        images: its image ids.

    Raises:
        InvalidFile: names the entry, the field and what to do.
    """
    path = Path(path)
    file = Entries(path, {"results": read_json_list(path)})
    found: dict[int, list[Detection]] = defaultdict(list)
    for place, entry in file.each("results"):
        place = place.removeprefix("results")
        image, category = file.whole(entry, place, "image_id"), file.whole(entry, place, "category_id")
        for kind, number, known in (("image", image, images), ("category", category, categories)):
            if number not in known:
                remedy = "are these the results of the same annotations?"
                raise file.error(
                    f"{place}.{kind}_id", f"the annotations have no {kind} with id {number}", remedy
                )
        remedy = "write [x, y, width, height] in pixels"
        x, y, width, height = file.numbers(entry, place, "bbox", 4, remedy)
        score = file.number(entry, place, "score", "every result has a score")
        if x + width > x and y + height > y:
            box = Box(x, y, x + width, y + height)
            found[image].append(Detection(categories[category], box, score))
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
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
