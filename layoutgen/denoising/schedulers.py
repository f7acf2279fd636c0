"""The schedulers to choose from, each with the model's own noise schedule; loads no torch by itself."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from layoutgen.errors import InvalidOption, first_line

SCHEDULERS = {
    "ddim": "DDIMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "unipc": "UniPCMultistepScheduler",
    "lcm": "LCMScheduler",
    "tcd": "TCDScheduler",
}
MODEL = "model"
"""Stands for the model's own scheduler."""
_KARRAS = ("dpm++", "euler", "unipc", MODEL)  # that of a model may know it


def check_scheduler(name: str, *, karras: bool = False) -> None:
    """Refuse a scheduler that there is not, or one that does not know the noise levels of Karras et al.

    Raises:
        InvalidOption: says which ones there are.
    """
    if name not in (*SCHEDULERS, MODEL):
        raise InvalidOption(f"`scheduler` must be one of {', '.join([*SCHEDULERS, MODEL])}, not {name}")
    if karras and name not in _KARRAS:
        raise InvalidOption(f"`karras` is for `scheduler` {', '.join(_KARRAS[:-1])}, not for {name}")


def scheduler_for(name: str, own: Any, *, karras: bool = False) -> Any:
    """The scheduler called `name` with the noise schedule, prediction and spacing of a model's `own` one.

    ``model``: its own as it is. DPM++ is of second order (Lu et al., arXiv 2211.01095).

    Raises:
        InvalidOption: there is no such scheduler, it does not know `karras`, or the model's own one has no
            noise schedule.
    """
    check_scheduler(name, karras=karras)
    if "beta_schedule" not in own.config:
        raise InvalidOption(
            f"the model's scheduler is a {type(own).__name__}, which has no noise schedule of steps that "
            "Stable Diffusion is trained with: put that of its base model into its folder scheduler/"
        )
    if name == MODEL and not karras:
        return own
    import diffusers

    kind = type(own) if name == MODEL else getattr(diffusers, SCHEDULERS[name])
    if not karras:
        return kind.from_config(own.config)
    if "use_karras_sigmas" not in inspect.signature(kind.__init__).parameters:
        raise InvalidOption(f"`karras` is nothing that the model's {kind.__name__} knows: pass a `scheduler`")
    return kind.from_config(own.config, use_karras_sigmas=True)


def check_steps(name: str, own: Any, steps: int, *, karras: bool = False) -> None:
    """Refuse a scheduler that cannot take so many `steps`, by taking them with an empty latent.

    Raises:
        InvalidOption: says why.
    """
    import torch

    scheduler = copy.deepcopy(scheduler_for(name, own, karras=karras))
    try:
        scheduler.set_timesteps(steps)
        options = step_options(scheduler, torch.Generator())
        latents = torch.ones(1, 1, 1, 1) * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            scaled = scheduler.scale_model_input(latents, timestep)
            latents = scheduler.step(scaled, timestep, latents, **options, return_dict=False)[0]
    except Exception as error:  # they raise anything
        reason: str = first_line(error)
    else:
        if bool(latents.isfinite().all()):
            return
        reason = "its numbers are not finite"
    remedy = "pass another `scheduler`, or other `steps`"
    kind = type(scheduler).__name__
    raise InvalidOption(f"`scheduler` {name} ({kind}) cannot take {steps} `steps`: {reason}; {remedy}")


def step_options(scheduler: Any, generator: Any) -> dict[str, Any]:
    """What `scheduler.step` is called with besides: the `generator`, if it draws noise in its steps.

    Without it a stochastic scheduler takes torch's global generator, and one seed gives many images.
    """
    return {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
