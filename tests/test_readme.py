"""Every command of README.md, in its order, in one fresh folder.

In the quick form the model in the package is a tiny one of random weights, and images are painted in two
steps; in the slow form each command is a process of its own, as a reader starts it, with the real model.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from layoutgen.assets import MODEL
from layoutgen.cli import app
from layoutgen.data.dataset import LayoutDataset, Source
from layoutgen.data.scenes import Scene
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.training.config import ScratchConfig
from layoutgen.training.scratch import build_model
from tests.detection.checkpoints import owlv2
from tests.documents import OWLV2, ROOT, commands
from tests.toy import toy_pipeline

pytestmark = pytest.mark.long

README = (ROOT / "README.md").read_text(encoding="utf-8")
SKIPPED = {
    "make test": "it is what runs this test",
    "pip install -c constraints.txt .": "the package is installed",
    "layoutgen design layout.yaml": "a server that Ctrl-C ends; tests/design has it",
}
DOWNLOADS = {"stable-diffusion-v1-5/stable-diffusion-v1-5": "models/painter", OWLV2: "models/detector"}
"""What a reader downloads, and what the test makes instead."""
PLACEHOLDERS = {"IMAGES": "photos", "ANNOTATIONS": "instances.json", "MODEL": "models/painter"}
"""What a reader puts in; other capitals (DATA, SCENES, RUN, DIR) are names as good as any."""
COMMANDS = commands(README, DOWNLOADS | PLACEHOLDERS)


def test_the_commands_are_found() -> None:
    found = [command.text for command in COMMANDS]
    assert found[0] == "make dogs" and len(found) > 25
    assert set(SKIPPED) <= set(found)
    assert all(any(name in text for text in found) for name in DOWNLOADS)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh folder with what a checkout has, a reader's photos, and models in the place of downloads."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "sample_layouts", "sample_layouts")
    shutil.copytree(ROOT / "recipes/accelerate", "recipes/accelerate")
    draw_photos(tmp_path)
    draw_coco(tmp_path)
    toy_pipeline(tmp_path / "models", size=8).save_pretrained("models/painter")
    owlv2(tmp_path / "models/detector")
    return tmp_path


def draw_photos(folder: Path) -> None:
    """Photos of one brown dog each on a calm ground, with outlines."""
    (folder / "photos").mkdir()
    images, annotations = [], []
    for number in range(1, 5):
        image = Image.new("RGB", (320, 240), (90, 140 + 10 * number, 80))
        x0, y0, x1, y1 = 30, 40, 90, 130
        ImageDraw.Draw(image).rectangle((x0, y0, x1 - 1, y1 - 1), fill=(150, 90, 40 + 10 * number))
        image.save(folder / "photos" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 320, "height": 240})
        outline = [x0, y0, x1, y0, x1, y1, x0, y1]
        bbox = [x0, y0, x1 - x0, y1 - y0]
        annotations.append(
            {"id": number, "image_id": number, "category_id": 1, "bbox": bbox, "segmentation": [outline]}
        )
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dog"}]}
    (folder / "instances.json").write_text(json.dumps(content))


def draw_coco(folder: Path) -> None:
    """Layouts of a dog each in coco.json, their images in DIR, and somebody's detections in results.json."""
    (folder / "DIR").mkdir()
    images, annotations, results = [], [], []
    for number in range(1, 3):
        Image.new("RGB", (64, 64), (90, 140, 80)).save(folder / "DIR" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 64, "height": 64})
        entry = {"image_id": number, "category_id": 1, "bbox": [8, 8, 32, 40]}
        annotations.append(entry | {"id": number})
        results.append(entry | {"score": 0.9})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dog"}]}
    (folder / "coco.json").write_text(json.dumps(content))
    (folder / "results.json").write_text(json.dumps(results))


def tiny_model(folder: Path) -> Path:
    """A model that knows what the one in the package knows, and paints in no time."""
    shape = ScratchConfig(
        window=64, smallest=24.0, largest=112.0, aspect=(0.45, 0.95), latent_channels=6, autoencoder_images=4,
        autoencoder_steps=0, text_dim=32, text_layers=1, channels=(16,), grid=8,
    )  # fmt: skip
    boxes = (Instance("cat", Box(8, 8, 24, 40)), Instance("dog", Box(32, 8, 56, 48)))
    layout = Layout(64, 64, boxes, prompt="a cat and a dog on green ground")
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    source = Source(lambda number: Scene(Image.fromarray(pixels), layout), 64, 64)
    data = LayoutDataset([source], ("cat", "dog"), sizes=[(64, 64)], seed=0)
    build_model(shape, data, ("img2img", "text2img"), "box", seed=0).save_pretrained(folder)
    return folder


TRAINING = ("--images", "4", "--batch-size", "2", "--workers", "0", "--report-every", "4")
QUICKER = {
    "sample": ("--steps", "2"), "augment": ("--steps", "2"), "train": TRAINING,
    "distill": TRAINING,
}  # fmt: skip
FEWER = {"0-15": "0-1", "16": "2", "1000": "4"}
"""Numbers of images and scenes."""


def test_the_readme_runs_in_its_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = tiny_model(folder / "tiny")
    for place in ("layoutgen.model_info.MODEL", "layoutgen.assets.MODEL"):
        monkeypatch.setattr(place, tiny)
    monkeypatch.setattr("layoutgen.training.snapshot._PAINT_STEPS", 1)
    walls: list[str] = []
    for command in COMMANDS:
        if command.text in SKIPPED:
            continue
        words = command.words
        more = () if words[0] == "sample" and "--steps" in words else QUICKER.get(words[0], ())
        words = (*(FEWER.get(word, word) for word in words), *more)
        if words[:2] == ("prepare", "scenes") and "--count" not in words:
            words = (*words, "--count", "4")
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        walls += [f"{command.text}\n{done.output}"] if done.exit_code else []
    assert not walls, "\n".join(walls)
    run_python(folder)


def run_python(folder: Path) -> None:
    """The Python block of the README: a picture with both dogs in their boxes."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    found: dict[str, object] = {}
    exec(code, found)
    assert isinstance(found["image"], Image.Image) and found["image"].size == (192, 192)


@pytest.mark.slow
def test_the_readme_runs_as_a_reader_types_it(folder: Path) -> None:
    for command in COMMANDS:
        if command.text in SKIPPED:
            continue
        words = list(command.words)
        if words[0] in ("train", "distill"):
            words += ["--images", "32", "--batch-size", "4"]  # the way, not the hours
        if words[0] == "layouts":
            words = ["16" if word == "1000" else word for word in words]  # they are painted below
        if "--factor" in words:
            words[words.index("--factor") + 1] = "1.016"  # of 1,000 scenes
        done = subprocess.run([sys.executable, "-m", "layoutgen", *words], capture_output=True, text=True)
        assert done.returncode == 0, f"{command.text}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
    score = json.loads((folder / "out/100_dogs_evaluation/report.json").read_text())
    assert score["overall"]["recall"] >= 0.85
    assert MODEL.is_dir()
    run_python(folder)
