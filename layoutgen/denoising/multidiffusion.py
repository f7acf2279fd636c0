"""The windows of many canvases through the U-Net, in batches that fit, fused to one prediction a canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch
from accelerate.utils.memory import should_reduce_batch_size
from diffusers import UNet2DConditionModel
from torch import Tensor

from layoutgen.denoising.guidance import Guided
from layoutgen.domain.layout import Layout
from layoutgen.domain.windows import Window, blend_weights, cover
from layoutgen.methods.base import LayoutMethod

_OVERLAP = 0.25  # of a window
_CPU_BATCH = 8  # windows; more are no faster on a CPU
_LARGEST = 64  # windows; more are no faster on any device
_ACTIVATIONS = (
    100  # values in memory at once, per latent cell and channel of the first level; twice the measured
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A window of an image."""

    image: int
    window: int


class Fusion:
    """Predictions for I images of one size: every window gets its own, and overlaps are blended.

    The windows of all images share batches. What does not change over the steps is computed in the first.

    Args:
        method: attached to `unet`.
        canvases: a layout for each image, all of one size in pixels, whole latent cells; images of the same
            layout (the same object) are encoded once.
        factor: pixels per latent cell along a side.
        guided: whether guidance will be used, in some steps at least.
        batch_size: windows through the U-Net at once; None: what fits. When memory runs out, it is halved.
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        method: LayoutMethod,
        canvases: Sequence[Layout],
        *,
        factor: int,
        guided: bool,
        batch_size: int | None = None,
    ) -> None:
        self._unet, self._method, self._canvases = unet, method, canvases
        self._factor, self._guided = factor, guided
        self.height, self.width = canvases[0].height // factor, canvases[0].width // factor
        self._windows = windows_for(unet, self.height, self.width)
        self._weights = torch.from_numpy(blend_weights(self._windows, self.height, self.width)).to(
            unet.device
        )
        self._rows = [
            _Row(image, window) for image in range(len(canvases)) for window in range(len(self._windows))
        ]
        self.batch_size = batch_size or fitting_batch(unet, self._windows[0], guided=guided)
        self._batches: list[tuple[list[_Row], Guided]] = []

    def predict(self, latents: Tensor, time: Tensor, guidance: float, *, reuse: bool = False) -> Tensor:
        """The blended predictions (I, C, h, w), float32, for `latents` (I, C, h, w) at `time` ().

        `reuse`: the U-Net's deeper levels answer what they did in the last step without, where there was one.

        Raises:
            torch.OutOfMemoryError: one window alone does not fit.
        """
        while True:
            try:
                return self._predict(latents, time, guidance, reuse)
            except RuntimeError as error:
                if self.batch_size == 1 or not should_reduce_batch_size(error):
                    raise
            # Outside the handler: the error holds the frames that hold the tensors.
            self.batch_size = -(-self.batch_size // 2)
            self._batches = []
            if self._unet.device.type == "cuda":
                torch.cuda.empty_cache()

    def _predict(self, latents: Tensor, time: Tensor, guidance: float, reuse: bool) -> Tensor:
        if not self._batches:
            starts = range(0, len(self._rows), self.batch_size)
            self._batches = [self._encoded(self._rows[at : at + self.batch_size]) for at in starts]
        fused = torch.zeros_like(latents)
        for rows, guided in self._batches:
            seen = torch.stack([self._seen(latents, row) for row in rows]).to(self._unet.dtype)
            predicted = guided.predict(self._unet, seen, time, guidance, reuse=reuse)
            for row, prediction in zip(rows, predicted, strict=True):
                self._seen(fused, row).add_(prediction * self._weights[row.window])
        return fused

    def _seen(self, latents: Tensor, row: _Row) -> Tensor:
        """The part (C, h, w) of `latents` (I, C, H, W) that the window of `row` shows; a view."""
        window = self._windows[row.window]
        return latents[row.image, :, window.rows, window.columns]

    def _encoded(self, rows: list[_Row]) -> tuple[list[_Row], Guided]:
        """`rows` with what they are told; what several images share is encoded once."""
        keys = [(id(self._canvases[row.image]), row.window) for row in rows]
        distinct = dict(zip(keys, rows, strict=True))
        places = {key: place for place, key in enumerate(distinct)}
        layouts = [self._crop(self._canvases[r.image], self._windows[r.window]) for r in distinct.values()]
        condition = self._method.encode(layouts).to(self._unet.device, self._unet.dtype)
        if len(distinct) < len(rows):
            condition = condition[torch.tensor([places[key] for key in keys], device=self._unet.device)]
        return rows, Guided(condition, self._method.null(condition) if self._guided else None)

    def _crop(self, canvas: Layout, window: Window) -> Layout:
        """What `canvas` shows in `window`."""
        pixels = (window.left, window.top, window.width, window.height)
        return canvas.crop(*(cells * self._factor for cells in pixels))


def windows_for(unet: UNet2DConditionModel, height: int, width: int) -> tuple[Window, ...]:
    """The windows in which `unet` paints a canvas of `height` x `width` latent cells."""
    side = int(unet.config.sample_size)
    return cover(height, width, side, int(_OVERLAP * side))


def fitting_batch(unet: UNet2DConditionModel, window: Window, *, guided: bool) -> int:
    """How many windows fit into half of the memory that is free now."""
    cells, channels = window.height * window.width, int(unet.config.block_out_channels[0])
    each: int = _ACTIVATIONS * cells * channels * unet.dtype.itemsize * (2 if guided else 1)
    if unet.device.type == "cuda":
        kept = torch.cuda.memory_reserved(unet.device) - torch.cuda.memory_allocated(unet.device)
        most, free = _LARGEST, int(torch.cuda.mem_get_info(unet.device)[0]) + kept
    else:
        most, free = _CPU_BATCH, int(psutil.virtual_memory().available)
    return max(1, min(most, free // 2 // each))
