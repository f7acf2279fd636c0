"""The real size: Stable Diffusion v1's own shapes, with random weights. Run with `pytest -m slow`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from layoutgen import Box, Instance, Layout
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.adapt import adapt
from tests.toy import toy_tokenizer

pytestmark = pytest.mark.slow

TEN_DOGS = tuple(Instance("dog", Box(x, y, x + 44, y + 60)) for x in range(0, 250, 50) for y in (10, 130))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved SD v1 pipeline: U-Net 320/640/1280/1280, CLIP ViT-L text encoder, 4-channel autoencoder."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("sd")
    tokenizer = toy_tokenizer(path / "toy_tokenizer")
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=768,
        intermediate_size=3072,
        projection_dim=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        scaling_factor=0.18215,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    LayoutPipeline(vae, CLIPTextModel(text), tokenizer, unet, scheduler).save_pretrained(path / "model")
    return path / "model"


def test_the_unet_is_stable_diffusions(folder: Path) -> None:
    pipeline = LayoutPipeline.from_pretrained(folder)
    assert sum(p.numel() for p in pipeline.unet.parameters()) == 859_520_964


@pytest.mark.parametrize("method", ["regional", "img2img", "text2img"])
def test_every_method_paints(folder: Path, method: str) -> None:
    pipeline = LayoutPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    layout = Layout(256, 256, TEN_DOGS, prompt="on grass")
    generator = torch.Generator().manual_seed(0)
    image = np.array(pipeline(layout, method=method, steps=2, generator=generator)[0])
    assert image.shape == (256, 256, 3)
    assert image.std() > 0


@pytest.mark.parametrize("method", ["img2img", "text2img"])
def test_adapted_to_layouts_it_still_paints(folder: Path, method: str) -> None:
    pipeline = LayoutPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    adapt(pipeline, (method,), "box")
    layout = Layout(256, 256, TEN_DOGS, prompt="on grass")
    assert pipeline(layout, method=method, steps=1, generator=torch.Generator().manual_seed(0))[0].size == (
        256,
        256,
    )
