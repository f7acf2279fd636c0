from __future__ import annotations

from dataclasses import fields
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
)

from layoutgen import Box, Instance, Layout
from layoutgen.denoising.schedulers import SCHEDULERS, scheduler_for
from layoutgen.denoising.settings import DEFAULTS
from layoutgen.denoising.step import Step
from layoutgen.errors import InvalidOption
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.extend_inputs import extend_inputs
from tests.denoising.reference import reference_image
from tests.toy import toy_pipeline

DOGS = (Instance("dog", Box(8, 8, 60, 50)), Instance("dog", Box(70, 20, 120, 90)))


@pytest.fixture
def toy(tmp_path: Path) -> LayoutPipeline:
    return toy_pipeline(tmp_path)


def paint(pipeline: LayoutPipeline, layout: Layout, **options: object) -> np.ndarray:
    usual = {
        "steps": 3,
        "generator": torch.Generator().manual_seed(0),
        "scheduler": "model",
        "cache_interval": 1,
    }
    return np.array(pipeline(layout, **usual | options)[0]).astype(int)


def test_an_sd_v1_folder_works_for_all_methods(toy: LayoutPipeline, tmp_path: Path) -> None:
    parts = {key: value for key, value in toy.components.items() if value is not None}
    StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    ).save_pretrained(tmp_path / "sd")
    loaded = LayoutPipeline.from_pretrained(tmp_path / "sd")
    loaded.set_progress_bar_config(disable=True)
    for method in ("regional", "img2img", "text2img"):
        assert paint(loaded, Layout(128, 128, DOGS), method=method).shape == (128, 128, 3)


@pytest.mark.parametrize("size", [(128, 128), (40, 24), (200, 136), (131, 77), (512, 128)])
def test_any_canvas_size(toy: LayoutPipeline, size: tuple[int, int]) -> None:
    dog = Instance("dog", Box(1, 2, 20, 22))
    assert paint(toy, Layout(*size, (dog,)), method="regional").shape == (size[1], size[0], 3)


def test_one_window_without_layout_is_stable_diffusion(toy: LayoutPipeline) -> None:
    """The foreign judge: without instances we paint what diffusers' own pipeline paints."""
    parts = {key: value for key, value in toy.components.items() if value is not None}
    theirs = StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    theirs.set_progress_bar_config(disable=True)
    layout = Layout(128, 128, prompt="a dog", negative_prompt="blurry")
    expected = theirs(
        prompt="a dog",
        negative_prompt="blurry",
        width=128,
        height=128,
        num_inference_steps=3,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).images[0]
    got = paint(toy, layout, method="text2img", guidance=4.0)
    assert np.abs(got - expected * 255).max() < 0.51  # its image before it is rounded


STOCHASTIC = [EulerAncestralDiscreteScheduler, LCMScheduler]


@pytest.mark.parametrize("scheduler", [*SCHEDULERS, PNDMScheduler, *STOCHASTIC])
def test_windows_step_any_scheduler_once(toy: LayoutPipeline, scheduler: str | type) -> None:
    """Windows are blended, and the scheduler steps once: as in sampling written down plainly."""
    layout = Layout(256, 128, prompt="a dog", negative_prompt="blurry")
    name = scheduler if isinstance(scheduler, str) else "model"
    if not isinstance(scheduler, str):
        toy.scheduler = scheduler.from_config(toy.scheduler.config)
    expected = reference_image(toy, layout, scheduler_for(name, toy.scheduler), steps=4, guidance=4.0)
    got = paint(toy, layout, scheduler=name, steps=4, guidance=4.0)
    assert np.abs(got - expected).max() <= 1


@pytest.mark.parametrize("scheduler", STOCHASTIC)
def test_a_scheduler_that_draws_noise_follows_the_seed(toy: LayoutPipeline, scheduler: type) -> None:
    toy.scheduler = scheduler.from_config(toy.scheduler.config)
    layout = Layout(160, 128, DOGS)
    assert (paint(toy, layout) == paint(toy, layout)).all()
    alone = paint(toy, layout, generator=torch.Generator().manual_seed(7))
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 7)]
    together = toy([layout, layout], steps=3, scheduler="model", cache_interval=1, generator=generators)
    assert np.abs(alone - np.array(together[1])).max() <= 1


def test_the_default_scheduler_follows_the_seed_also_where_the_model_wants_noise(toy: LayoutPipeline) -> None:
    toy.scheduler = DPMSolverMultistepScheduler.from_config(
        toy.scheduler.config, algorithm_type="sde-dpmsolver++"
    )
    layout = Layout(128, 128, DOGS)
    assert (paint(toy, layout, scheduler="dpm++") == paint(toy, layout, scheduler="dpm++")).all()


def test_the_last_step_is_the_last_of_all_steps(toy: LayoutPipeline) -> None:
    """PNDM takes one step more than it is asked for."""
    toy.scheduler = PNDMScheduler.from_config(toy.scheduler.config, skip_prk_steps=True)
    *steps, _ = toy.paint(Layout(128, 128), scheduler="model", steps=5)
    assert steps == [Step(number, 6) for number in range(1, 7)]


def test_the_pipeline_paints_by_the_defaults_of_the_settings(toy: LayoutPipeline) -> None:
    layout = Layout(128, 128, DOGS)
    taken = signature(
        LayoutPipeline.__call__
    ).parameters  # all but what the model is opened with, and the seed
    asked = {f.name: getattr(DEFAULTS, f.name) for f in fields(DEFAULTS) if f.name in taken}
    assert len(asked) >= 16
    explicit, silent = (
        np.array(toy(layout, generator=torch.Generator().manual_seed(0), **options)[0])
        for options in (asked, {})
    )
    assert (explicit == silent).all()
    assert len(list(toy.paint(layout))) == DEFAULTS.steps + 1


def test_the_same_seed_gives_the_same_image(toy: LayoutPipeline) -> None:
    layout = Layout(160, 128, DOGS)
    assert (paint(toy, layout) == paint(toy, layout)).all()
    assert (paint(toy, layout) != paint(toy, layout, generator=torch.Generator().manual_seed(1))).any()


def test_one_pass_of_the_unet_whatever_the_number_of_instances(toy: LayoutPipeline) -> None:
    calls: list[int] = []
    toy.unet.register_forward_hook(lambda module, inputs, output: calls.append(len(inputs[0])))
    counts = []
    for number in (1, 100):
        calls.clear()
        boxes = [Box(x, y, x + 8, y + 8) for x in range(0, 120, 12) for y in range(0, 120, 12)][:number]
        paint(toy, Layout(256, 128, tuple(Instance("dog", box) for box in boxes)), method="regional")
        counts.append(sum(calls))
    assert counts[0] == counts[1]


def test_what_cannot_work_is_refused(toy: LayoutPipeline) -> None:
    layout = Layout(128, 128, DOGS)
    for options, word in [
        ({"method": "text2img", "encoding": "box"}, "no trained box tokens"),
        ({"method": "regional", "encoding": "text"}, "`encoding`"),
        ({"method": "regional", "strength": 0.5}, "`strength`"),
        ({"method": "img2img", "strength": 1.5}, "`strength`"),
        ({"method": "magic"}, "`method`"),
    ]:
        with pytest.raises(InvalidOption, match=word):
            paint(toy, layout, **options)
    extend_inputs(toy, ("text2img",), "box")
    with pytest.raises(InvalidOption, match="was trained for text2img"):
        paint(toy, layout, method="img2img")


def test_less_strength_keeps_more_of_the_start_image(toy: LayoutPipeline) -> None:
    layout = Layout(128, 128, DOGS)
    method = toy.method("img2img")
    assert [len(list(toy.paint(layout, method, strength=s, steps=10))) - 1 for s in (1.0, 0.3)] == [10, 3]
    with torch.no_grad():
        drawn = toy.backbone.to_pixels(method.initial_latents([layout]))[0].clamp(-1, 1).movedim(0, -1)
    start = (drawn.numpy() + 1) * 127.5
    distances = [
        np.abs(paint(toy, layout, method=method, strength=s, steps=40, scheduler="ddim") - start).mean()
        for s in (0.025, 0.3, 1.0)
    ]
    assert distances[0] < distances[1] < distances[2]
