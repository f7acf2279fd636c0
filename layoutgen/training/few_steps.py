"""A painter of few steps: its scheduler, and the latents that it learns from, made by its own first steps.

diffusers' LCMScheduler does the stepping: what the denoiser foresees, with new noise for the next step (Luo
et al. 2023, "Latent Consistency Models", arXiv 2310.04378, algorithm 3).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import LCMScheduler
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from layoutgen.denoising.schedulers import MODEL
from layoutgen.pipeline import LayoutPipeline

_SEED_STREAM = 5  # the data set and the noise of the denoising loss have streams of their own
_ON_REAL = 0.5  # share of the steps that start from a real picture with noise

Predict = Callable[[Tensor, Tensor], Tensor]
"""Noisy latents (B, C, h, w) and timesteps (B,) to the denoiser's prediction."""


def make_few_step(pipeline: LayoutPipeline, steps: int) -> None:
    """Let `pipeline` paint in `steps` steps without guidance, as its files will say."""
    pipeline.register_modules(scheduler=LCMScheduler.from_config(pipeline.scheduler.config))
    pipeline.register_to_config(sampling=few_step_sampling(pipeline.config.get("sampling"), steps))


def few_step_sampling(sampling: Mapping[str, Any] | None, steps: int) -> dict[str, Any]:
    """`sampling` of a model that needs guidance, as that of one of few steps that needs none."""
    kept = {"coarse_above": (sampling or {}).get("coarse_above")}
    few = {"scheduler": MODEL, "steps": steps, "guidance": 1.0, "cache_interval": 1}
    return {key: value for key, value in kept.items() if value is not None} | few


def generator_of(seed: int, stream: int, number: int) -> torch.Generator:
    """A generator for example or step `number`, on which alone it depends."""
    state = np.random.SeedSequence([seed, _SEED_STREAM, stream, number]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]) % 2**63)


@dataclass(frozen=True, slots=True)
class Start:
    """Where the step of a painter begins that is trained.

    Attributes:
        step: which of its steps, from 0.
        on_real: from a real picture with noise, instead of its own earlier steps.
    """

    step: int
    on_real: bool

    @staticmethod
    def draw(seed: int, number: int, steps: int) -> Start:
        """Of optimizer step `number`; a function of the seed and this number alone."""
        uniform = torch.rand(2, generator=generator_of(seed, 0, number)).tolist()
        return Start(int(uniform[0] * steps), uniform[1] < _ON_REAL)


class FewSteps:
    """The steps of one training batch.

    Args:
        scheduler: as :func:`make_few_step` makes it.
        generators: one for each example, from which all noise is drawn.
    """

    def __init__(self, scheduler: Any, steps: int, generators: Sequence[torch.Generator]) -> None:
        self._scheduler, self._generators = copy.deepcopy(scheduler), list(generators)
        self._scheduler.set_timesteps(steps)

    def noisy(self, clean: Tensor, start: Start, predict: Predict) -> tuple[Tensor, Tensor]:
        """Noisy latents for a step, and its timestep ().

        Args:
            clean: latents of real pictures (B, C, h, w).
            predict: the painter; no gradients flow through its earlier steps (as in DMD2, Yin et al. 2024,
                arXiv 2405.14867, section 4.5).
        """
        timesteps = self._scheduler.timesteps
        noise = randn_tensor(tuple(clean.shape), self._generators, clean.device, torch.float32)
        if start.on_real:
            self._scheduler.set_begin_index(start.step)
            noisy = self._scheduler.add_noise(clean.float(), noise, timesteps[start.step : start.step + 1])
            return noisy, timesteps[start.step]
        latents = noise * self._scheduler.init_noise_sigma
        with torch.no_grad():
            for timestep in timesteps[: start.step]:
                predicted = predict(latents, timestep.repeat(len(latents)).to(latents.device)).float()
                latents = self._step(predicted, timestep, latents)[0]
        return latents, timesteps[start.step]

    def clean(self, predicted: Tensor, timestep: Tensor, noisy: Tensor) -> Tensor:
        """What the painter foresees, as its next step or, after the last one, the picture has it."""
        return self._step(predicted.float(), timestep, noisy)[1]

    def _step(self, predicted: Tensor, timestep: Tensor, noisy: Tensor) -> tuple[Tensor, Tensor]:
        following, foreseen = self._scheduler.step(
            predicted, timestep, noisy, generator=self._generators, return_dict=False
        )
        return following, foreseen
