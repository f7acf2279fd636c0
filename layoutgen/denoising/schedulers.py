"""The schedulers to choose from, each with the model's own noise schedule; loads no torch by itself."""

from __future__ import annotations

import inspect
from typing import Any

from layoutgen.errors import InvalidOption

SCHEDULERS = {
    "ddim": "DDIMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "unipc": "UniPCMultistepScheduler",
}
MODEL = "model"
"""Stands for the model's own scheduler."""


def check_scheduler(name: str) -> None:
    """Refuse a scheduler that there is not.

    Raises:
        InvalidOption: says which ones there are.
    """
    if name not in (*SCHEDULERS, MODEL):
        raise InvalidOption(f"`scheduler` must be one of {', '.join([*SCHEDULERS, MODEL])}, not {name}")


def scheduler_for(name: str, own: Any) -> Any:
    """The scheduler called `name` with the noise schedule, prediction and spacing of a model's `own` one.

    ``model``: its own as it is. DPM++ is of second order (Lu et al., arXiv 2211.01095).

    Raises:
        InvalidOption: there is no such scheduler.
    """
    check_scheduler(name)
    if name == MODEL:
        return own
    import diffusers

    return getattr(diffusers, SCHEDULERS[name]).from_config(own.config)


def step_options(scheduler: Any, generator: Any) -> dict[str, Any]:
    """What `scheduler.step` is called with besides: the `generator`, if it draws noise in its steps.

    Without it a stochastic scheduler takes torch's global generator, and one seed gives many images.
    """
    return {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
