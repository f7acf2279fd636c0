from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler
from torch.testing import assert_close

from layoutgen.backbones.stable_diffusion import StableDiffusion
from layoutgen.errors import InvalidOption
from layoutgen.training.loss import area_weights, sample_noise, snr_weights

TIMESTEPS = torch.tensor([3, 400, 950])


def backbone(scheduler: DDPMScheduler) -> StableDiffusion:
    """A noise schedule without any network."""
    return StableDiffusion(None, None, None, None, scheduler)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_target_leads_back_to_the_latents(kind: str) -> None:
    """Judge: diffusers' own step recovers the latents from a perfect prediction."""
    scheduler = DDPMScheduler(prediction_type=kind, clip_sample=False)
    latents, noise = torch.randn(3, 4, 5, 6), torch.randn(3, 4, 5, 6)
    noisy, target = backbone(scheduler).training_target(latents, noise, TIMESTEPS)
    for row, time in enumerate(TIMESTEPS):
        found = scheduler.step(target[row], time, noisy[row]).pred_original_sample
        assert_close(found, latents[row], atol=1e-3, rtol=1e-3)


def test_an_unknown_prediction_type_has_no_target() -> None:
    with pytest.raises(InvalidOption, match="the model predicts 'flow'"):
        backbone(DDPMScheduler(prediction_type="flow"))


def test_noise_is_a_function_of_the_seed_and_the_examples_number() -> None:
    options = {"num_timesteps": 1000, "drop_caption": 0.25, "drop_layout": 0.5}
    together = sample_noise(7, range(400), (2, 3, 4), **options)  # type: ignore[arg-type]
    alone = sample_noise(7, [5], (2, 3, 4), **options)  # type: ignore[arg-type]
    other = sample_noise(8, [5], (2, 3, 4), **options)  # type: ignore[arg-type]
    for name in ("noise", "timesteps", "caption_dropped", "layout_dropped"):
        assert torch.equal(getattr(together, name)[5:6], getattr(alone, name))
    assert together.noise.shape == (400, 2, 3, 4) and not torch.equal(alone.noise, other.noise)
    assert abs(together.caption_dropped.float().mean() - 0.25) < 0.07  # three standard deviations
    assert abs(together.layout_dropped.float().mean() - 0.5) < 0.08
    assert abs(together.timesteps.float().mean() - 500) < 50


def test_min_snr_weighs_the_same_error_the_same_in_all_predictions() -> None:
    """An error e in x0 is e^2 in `sample`, snr * e^2 in `epsilon` and (snr + 1) * e^2 in `v_prediction`."""
    kinds = {
        kind: backbone(DDPMScheduler(prediction_type=kind)) for kind in ("sample", "epsilon", "v_prediction")
    }
    alphas = DDPMScheduler().alphas_cumprod[TIMESTEPS]
    snr = alphas / (1 - alphas)
    reference = snr_weights(kinds["sample"], TIMESTEPS, 5.0)
    assert_close(reference, snr.clamp(max=5.0))
    assert_close(snr_weights(kinds["epsilon"], TIMESTEPS, 5.0) * snr, reference)
    assert_close(snr_weights(kinds["v_prediction"], TIMESTEPS, 5.0) * (snr + 1), reference)


def test_small_boxes_weigh_more_and_the_mean_is_one() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 0.25, 0.25], [0.5, 0.0, 1.0, 1.0]], [[0.0, 0.0, 0.0, 0.0]] * 2])
    weights = area_weights(boxes, 8, 16, 0.2)
    assert weights.shape == (2, 8, 16)
    assert_close(weights.mean((1, 2)), torch.ones(2))
    small, large, outside = weights[0, 0, 0], weights[0, 0, 12], weights[0, 7, 0]
    assert small > large > outside
    assert_close(small / large, torch.tensor((64 / 8) ** 0.2))
    assert_close(weights[1], torch.ones(8, 16))


def test_no_boxes_at_all() -> None:
    assert_close(area_weights(torch.zeros(2, 0, 4), 3, 5, 0.2), torch.ones(2, 3, 5))
