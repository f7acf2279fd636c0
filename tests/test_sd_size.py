"""The real size: Stable Diffusion v1's shapes, with random weights. Run with `pytest -m "slow or gpu"`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from layoutgen import Box, Instance, Layout
from layoutgen.data.dataset import collate, open_dataset
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.config import TrainConfig
from layoutgen.training.denoiser import Denoiser, choose_trained
from layoutgen.training.extend_inputs import extend_inputs
from layoutgen.training.loss import batch_loss
from tests.toy import sd_pipeline
from tests.training.conftest import draw_scenes, invoke

TEN_DOGS = tuple(Instance("dog", Box(x, y, x + 44, y + 60)) for x in range(0, 250, 50) for y in (10, 130))
WAYS = [("img2img", "box"), ("text2img", "box"), ("text2img", "text")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved SD v1 pipeline."""
    path = tmp_path_factory.mktemp("sd")
    sd_pipeline(path).save_pretrained(path / "model")
    return path / "model"


@pytest.mark.slow
def test_the_unet_is_stable_diffusions(folder: Path) -> None:
    pipeline = LayoutPipeline.from_pretrained(folder)
    assert sum(p.numel() for p in pipeline.unet.parameters()) == 859_520_964


@pytest.mark.slow
@pytest.mark.parametrize("method", ["regional", "img2img", "text2img"])
def test_every_method_paints(folder: Path, method: str) -> None:
    pipeline = LayoutPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    layout = Layout(256, 256, TEN_DOGS, prompt="on grass")
    generator = torch.Generator().manual_seed(0)
    image = np.array(pipeline(layout, method=method, steps=2, generator=generator)[0])
    assert image.shape == (256, 256, 3)
    assert image.std() > 0


@pytest.mark.slow
@pytest.mark.parametrize(("method", "encoding"), WAYS)
def test_one_optimiser_step_on_the_cpu(folder: Path, tmp_path: Path, method: str, encoding: str) -> None:
    """At 64 pixels, without averaged weights: that fits 16 GB."""
    pipeline = LayoutPipeline.from_pretrained(folder)
    extend_inputs(pipeline, (method,), encoding)
    config = TrainConfig(methods=(method,), encoding=encoding, drop_layout=0.0)
    denoiser = Denoiser(pipeline, [pipeline.method(method, encoding if method == "text2img" else None)])
    choose_trained(pipeline, denoiser, config)
    trained = [p for p in denoiser.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, foreach=False)
    dataset = open_dataset(draw_scenes(tmp_path / "data", 1), resolution=64, seed=0)
    before = pipeline.unet.conv_in.weight.detach().clone()
    with denoiser.attached():
        loss, _ = batch_loss(
            pipeline.backbone, denoiser, 0, collate([dataset[0]]), config, Accelerator(cpu=True)
        )
        loss.backward()
    optimizer.step()
    assert loss.isfinite()
    assert (pipeline.unet.conv_in.weight != before).any(0).all(-1).all(-1).all()


@pytest.mark.gpu
@pytest.mark.parametrize(("method", "encoding"), WAYS)
def test_one_optimiser_step_in_fp16_on_cuda(folder: Path, tmp_path: Path, method: str, encoding: str) -> None:
    data, run = draw_scenes(tmp_path / "data", 2, size=(512, 512)), tmp_path / "run"
    options = ["--model", str(folder), "--method", method, "--encoding", encoding, "--device", "cuda"]
    options = options if method == "text2img" else [*options[:4], *options[6:]]
    more = ["--mixed-precision", "fp16", "--gradient-checkpointing"]
    done = invoke(data, run, *options, *more, images=2)
    assert done.exit_code == 0, done.output
    assert (run / "model/model_index.json").is_file()
