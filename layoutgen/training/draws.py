"""What chance decides for each example: a function of (seed, example number), whoever computes it.

So a step is the same on one process and on many, in one piece and in parts, and after a resume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_STREAM = 3  # beside the data set's own streams


@dataclass(frozen=True)
class Draws:
    """For B examples: `noise` (B, C, h, w), `times` (B,), who is shown without caption, or layout."""

    noise: Tensor
    times: Tensor
    uncaptioned: Tensor
    unplaced: Tensor


def draw(
    seed: int,
    numbers: Sequence[int],
    shape: Sequence[int],
    *,
    times: int,
    drop_caption: float,
    drop_layout: float,
) -> Draws:
    """Draw for the examples `numbers`: latents of `shape` (C, h, w), one of `times` noise levels."""
    rows = [_one(seed, number, tuple(shape), times) for number in numbers]
    noise, steps, chances = zip(*rows, strict=True)
    chance = torch.stack(chances)  # (B, 2)
    return Draws(
        torch.stack(noise), torch.cat(steps), chance[:, 0] < drop_caption, chance[:, 1] < drop_layout
    )


def _one(seed: int, number: int, shape: tuple[int, ...], times: int) -> tuple[Tensor, Tensor, Tensor]:
    state = np.random.SeedSequence([seed, _STREAM, number]).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(state[0]) % 2**63)
    noise = torch.randn(shape, generator=generator)
    return noise, torch.randint(times, (1,), generator=generator), torch.rand(2, generator=generator)
