"""Layouts written as a COCO instances json that pycocotools can use in every task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from layoutgen import __version__
from layoutgen.domain.annotated_image import AnnotatedImages
from layoutgen.domain.labels import COCO_CATEGORIES
from layoutgen.domain.layout import Box, Layout
from layoutgen.formats.masks import encode_box
from layoutgen.io.files import write_json

ABOUT = "Layouts and the images layoutgen made of them"
"""What a file of :func:`write_coco` says that it holds."""
_FIRST_OWN_CATEGORY = 1001  # above COCO's and COCO-stuff's ids


def write_coco(
    path: Path,
    images: Sequence[tuple[str, Layout]],
    *,
    info: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write `images`, pairs of file name and layout, as an instances json.

    Boxes are cut to the canvas and the mask of an instance is its box; `info` is added to what the file says
    about itself, and `extra` are fields beside COCO's own. An image keeps its prompts, for
    :func:`~layoutgen.formats.coco.read_coco`.
    """
    numbers = category_ids({label for _, layout in images for label in layout.labels})
    numbered = list(enumerate(images, start=1))
    shown = [(image, instance) for image, (_, layout) in numbered for instance in layout.clip().instances]
    content = {
        "info": _about([layout for _, layout in images]) | dict(info or {}),
        "licenses": [],
        "images": [_image(number, name, layout) for number, (name, layout) in numbered],
        "annotations": [
            # From 1: pycocotools' evaluation takes id 0 for "no match".
            {"id": number, "image_id": image, "category_id": numbers[instance.label]} | _shape(instance.box)
            for number, (image, instance) in enumerate(shown, start=1)
        ],
        "categories": [{"id": number, "name": label} for label, number in numbers.items()],
    }
    write_json(path, content | dict(extra or {}))


def write_annotated(path: Path, data: AnnotatedImages) -> None:
    """Write `data` as an instances json: with masks, regions to ignore as crowds, and prompts as they are."""
    numbers = {label: number for number, label in data.categories.items()}
    numbers |= category_ids({label for image in data.images for label in image.labels} - set(numbers))
    annotations: list[dict[str, Any]] = []
    for image in data.images:
        for index, one in enumerate(image.instances):
            mask = image.mask_of(index)
            entry = _entry(image.id, numbers[one.label], one.box)
            entry |= {"area": image.area_of(index), "segmentation": []}
            if mask is not None:
                runs = mask.segmentation
                entry["segmentation"] = dict(runs) if isinstance(runs, Mapping) else runs
                entry |= {"mask_score": mask.score} if mask.score != 1 else {}
            annotations.append(entry)
        for one in image.ignored:
            crowd = {"iscrowd": 1, "segmentation": encode_box(one.box, *image.size)}
            annotations.append(_entry(image.id, numbers[one.label], one.box) | crowd)
    content = {
        "info": {"description": "Converted by layoutgen", "version": __version__},
        "licenses": [],
        "images": [_image(image.id, image.file_name, image.layout) for image in data.images],
        # From 1: pycocotools' evaluation takes id 0 for "no match".
        "annotations": [{"id": number} | one for number, one in enumerate(annotations, start=1)],
        "categories": [{"id": number, "name": label} for label, number in numbers.items()],
    }
    write_json(path, content)


def _entry(image: int, category: int, box: Box) -> dict[str, Any]:
    return {"image_id": image, "category_id": category} | _shape(box)


def xywh(box: Box) -> list[float]:
    """`box` as COCO has it: ``[x, y, width, height]`` in pixels."""
    return [box.x0, box.y0, box.width, box.height]


def category_ids(labels: set[str]) -> dict[str, int]:
    """COCO's own ids for its labels; the others are numbered from 1001 in alphabetical order."""
    known = {name: number for number, name in COCO_CATEGORIES.items() if name in labels}
    others = sorted(labels.difference(known))
    return known | {label: number for number, label in enumerate(others, start=_FIRST_OWN_CATEGORY)}


def categories_of(labels: Iterable[str]) -> dict[int, str]:
    """The categories that `labels` are, by the ids of :func:`category_ids`."""
    return {number: label for label, number in category_ids(set(labels)).items()}


def _about(layouts: Sequence[Layout]) -> dict[str, Any]:
    prompts = list(dict.fromkeys(layout.prompt for layout in layouts if layout.prompt))
    return {
        "description": ABOUT,
        "version": __version__,
        "prompt": "; ".join(prompts[:3]) + ("; ..." if len(prompts) > 3 else ""),
    }


def _image(number: int, name: str, layout: Layout) -> dict[str, Any]:
    entry = {"id": number, "file_name": name, "width": layout.width, "height": layout.height}
    prompts = {"prompt": layout.prompt, "negative_prompt": layout.negative_prompt}
    return entry | {key: value for key, value in prompts.items() if value}


def _shape(box: Box) -> dict[str, Any]:
    corners = [box.x0, box.y0, box.x1, box.y0, box.x1, box.y1, box.x0, box.y1]
    return {"bbox": xywh(box), "area": box.area, "iscrowd": 0, "segmentation": [corners]}
