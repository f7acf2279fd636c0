"""How much work a picture is: evaluations of the denoiser, counted in windows of its own size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from layoutgen.backbones.base import Backbone
from layoutgen.denoising.canvas import padded
from layoutgen.denoising.multidiffusion import windows_for
from layoutgen.denoising.settings import SampleSettings
from layoutgen.domain.layout import Layout


@dataclass
class EvaluationCounter:
    """Counts latents that go through a denoiser.

    Attributes:
        windows: those so far, in windows of the size that the denoiser was trained on; a prediction with
            guidance is two.
    """

    windows: float = 0.0


@contextmanager
def counting(backbone: Backbone) -> Iterator[EvaluationCounter]:
    """Count the evaluations of the denoiser of `backbone` inside the block."""
    counter, window = EvaluationCounter(), backbone.native_size**2

    def count(_: Any, inputs: tuple[Any, ...]) -> None:
        rows, _, height, width = inputs[0].shape
        counter.windows += rows * height * width / window

    hook: Any = backbone.denoiser.register_forward_pre_hook(count)
    try:
        yield counter
    finally:
        hook.remove()


def plain_windows(backbone: Backbone, layout: Layout, settings: SampleSettings) -> float:
    """The evaluations of one plain picture of `layout`: all steps, without zoom and coarser layers."""
    cell, window = backbone.pixels_per_latent, backbone.native_size**2
    canvas = padded(layout, cell)
    windows = windows_for(backbone, canvas.height // cell, canvas.width // cell)
    first, last = settings.guidance_interval
    guided = last - first if settings.guidance > 1 else 0.0
    return sum(one.height * one.width for one in windows) / window * settings.steps * (1 + guided)


def work_of(backbone: Backbone, layouts: Sequence[Layout], settings: SampleSettings, windows: float) -> str:
    """In words, what a picture of `layouts` cost: `windows` through the denoiser."""
    plain = sum(plain_windows(backbone, layout, settings) for layout in layouts) / len(layouts)
    return f"a picture was {windows:,.0f} windows through the U-Net, as {windows / plain:.1f} plain pictures"
