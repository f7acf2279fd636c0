"""Half precision that overflows in the autoencoder is no black picture; no numbers are no picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from layoutgen import Layout
from layoutgen.denoising.image_codec import ImageCodec
from layoutgen.errors import NotFinite
from layoutgen.pipeline import LayoutPipeline
from tests.toy import toy_pipeline

LATENTS = 100 * torch.randn(2, 4, 4, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def overflowing(tmp_path: Path) -> LayoutPipeline:
    """Its decoder's activations are beyond what half precision can hold, and are normalised afterwards."""
    pipeline = toy_pipeline(tmp_path)
    with torch.no_grad():
        pipeline.vae.decoder.conv_in.weight.mul_(1e5)
    return pipeline


def test_what_overflows_in_half_precision_is_decoded_in_fp32(overflowing: LayoutPipeline) -> None:
    codec = ImageCodec(overflowing.backbone, overflowing.vae)
    with torch.no_grad():
        expected = codec.to_pixels(LATENTS)
        overflowing.vae.to(torch.float16)
        assert not overflowing.backbone.to_pixels(LATENTS[:1]).isfinite().all()
        got = codec.to_pixels(LATENTS)
    assert overflowing.vae.dtype == torch.float16
    assert float((got - expected).abs().mean()) < 0.01


def test_latents_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path)
    with pytest.raises(NotFinite, match="the denoiser computes"):
        ImageCodec(pipeline.backbone, pipeline.vae).to_pixels(LATENTS / 0)


def test_a_denoiser_of_no_numbers_paints_nothing(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path)
    with torch.no_grad():
        pipeline.unet.conv_out.bias.fill_(np.inf)
    with pytest.raises(NotFinite):
        pipeline(Layout(64, 64), steps=2)
