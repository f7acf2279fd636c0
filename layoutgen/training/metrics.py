"""Is it learning? The losses inside and outside boxes, in ``metrics.jsonl`` and accelerate's trackers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from layoutgen.io.files import replacing
from layoutgen.training.checkpoint import saving

_LOG_STEPS = 10


@dataclass(frozen=True)
class LossSums:
    """Sums over examples and latent cells, which add up over micro-batches, processes and steps.

    Attributes:
        sums: (5,) loss of examples; squared error inside boxes, cells inside; outside, cells outside.
        examples: B.
    """

    sums: Tensor
    examples: int

    @staticmethod
    def of(loss: Tensor, error: Tensor, inside: Tensor) -> LossSums:
        """From the mean `loss` () and the `error` (B, h, w); `inside` (B, h, w) bool are cells in boxes."""
        cells_inside = inside.sum()
        error_inside = (error * inside).sum()
        sums = torch.stack(
            [
                loss * len(error),
                error_inside,
                cells_inside.to(error),
                error.sum() - error_inside,
                (inside.numel() - cells_inside).to(error),
            ]
        )
        return LossSums(sums.detach().double(), len(error))

    @staticmethod
    def of_loss(loss: Tensor, examples: int) -> LossSums:
        """From the mean `loss` () alone: nothing was compared cell by cell."""
        sums = torch.zeros(5, dtype=torch.float64, device=loss.device)
        sums[0] = loss.detach() * examples
        return LossSums(sums, examples)

    def __add__(self, other: LossSums) -> LossSums:
        return LossSums(self.sums + other.sums, self.examples + other.examples)

    @property
    def loss(self) -> float:
        """The mean loss of an example."""
        return float(self.sums[0]) / self.examples

    @property
    def inside(self) -> float:
        """The mean squared error of a latent cell inside a box, or NaN."""
        return _ratio(self.sums[1], self.sums[2])

    @property
    def outside(self) -> float:
        """The mean squared error of a latent cell outside all boxes, or NaN."""
        return _ratio(self.sums[3], self.sums[4])


def _ratio(total: Tensor, count: Tensor) -> float:
    return float(total) / float(count) if count else math.nan


class MetricsLog:
    """Writes ``metrics.jsonl`` of the run folder `run`, and feeds accelerate's trackers.

    Only the main process writes.

    Args:
        images: where the run continues; what an interrupted run logged beyond that is removed.
    """

    def __init__(self, run: Path, accelerator: Accelerator, images: int) -> None:
        self._accelerator = accelerator
        self._file, self._checkpoints = run / "metrics.jsonl", run / "checkpoints"
        self._sums: LossSums | None = None
        self._steps = 0
        if accelerator.is_main_process and self._file.is_file():
            lines = self._file.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["images"] <= images]
            with replacing(self._file) as aside:
                aside.write_text("".join(kept), encoding="utf-8")

    def log(self, images: int, losses: LossSums, other: dict[str, float], *, flush: bool) -> None:
        """Add a step that ends at `images`; the mean of ten steps is written, or of fewer with `flush`.

        Args:
            other: values of this step alone, by name.
        """
        self._sums = losses if self._sums is None else self._sums + losses
        self._steps += 1
        if self._steps < _LOG_STEPS and not flush:
            return
        mean = self._sums
        self._sums, self._steps = None, 0
        values = {"loss": mean.loss, "loss_inside": mean.inside, "loss_outside": mean.outside} | other
        self._accelerator.log({k: v for k, v in values.items() if not math.isnan(v)}, step=images)
        if self._accelerator.is_main_process:
            line: dict[str, Any] = {"images": images} | {
                k: None if math.isnan(v) else v for k, v in values.items()
            }
            with saving(self._file, self._checkpoints), self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
