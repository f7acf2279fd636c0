"""A LoRA that is trained here changes the picture of diffusers' own pipeline as it changes ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from layoutgen import Layout
from layoutgen.additions import Additions
from layoutgen.pipeline import LayoutPipeline
from tests.toy import toy_pipeline
from tests.training.conftest import invoke, train


def theirs(pipeline: Any) -> np.ndarray:
    image = pipeline(
        "a dog",
        negative_prompt="blurry",
        width=64,
        height=64,
        num_inference_steps=2,
        guidance_scale=5.0,
        generator=torch.Generator().manual_seed(0),
    )
    return np.array(image.images[0]).astype(int)


def test_a_trained_lora_works_in_diffusers(prepared: Path, tmp_path: Path) -> None:
    toy_pipeline(tmp_path, size=8).save_pretrained(tmp_path / "sd")
    checkpoint = ["--model", str(tmp_path / "sd"), "--resolution", "64"]
    options = [
        "--method",
        "text2img",
        "--lora-rank",
        "2",
        "--ema",
        "0",
        "--learning-rate",
        "0.05",
        "--warmup",
        "0",
    ]
    train(prepared, tmp_path / "run", *checkpoint, *options, images=16)
    lora = tmp_path / "run" / "lora.safetensors"
    ours = LayoutPipeline.from_pretrained(checkpoint[1])
    parts = {name: part for name, part in ours.components.items() if part is not None}
    judge = StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    judge.set_progress_bar_config(disable=True)
    before = theirs(judge)
    judge.load_lora_weights(str(lora))
    expected = theirs(judge)
    judge.unload_lora_weights()
    assert np.abs(expected - before).mean() > 2
    ours.add(Additions(lora=(str(lora),)))
    got = ours(
        Layout(64, 64, (), "a dog", "blurry"),
        method="regional",
        scheduler="model",
        steps=2,
        guidance=5.0,
        generator=torch.Generator().manual_seed(0),
    )[0]
    assert np.abs(np.array(got).astype(int) - expected).max() <= 1


def test_what_is_added_to_a_checkpoint_is_part_of_what_is_trained(prepared: Path, tmp_path: Path) -> None:
    toy_pipeline(tmp_path, size=8).save_pretrained(tmp_path / "sd")
    checkpoint = ["--model", str(tmp_path / "sd"), "--resolution", "64", "--method", "text2img"]
    train(prepared, tmp_path / "run", *checkpoint, "--clip-skip", "2", images=2)
    trained = LayoutPipeline.from_pretrained(tmp_path / "run")
    assert trained.text_encoder.config.num_hidden_layers == 1  # of 2
    refused = invoke(prepared, tmp_path / "run", *checkpoint, images=2)
    assert refused.exit_code == 2 and "additions" in refused.output
