"""Without boxes, every base model and scheduler that we claim paints what diffusers paints, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from layoutgen import Box, Instance, Layout
from layoutgen.denoising.schedulers import SCHEDULERS
from layoutgen.pipeline import LayoutPipeline
from tests.checkpoints.claims import BASES
from tests.checkpoints.conftest import SPEC, in_half_precision
from tests.original_layout import write_single_file

CASES = [(name, False) for name in (*SCHEDULERS, "model")] + [("dpm++", True), ("euler", True)]


@pytest.fixture(scope="module", params=BASES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """diffusers' own pipeline of a base model, and ours, opened from one file."""
    judge = in_half_precision(request.param)
    file = write_single_file(judge, tmp_path_factory.mktemp("file") / "model.safetensors", SPEC)
    ours = LayoutPipeline.from_pretrained(file)
    ours.set_progress_bar_config(disable=True)
    return judge, ours


@pytest.mark.parametrize(("scheduler", "karras"), CASES)
def test_plain_sampling_is_that_of_diffusers(pair: tuple[Any, Any], scheduler: str, karras: bool) -> None:
    judge, ours = pair
    own = judge.scheduler
    if scheduler != "model":
        kind = getattr(diffusers, SCHEDULERS[scheduler])
        judge.scheduler = kind.from_config(own.config, **({"use_karras_sigmas": True} if karras else {}))
    try:
        expected = judge(
            prompt="a dog on a sofa",
            negative_prompt="blurry",
            width=128,
            height=96,
            num_inference_steps=3,
            guidance_scale=4.0,
            guidance_rescale=0.5,
            eta=0.3 if scheduler == "tcd" else 0.0,  # as the paper has it, and the scheduler unless told
            generator=torch.Generator().manual_seed(0),
        ).images[0]
    finally:
        judge.scheduler = own
    got = ours(
        Layout(128, 96, (), "a dog on a sofa", "blurry"),
        method="regional",
        scheduler=scheduler,
        karras=karras,
        steps=3,
        guidance=4.0,
        guidance_rescale=0.5,
        generator=torch.Generator().manual_seed(0),
    )[0]
    np.testing.assert_array_equal(np.array(got), np.array(expected))


def test_an_empty_negative_prompt_is_what_the_model_takes_for_none(pair: tuple[Any, Any]) -> None:
    """Stable Diffusion XL was trained with zeros for it, the others with an empty text."""
    judge, ours = pair
    options: dict[str, Any] = {"guidance_scale": 4.0, "num_inference_steps": 2, "width": 96, "height": 128}
    expected = judge("a dog", generator=torch.Generator().manual_seed(0), **options).images[0]
    layout = Layout(96, 128, (), "a dog")
    settings: dict[str, Any] = {"method": "regional", "scheduler": "model", "steps": 2, "guidance": 4.0}
    got = ours(layout, generator=torch.Generator().manual_seed(0), **settings)[0]
    np.testing.assert_array_equal(np.array(got), np.array(expected))


def test_boxes_are_painted_on_any_base_and_canvas(pair: tuple[Any, Any]) -> None:
    dog = Instance("dog", Box(20, 30, 180, 100))
    for method in ("regional", "img2img", "text2img"):
        layout = Layout(200, 136, (dog,), "a dog")
        assert ours_of(pair, layout, method).shape == (136, 200, 3)


def ours_of(pair: tuple[Any, Any], layout: Layout, method: str) -> np.ndarray:
    generator = torch.Generator().manual_seed(0)
    return np.array(pair[1](layout, method=method, steps=1, zoom=1, generator=generator)[0])


def test_the_readme_claims_what_is_tested_here() -> None:
    from tests.checkpoints.claims import table

    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert table() in readme, "the table is printed by: python -m tests.checkpoints.claims"
