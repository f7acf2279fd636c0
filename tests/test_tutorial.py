"""docs/own_photos.md from its first command to its last, on photos of the folder LAYOUTGEN_DATA."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.detection.checkpoints import owlv2
from tests.documents import OWLV2, ROOT, commands

TUTORIAL = (ROOT / "docs/own_photos.md").read_text(encoding="utf-8")
PHOTOS, GROUNDS = 60, 40
COMMANDS = commands(TUTORIAL, {OWLV2: "detector"})
LAYOUT = """
canvas: {width: 256, height: 192}
prompt: 2 pizzas on green ground
instances:
  - {label: pizza, xyxy: [24, 40, 96, 88]}
  - {label: pizza, xyxy: [144, 96, 208, 144]}
"""


def test_its_pictures_are_there() -> None:
    named = {part.split(")")[0] for part in TUTORIAL.split("](images/")[1:]}
    assert len(named) == 4
    assert all((ROOT / "docs/images" / name).is_file() for name in named)


def test_its_commands_are_known() -> None:
    words = [command.words[0] for command in COMMANDS]
    assert words == [
        "prepare", "prepare", "visualize", "train", "train", "visualize", "sample", "sample", "evaluate",
    ]  # fmt: skip


def copy(source: Path, target: Path, content: dict[str, Any], images: list[dict[str, Any]]) -> None:
    """The `images` of a COCO document, with what is annotated in them."""
    (target / "images").mkdir(parents=True)
    for image in images:
        shutil.copy(source / "images" / image["file_name"], target / "images")
    kept = {image["id"] for image in images}
    objects = [one for one in content["annotations"] if one["image_id"] in kept]
    document = {"images": images, "categories": content["categories"], "annotations": objects}
    (target / "instances.json").write_text(json.dumps(document))


def of_pizzas(content: dict[str, Any]) -> dict[str, Any]:
    """The pizzas of a COCO document alone."""
    (category,) = [one for one in content["categories"] if one["name"] == "pizza"]
    objects = [one for one in content["annotations"] if one["category_id"] == category["id"]]
    return {"images": content["images"], "categories": [category], "annotations": objects}


def share(one: dict[str, Any], images: dict[int, dict[str, Any]]) -> float:
    """Which part of its image an object takes."""
    image = images[one["image_id"]]
    return float(one["bbox"][2] * one["bbox"][3] / (image["width"] * image["height"]))


def cpu_seconds() -> float:
    """The CPU time of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
def test_a_newcomer_gets_pizzas(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.chdir(tmp_path)
    pizzas = of_pizzas(json.loads((data / "coco/instances_train.json").read_text()))
    images = {image["id"]: image for image in pizzas["images"]}
    largest = sorted(pizzas["annotations"], key=lambda one: -share(one, images))
    photos = [images[number] for number in dict.fromkeys(one["image_id"] for one in largest)][:PHOTOS]
    copy(data / "coco", tmp_path / "own", pizzas, photos)
    shutil.move(tmp_path / "own/images", "photos")
    shutil.move(tmp_path / "own/instances.json", "instances.json")
    pets = json.loads((data / "pets/instances_train.json").read_text())
    animals = {image["id"]: image for image in pets["images"]}
    roomy = sorted(pets["annotations"], key=lambda one: share(one, animals))[:GROUNDS]
    copy(data / "pets", tmp_path / "grounds", pets, [animals[one["image_id"]] for one in roomy])
    owlv2(tmp_path / "detector")
    (tmp_path / "layout.yaml").write_text(LAYOUT)

    seconds: dict[str, float] = {}
    for command in COMMANDS:
        before = cpu_seconds()
        done = subprocess.run(
            [sys.executable, "-m", "layoutgen", *command.words], capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command.text}\n{done.stdout}{done.stderr}"
        seconds[command.text] = cpu_seconds() - before
        record_property("cpu_seconds", f"{seconds[command.text]:.1f} {command.text}")
    assert sum(seconds.values()) < 30 * 60, f"the tutorial promises less than half an hour: {seconds}"
    assert (tmp_path / "data/masks.jpg").is_file() and (tmp_path / "run/curves.png").is_file()
    # Pizzas are redder than green, the ground is not.
    with Image.open(tmp_path / "out/table/images/layout_0.png") as image:
        pixels = np.array(image.convert("RGB")).astype(float)
    redness = pixels[..., 0] - pixels[..., 1]
    inside = np.concatenate([redness[48:80, 36:84].ravel(), redness[104:136, 156:196].ravel()])
    assert inside.mean() > 30 and redness[150:, :130].mean() < 5
