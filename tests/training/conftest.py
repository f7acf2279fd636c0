"""Small data sets and models that the tests of training share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from layoutgen import Box, Instance, Layout
from layoutgen.cli import app
from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.formats.prepared import write_prepared
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training import loop, snapshot
from tests.drawn_cutouts import write_cutouts
from tests.toy import toy_pipeline

SCRATCH = """
window: 32
patch_size: 4
latent_channels: 6
autoencoder_images: 8
autoencoder_steps: 2
text_dim: 32
text_layers: 1
channels: [16, 32]
frequencies: 3
"""


def draw_scenes(folder: Path, count: int, *, first: int = 0, size: tuple[int, int] = (48, 48)) -> Path:
    """Prepared data: grey noise with one to three boxes of a label's own colour."""
    folder.mkdir(parents=True, exist_ok=True)
    colors = {"dog": (200, 60, 40), "cat": (40, 80, 210)}
    entries = []
    for number in range(first, first + count):
        rng = np.random.default_rng(number)
        width, height = size
        pixels = rng.integers(110, 140, (height, width, 3)).astype(np.uint8)
        instances = []
        for _ in range(int(rng.integers(1, 4))):
            label = ("dog", "cat")[int(rng.integers(2))]
            w, h = (int(v) for v in rng.integers(10, 22, 2))
            x, y = int(rng.integers(width - w)), int(rng.integers(height - h))
            pixels[y : y + h, x : x + w] = colors[label]
            instances.append(Instance(label, Box(x, y, x + w, y + h)))
        Image.fromarray(pixels).save(folder / f"{number}.png")
        caption = f"{len(instances)} things"
        entries.append(
            AnnotatedImage(number, f"{number}.png", Layout(width, height, tuple(instances), caption))
        )
    write_prepared(folder, entries)
    return folder


def endless_scenes(folder: Path) -> Path:
    """A recipe of endless scenes of one drawn dog on grey ground."""
    photo, ground = folder / "dogs", folder / "grounds"
    write_cutouts(photo, ground)
    where = f"{photo} --backgrounds {ground} -o {folder / 'scenes'}"
    looks = "--endless --canvas 48 48 --size 12 20 --instances 1 3"
    done = CliRunner().invoke(app, ["prepare", "scenes", *where.split(), *looks.split()])
    assert done.exit_code == 0, done.output
    return folder / "scenes"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contact sheets in two steps, no curves, and one thread: toy models have no work for more."""
    monkeypatch.setattr(snapshot, "_PAINT_STEPS", 2)
    monkeypatch.setattr(loop, "draw_curves", lambda metrics, target: None)
    torch.set_num_threads(1)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Six prepared images."""
    return draw_scenes(tmp_path / "data", 6)


@pytest.fixture
def scratch(tmp_path: Path) -> list[str]:
    """Options for a model from scratch."""
    (tmp_path / "scratch.yaml").write_text(SCRATCH)
    return ["--from-scratch", str(tmp_path / "scratch.yaml"), "--train-text-encoder", "--resolution", "32"]


@pytest.fixture(scope="session")
def toy_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved toy SD v1 pipeline, which nobody changes."""
    folder = tmp_path_factory.mktemp("toy")
    toy_pipeline(folder, size=4).save_pretrained(folder / "sd")
    return folder / "sd"


@pytest.fixture
def checkpoint(toy_checkpoint: Path) -> list[str]:
    """Options for fine-tuning a toy SD v1 checkpoint, in a run that can be made longer."""
    rate = ["--schedule", "constant", "--warmup", "0"]
    return ["--model", str(toy_checkpoint), "--resolution", "32", *rate]


def invoke(data: Path, run: Path, *options: str, images: int = 8) -> Result:
    """Runs `layoutgen train`; batches of 2, a checkpoint every 4 images, no contact sheets."""
    usual = f"train {data} -o {run} --images {images} --batch-size 2 --workers 0 --save-every 4 --device cpu"
    return CliRunner().invoke(app, [*usual.split(), "--report-every", "0", *options], catch_exceptions=False)


def train(data: Path, run: Path, *options: str, images: int = 8) -> str:
    """A training that must succeed; returns what it printed."""
    done = invoke(data, run, *options, images=images)
    assert done.exit_code == 0, done.output
    return done.output


def weights(run: Path) -> dict[str, torch.Tensor]:
    """All trained weights of a finished run."""
    pipeline = LayoutPipeline.from_pretrained(run)
    parts = ("unet", "text_encoder", "text_encoder_2", "layout_encoder")
    names = [c for c in parts if getattr(pipeline, c) is not None]
    return {f"{c}.{name}": value for c in names for name, value in getattr(pipeline, c).state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights are equal bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())
