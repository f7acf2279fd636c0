"""Whole trainings at toy size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from layoutgen.cli import app
from layoutgen.pipeline import LayoutPipeline
from tests.toy import toy_pipeline

runner = CliRunner()

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


@pytest.fixture
def prepared(coco: Callable[..., tuple[Path, Path]], tmp_path: Path) -> Path:
    """Four prepared images of 48 x 40 pixels with two objects each."""
    names = [(f"{k}.png", 48, 40) for k in range(4)]
    objects = [(k + 1, label, [4.0 + k, 6.0, 18.0, 20.0 + k]) for k in range(4) for label in ("dog", "cat")]
    images, annotations = coco(names, objects)
    done = runner.invoke(
        app, ["prepare", "coco", str(images), str(annotations), "-o", str(tmp_path / "data")]
    )
    assert done.exit_code == 0, done.output
    return tmp_path / "data"


def train(data: Path, run: Path, *options: str, images: int = 8) -> None:
    done = runner.invoke(
        app,
        [
            *f"train {data} -o {run} --images {images} --batch-size 2 --workers 0 --save-every 4".split(),
            *options,
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output


def weights(run: Path) -> dict[str, torch.Tensor]:
    pipeline = LayoutPipeline.from_pretrained(run / "model")
    parts = ("unet", "text_encoder", "layout_encoder")
    return {f"{p}.{name}": value for p in parts for name, value in getattr(pipeline, p).state_dict().items()}


@pytest.fixture
def scratch(tmp_path: Path) -> list[str]:
    (tmp_path / "scratch.yaml").write_text(SCRATCH)
    return ["--from-scratch", str(tmp_path / "scratch.yaml"), "--train-text-encoder", "--resolution", "32"]


def test_a_run_that_is_continued_ends_bit_for_bit_where_an_uninterrupted_one_does(
    prepared: Path, tmp_path: Path, scratch: list[str]
) -> None:
    methods = ["--method", "img2img", "--method", "text2img"]
    train(prepared, tmp_path / "whole", *scratch, *methods, images=12)
    train(prepared, tmp_path / "parts", *scratch, *methods, images=4)
    early = weights(tmp_path / "parts")
    train(prepared, tmp_path / "parts", *scratch, *methods, images=12)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    assert any(not torch.equal(value, parts[name]) for name, value in early.items())


@pytest.mark.parametrize(
    "options",
    [["--method", "text2img"], ["--method", "img2img"], ["--method", "text2img", "--encoding", "text"]],
)
def test_a_checkpoint_is_fine_tuned_and_sampled(prepared: Path, tmp_path: Path, options: list[str]) -> None:
    toy_pipeline(tmp_path, size=4).save_pretrained(tmp_path / "sd")
    run = tmp_path / "run"
    train(prepared, run, "--model", str(tmp_path / "sd"), "--resolution", "32", *options, images=4)
    (tmp_path / "two.yaml").write_text(
        "canvas: {width: 32, height: 32}\nprompt: a dog\ninstances:\n  - {label: dog, xyxy: [2, 2, 30, 30]}\n"
    )
    command = ["sample", str(tmp_path / "two.yaml"), "--model", str(run), "--steps", "2", "--device", "cpu"]
    done = runner.invoke(app, [*command, "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out/images/two_0.png").is_file()


def test_another_option_for_the_same_run_is_refused(
    prepared: Path, tmp_path: Path, scratch: list[str]
) -> None:
    train(prepared, tmp_path / "run", *scratch, images=2)
    again = ["train", str(prepared), "-o", str(tmp_path / "run"), *scratch, "--seed", "5", "--device", "cpu"]
    done = runner.invoke(app, again)
    assert done.exit_code == 2
    assert "batch_size" in done.output or "seed" in done.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--model to fine-tune, or --from-scratch"),
        (["--model", "nowhere"], "no such folder"),
        (["--method", "magic"], "--method must be"),
        (["--ema", "1.5"], "--ema must be"),
        (["--mixed-precision", "fp4"], "--mixed-precision must be"),
    ],
)
def test_what_cannot_work_is_one_line(prepared: Path, tmp_path: Path, options: list[str], words: str) -> None:
    done = runner.invoke(
        app, ["train", str(prepared), "-o", str(tmp_path / "run"), "--device", "cpu", *options]
    )
    assert done.exit_code == 2
    assert words in done.output
    assert not (tmp_path / "run" / "model").exists()


def test_an_unknown_key_in_the_config_is_refused(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("imagse: 5\n")
    done = runner.invoke(
        app, ["train", str(prepared), "-o", str(tmp_path / "run"), "--config", str(tmp_path / "run.yaml")]
    )
    assert done.exit_code == 2
    assert "imagse" in done.output
