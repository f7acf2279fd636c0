"""Does it learn, and does it read the layout? For both methods and both encodings, at toy size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from layoutgen.data.dataset import collate, open_dataset
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.config import TrainConfig
from layoutgen.training.denoiser import Denoiser
from layoutgen.training.loss import batch_loss
from tests.training.conftest import draw_scenes, invoke

pytestmark = pytest.mark.long

METHODS = {"box": ("text2img", "box"), "text": ("text2img", "text"), "img2img": ("img2img", "box")}
# Boxes as text cost the most, and the other two say whether anything learns at all.
WAYS = [pytest.param(way, marks=[pytest.mark.slow] if way == "text" else []) for way in METHODS]

SHAPE = """
window: 32
patch_size: 4
latent_channels: 6
autoencoder_images: 16
autoencoder_steps: 20
text_dim: 32
text_layers: 1
channels: [32, 64]
frequencies: 4
"""


def learn(way: str, data: Path, run: Path, *options: str, images: int) -> Path:
    shape = run.with_suffix(".yaml")
    shape.write_text(SHAPE)
    method, encoding = METHODS[way]
    named = ["--method", method, *(["--encoding", encoding] if method == "text2img" else [])]
    usual = ["--from-scratch", str(shape), "--train-text-encoder", "--resolution", "32", "--batch-size", "16"]
    rate = ["--learning-rate", "2e-3", "--warmup", "20", "--schedule", "cosine", "--save-every", str(images)]
    done = invoke(data, run, *named, *usual, *rate, "--ema", "0.98", *options, images=images)
    assert done.exit_code == 0, done.output
    return run


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen prepared images: real photos if there are any, else drawn ones."""
    import os

    from typer.testing import CliRunner

    from layoutgen.cli import app

    folder = tmp_path_factory.mktemp("sixteen")
    real = Path(os.environ.get("LAYOUTGEN_DATA", "/nowhere")) / "tiny-coco"
    if not real.is_dir():
        return draw_scenes(folder / "drawn", 16)
    source = [str(real / "train_2017_small"), str(real / "instances_train2017_small.json")]
    done = CliRunner().invoke(app, ["prepare", "coco", *source, "-o", str(folder / "real")])
    assert done.exit_code == 0, done.output
    return folder / "real"


@pytest.mark.parametrize("way", WAYS)
def test_sixteen_images_are_learnt_by_heart(way: str, photos: Path, tmp_path: Path) -> None:
    run = learn(way, photos, tmp_path / "run", "--cache-latents", images=16 * 700)
    losses = [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    first, last = losses[0], sum(losses[-5:]) / 5
    assert last < first / 4, f"{first:.3f} -> {last:.3f}"


@pytest.mark.parametrize("way", WAYS)
def test_the_layout_is_read(way: str, tmp_path: Path) -> None:
    """On scenes never trained on, the loss with the true layouts is clearly below that with each other's."""
    data = draw_scenes(tmp_path / "data", 200)
    run = learn(way, data, tmp_path / "run", images=16 * 400)
    true, swapped = held_out_losses(way, run, draw_scenes(tmp_path / "other", 64, first=1000))
    assert true < 0.85 * swapped, f"{true:.4f} against {swapped:.4f}"


@torch.no_grad()
def held_out_losses(way: str, run: Path, data: Path) -> tuple[float, float]:
    """The loss with the true layouts, and with the layouts of the next image, for the same noise."""
    method, encoding = METHODS[way]
    pipeline = LayoutPipeline.from_pretrained(run)
    config = TrainConfig(methods=(method,), resolution=32, drop_caption=0, drop_layout=0, box_weight=0)
    denoiser = Denoiser(pipeline, [pipeline.method(method, encoding if method == "text2img" else None)])
    dataset = open_dataset(data, resolution=32, seed=9)
    batch = collate([dataset[k] for k in range(64)])
    shuffled = replace(batch, layouts=(*batch.layouts[1:], batch.layouts[0]))
    accelerator = Accelerator(cpu=True)
    with denoiser.attached():
        true, other = (
            batch_loss(pipeline.backbone, denoiser, 0, some, config, accelerator)[1]
            for some in (batch, shuffled)
        )
    return true.loss, other.loss
