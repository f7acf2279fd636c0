"""The curves of a run as one picture, for whoever has no tracker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from layoutgen.io.files import replacing
from layoutgen.training.checkpoint import saving

CURVES = "curves.png"
_SHOWN = {"loss": "loss", "loss_inside": "error inside boxes", "loss_outside": "error outside boxes"}
_POINTS = 60  # means that a smooth curve has


def draw_curves(metrics: Path, target: Path) -> None:
    """Draw what ``metrics.jsonl`` holds into the PNG `target`: losses and learning rate over images.

    Thin lines are what was noted, thick ones means of a sixtieth of the run each.

    Raises:
        CannotSave: the disk is full.
    """
    from matplotlib.figure import Figure  # without pyplot: no window, no state of its own

    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    if not lines:
        return
    images = np.array([line["images"] for line in lines], dtype=float)
    figure = Figure(figsize=(8, 6), dpi=110, layout="constrained")
    losses, rate = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    for number, (key, label) in enumerate(_SHOWN.items()):
        values = np.array([np.nan if line.get(key) is None else line[key] for line in lines], dtype=float)
        color = f"C{number}"
        losses.plot(images, values, color=color, alpha=0.25, linewidth=0.8)
        losses.plot(*smooth(images, values), color=color, linewidth=2, label=label)
    losses.set_ylabel("mean squared error")
    losses.legend(frameon=False)
    rate.plot(images, [line["learning_rate"] for line in lines], color="C7")
    rate.set(xlabel="images", ylabel="learning rate")
    rate.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    for axes in (losses, rate):
        axes.grid(alpha=0.3)
        axes.set_ylim(bottom=0)
    with saving(target, target.parent / "checkpoints"), replacing(target) as aside:
        figure.savefig(aside, format="png")


def smooth(
    images: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Means over equal parts of `images`, and where they lie; parts without a value are left out."""
    known = np.isfinite(values)
    images, values = images[known], values[known]
    if not len(images):
        return images, values
    edges = np.linspace(0, images[-1], _POINTS + 1)
    part = np.clip(np.searchsorted(edges, images) - 1, 0, _POINTS - 1)
    counts = np.bincount(part, minlength=_POINTS)
    used = counts > 0
    means = [np.bincount(part, weights=of, minlength=_POINTS)[used] / counts[used] for of in (images, values)]
    return means[0], means[1]
