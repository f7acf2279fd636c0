"""Is it learning? Losses inside and outside boxes, and the same layouts painted again and again."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from layoutgen.domain.layout import Layout
from layoutgen.drawing.contact_sheet import contact_sheet
from layoutgen.drawing.overlay import overlay
from layoutgen.errors import Diverged
from layoutgen.io.files import replacing
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.checkpoint import saving
from layoutgen.training.config import TrainConfig

_LOG_STEPS = 10
_PAINT_STEPS = 20
_FP16_TOLERATED = 100  # steps in a row


@dataclass(frozen=True)
class Losses:
    """Sums over examples and latent cells, so that they can be added up over parts, processes and steps.

    Attributes:
        sums: (5,) loss of examples; squared error inside boxes, cells inside; outside, cells outside.
        examples: B.
    """

    sums: Tensor
    examples: int

    @staticmethod
    def measure(loss: Tensor, error: Tensor, inside: Tensor) -> Losses:
        """From the mean `loss` () and the `error` (B, h, w); `inside` (B, h, w) bool are cells in boxes."""
        count = inside.sum()
        within = (error * inside).sum()
        sums = torch.stack(
            [
                loss * len(error),
                within,
                count.to(error),
                error.sum() - within,
                (inside.numel() - count).to(error),
            ]
        )
        return Losses(sums.detach().double(), len(error))

    def __add__(self, other: Losses) -> Losses:
        return Losses(self.sums + other.sums, self.examples + other.examples)

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


class Monitor:
    """Keeps ``metrics.jsonl`` and ``samples/`` of the run folder `run`, and feeds accelerate's trackers.

    Only the main process writes.

    Args:
        images: where the run continues; what an interrupted one noted beyond that is forgotten.
    """

    def __init__(self, run: Path, accelerator: Accelerator, images: int) -> None:
        self._run, self._accelerator = run, accelerator
        self._file = run / "metrics.jsonl"
        self._collected: Losses | None = None
        self._steps = 0
        if accelerator.is_main_process and self._file.is_file():
            lines = self._file.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["images"] <= images]
            with replacing(self._file) as aside:
                aside.write_text("".join(kept), encoding="utf-8")

    def note(self, images: int, losses: Losses, rates: dict[str, float], *, last: bool) -> None:
        """Add a step; every few steps, and on the `last` before a checkpoint, their mean is written down."""
        self._collected = losses if self._collected is None else self._collected + losses
        self._steps += 1
        if self._steps < _LOG_STEPS and not last:
            return
        mean = self._collected
        self._collected, self._steps = None, 0
        values = {"loss": mean.loss, "loss_inside": mean.inside, "loss_outside": mean.outside} | rates
        self._accelerator.log({k: v for k, v in values.items() if not math.isnan(v)}, step=images)
        if self._accelerator.is_main_process:
            line: dict[str, Any] = {"images": images} | {
                k: None if math.isnan(v) else v for k, v in values.items()
            }
            with (
                saving(self._file, self._run / "checkpoints"),
                self._file.open("a", encoding="utf-8") as file,
            ):
                file.write(json.dumps(line) + "\n")

    def paint(
        self,
        pipeline: LayoutPipeline,
        layouts: Sequence[Layout],
        images: int,
        ways: Sequence[tuple[str, str | None]],
    ) -> Path:
        """Paint the validation `layouts`, each with its own seed, into a contact sheet under ``samples/``.

        Args:
            ways: methods and encodings; each paints all layouts.
        """
        painted, captions = [], []
        for method, encoding in ways:
            for number, layout in enumerate(layouts):
                generator = torch.Generator().manual_seed(number)
                options: dict[str, Any] = {"method": method, "encoding": encoding, "steps": _PAINT_STEPS}
                image = pipeline(layout, generator=generator, **options)[0]
                painted += [image, overlay(image, layout)]
                captions += [f"{method}: {layout.prompt}", f"{len(layout.instances)} boxes"]
        path = self._run / "samples" / f"images-{images:010d}.png"
        with saving(path, self._run / "checkpoints"), replacing(path) as aside:
            contact_sheet(painted, captions, columns=4).save(aside, format="PNG")
        return path


class Guard:
    """Stops a training that cannot recover, before its checkpoints are worth nothing.

    In fp16 a loss beyond all numbers now and then is normal: the step is left out and the scale halved.
    """

    def __init__(self, config: TrainConfig, checkpoints: Path) -> None:
        self._tolerated = _FP16_TOLERATED if config.mixed_precision == "fp16" else 0
        self._checkpoints, self._broken = checkpoints, 0

    def check(self, loss: float, images: int) -> None:
        """Look at the loss of a step after `images` examples.

        Raises:
            Diverged: it is no number, once too often.
        """
        self._broken = 0 if math.isfinite(loss) else self._broken + 1
        if self._broken > self._tolerated:
            raise Diverged(
                f"the loss is {loss} after {images:,} images: start anew with a lower --learning-rate or "
                f"a longer --warmup; {self._checkpoints} is as it was before"
            )
