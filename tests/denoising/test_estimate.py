"""A preview is the estimate that diffusers' own schedulers make of the clean latents."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from torch.testing import assert_close

from layoutgen import Box, Instance, Layout
from layoutgen.denoising.estimate import clean_latents
from layoutgen.denoising.step import Step
from layoutgen.errors import InvalidOption
from tests.toy import toy_pipeline


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("family", [DDIMScheduler, EulerDiscreteScheduler])
def test_the_estimate_is_that_of_the_scheduler(family: type, kind: str) -> None:
    if family is EulerDiscreteScheduler and kind == "sample":
        pytest.skip("diffusers' Euler does not know it")
    scheduler = family(prediction_type=kind, beta_schedule="scaled_linear")
    if family is DDIMScheduler:
        scheduler.register_to_config(clip_sample=False)
    scheduler.set_timesteps(5)
    random = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 3, 5, generator=random) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        predicted = torch.randn(2, 4, 3, 5, generator=random)
        scaled = scheduler.scale_model_input(latents, timestep)
        stepped = scheduler.step(predicted, timestep, latents)
        got = clean_latents(scheduler, scaled, predicted, timestep)
        # At first noise is a hundred times the signal, and float32 has seven digits.
        assert_close(got, stepped.pred_original_sample, atol=1e-2, rtol=2e-3)
        latents = stepped.prev_sample


def test_another_prediction_is_refused() -> None:
    scheduler = DDIMScheduler()
    scheduler.register_to_config(prediction_type="flow")
    nothing = torch.zeros(1, 4, 2, 2)
    with pytest.raises(InvalidOption, match="predicts flow"):
        clean_latents(scheduler, nothing, nothing, torch.tensor(1))


def test_previews_come_near_the_picture_and_change_nothing(tmp_path) -> None:
    toy = toy_pipeline(tmp_path)
    layout = Layout(120, 72, (Instance("dog", Box(8, 8, 60, 50)),), "grass")
    options = {"steps": 4, "scheduler": "ddim", "guidance": 1.0}

    def painted(look: bool):
        generator = torch.Generator().manual_seed(0)
        *steps, (image,) = [
            (event.number, event.total, event.preview()[0] if look else None)
            if isinstance(event, Step)
            else event
            for event in toy.paint(layout, generator=generator, **options)
        ]
        return steps, image

    steps, image = painted(True)
    assert [step[:2] for step in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert {step[2].size for step in steps} == {(120, 72)}
    far = [np.abs(np.asarray(step[2], float) - np.asarray(image, float)).max() for step in steps]
    assert far[-1] <= 1 < far[0]  # DDIM's last step is its estimate
    assert painted(False)[1].tobytes() == image.tobytes()
