"""A scheduler that cannot step as it is asked to is refused before anything is painted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
)

from layoutgen.denoising.schedulers import SCHEDULERS, check_steps, scheduler_for
from layoutgen.errors import InvalidOption

SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


@pytest.mark.parametrize("name", [*SCHEDULERS, "model"])
@pytest.mark.parametrize("steps", [1, 2, 30])
def test_usual_numbers_of_steps_pass(name: str, steps: int) -> None:
    check_steps(name, PNDMScheduler(**SD, skip_prk_steps=True), steps)


@pytest.mark.parametrize(
    ("own", "steps", "reason"),
    [
        (DDIMScheduler(**SD), 2000, "cannot take 2000 `steps`"),
        (LCMScheduler(**SD), 400, "original_steps"),
        (EulerDiscreteScheduler(**SD | {"beta_end": float("nan")}), 5, "not finite"),
        (FlowMatchEulerDiscreteScheduler(), 5, "has no noise schedule"),
    ],
)
def test_others_are_refused_in_one_line(own: Any, steps: int, reason: str) -> None:
    with pytest.raises(InvalidOption) as raised:
        check_steps("model", own, steps)
    assert reason in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["dpm++", "euler", "unipc"])
def test_karras_spaces_noise_levels_as_the_paper_says(name: str) -> None:
    own = DDIMScheduler(**SD)
    scheduler = scheduler_for(name, own, karras=True)
    scheduler.set_timesteps(6)
    alphas = own.alphas_cumprod
    noise = ((1 - alphas) / alphas) ** 0.5
    ramp = torch.linspace(0, 1, 6)
    # Karras et al., arXiv 2206.00364, equation 5, with rho 7.
    levels = (noise[-1] ** (1 / 7) + ramp * (noise[0] ** (1 / 7) - noise[-1] ** (1 / 7))) ** 7
    torch.testing.assert_close(scheduler.sigmas[:6].float(), levels.float(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("name", "own"), [("ddim", DDIMScheduler(**SD)), ("model", PNDMScheduler(**SD))])
def test_karras_is_refused_where_it_is_unknown(name: str, own: Any) -> None:
    with pytest.raises(InvalidOption, match="`karras`"):
        scheduler_for(name, own, karras=True)
