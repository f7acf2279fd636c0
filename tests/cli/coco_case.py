"""A small COCO json and its images, for the tests of odd ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

BOX = [4, 5, 20, 18]
OUTLINE = [4, 5, 24, 5, 24, 23, 4, 23]
RUNS = [48 * 4 + 5, *([18, 30] * 19), 18, 48 * 39 + 48 * 1 - 23]
RLE = {"size": [48, 64], "counts": [48 * 4 + 5] + [18, 30] * 19 + [18, 48 * 64 - 48 * 4 - 5 - 48 * 19 - 18]}


def image(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "file_name": "a.jpg", "width": 64, "height": 48} | changes


def annotation(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 1, "category_id": 1, "bbox": BOX, "area": 360, "iscrowd": 0} | changes


class Case:
    """A COCO json and its images, to be prepared."""

    def __init__(self, folder: Path, run: Any) -> None:
        self.folder, self.run = folder, run
        (folder / "images").mkdir()
        pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
        self.photo = Image.fromarray(pixels)
        self.photo.save(folder / "images" / "a.jpg", quality=95)

    def write(self, annotations: Any, images: Any = None, categories: Any = None) -> Path:
        document = {
            "images": [image()] if images is None else images,
            "annotations": annotations,
            "categories": [{"id": 1, "name": "dog"}] if categories is None else categories,
        }
        (self.folder / "coco.json").write_text(json.dumps(document), encoding="utf-8")
        return self.folder / "coco.json"

    def prepare(self, *options: object) -> str:
        """What it prints."""
        arguments = ["prepare", "coco", self.folder / "images", self.folder / "coco.json"]
        result = self.run(*arguments, "-o", self.folder / "out", *options)
        assert result.exit_code == 0, result.stderr
        return " ".join(result.stdout.split())

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in (self.folder / "out" / "metadata.jsonl").read_text().splitlines()
        ]

    @property
    def boxes(self) -> list[list[float]]:
        return [box for line in self.lines for box in line["objects"]["bbox"]]
