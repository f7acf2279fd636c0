"""A judge that learns beside the painter: its optimizer, its figures, and one judge on all processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from layoutgen.training.judge import Judge

_BETAS = (0.0, 0.99)  # no momentum, as usual against an adversary


class JudgeLearner:
    """A judge, its optimizer, and how right it was in the last step; computes in fp32.

    Several processes that begin with the same judge keep the same one: spread and gradients are the mean over
    them. Accelerate's wrapper of models does not serve: it exchanges gradients of what passes one `forward`,
    and a judge sees pictures and boxes by several methods in each step.
    """

    def __init__(self, judge: Judge, learning_rate: float, accelerator: Accelerator) -> None:
        self.judge, self._accelerator = judge, accelerator
        self._optimizer = torch.optim.AdamW(judge.parameters(), learning_rate, betas=_BETAS, weight_decay=0.0)
        self._figures: dict[str, Tensor] = {}

    def measure(self, features: Sequence[Tensor]) -> None:
        """See :meth:`Judge.measure`, of the `features` of all processes."""
        if self.judge.measure(features):
            self.judge.spread.copy_(self._mean(self.judge.spread))

    def begin(self) -> None:
        """Forget gradients and figures."""
        self._optimizer.zero_grad()
        self._figures = {}

    def note(self, loss: Tensor, real: Sequence[Tensor], painted: Sequence[Tensor], share: float) -> None:
        """Note the figures of a part of a batch."""
        right = [(one > 0).float().mean() for one in real] + [(one < 0).float().mean() for one in painted]
        for name, figure in (("judge_loss", loss.detach()), ("judge_right", torch.stack(right).mean())):
            self._figures[name] = self._figures.get(name, 0.0) + share * figure

    @property
    def figures(self) -> dict[str, float]:
        """Of the last step; a GPU is waited for only where they are read."""
        return {name: float(figure) for name, figure in self._figures.items()}

    def step(self) -> None:
        """Learn from the gradients of all processes."""
        if self._accelerator.num_processes > 1:
            self._exchange()
        nn.utils.clip_grad_norm_(self.judge.parameters(), 1.0)
        self._optimizer.step()

    def _exchange(self) -> None:
        """Give each process the mean of all gradients; where a batch showed no box, its heads have none."""
        parameters = list(self.judge.parameters())
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        mean = self._mean(nn.utils.parameters_to_vector(gradients))
        parts = torch.split(mean, [p.numel() for p in parameters])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)

    def _mean(self, values: Tensor) -> Tensor:
        mean: Tensor = self._accelerator.reduce(values, reduction="mean")
        return mean

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"judge": self.judge.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.judge.load_state_dict(state["judge"])
        self._optimizer.load_state_dict(state["optimizer"])
