from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler
from torch.testing import assert_close

from layoutgen.training.objective import area_weights, noisy_target, snr_weights

TIMES = torch.tensor([3, 400, 950])


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_target_leads_back_to_the_latents(kind: str) -> None:
    """Judge: diffusers' own step recovers the latents from a perfect prediction."""
    scheduler = DDPMScheduler(prediction_type=kind, clip_sample=False)
    latents, noise = torch.randn(3, 4, 5, 6), torch.randn(3, 4, 5, 6)
    noisy, target = noisy_target(scheduler, latents, noise, TIMES)
    for row, time in enumerate(TIMES):
        found = scheduler.step(target[row], time, noisy[row]).pred_original_sample
        assert_close(found, latents[row], atol=1e-3, rtol=1e-3)


def test_min_snr_weighs_the_same_error_the_same_in_all_predictions() -> None:
    """An error e in x0 is e^2 in `sample`, snr * e^2 in `epsilon` and (snr + 1) * e^2 in `v_prediction`."""
    kinds = {kind: DDPMScheduler(prediction_type=kind) for kind in ("sample", "epsilon", "v_prediction")}
    alphas = kinds["sample"].alphas_cumprod[TIMES]
    snr = alphas / (1 - alphas)
    reference = snr_weights(kinds["sample"], TIMES, 5.0)
    assert_close(reference, snr.clamp(max=5.0))
    assert_close(snr_weights(kinds["epsilon"], TIMES, 5.0) * snr, reference)
    assert_close(snr_weights(kinds["v_prediction"], TIMES, 5.0) * (snr + 1), reference)


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
