"""The least that scenes are composed of: one animal with an outline, and one ground."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image


def write_cutouts(photos: Path, grounds: Path) -> None:
    """A drawn dog with its annotations in the new folder `photos`, grey ground in `grounds`."""
    for folder, name, color in ((photos, "dog.png", (180, 90, 40)), (grounds, "grey.png", (120, 120, 120))):
        folder.mkdir()
        Image.new("RGB", (64, 64), color).save(folder / name)
    outline = [10, 10, 54, 10, 54, 54, 10, 54]
    entry = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 44, 44], "segmentation": [outline]}
    document = {
        "images": [{"id": 1, "file_name": "dog.png", "width": 64, "height": 64}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [entry],
    }
    (photos / "instances.json").write_text(json.dumps(document))
