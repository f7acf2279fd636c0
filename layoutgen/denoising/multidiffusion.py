"""MultiDiffusion: the windows of many canvases through the denoiser, fused to one prediction a canvas.

Bar-Tal et al., "MultiDiffusion: Fusing Diffusion Paths for Controlled Image Generation", ICML 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import psutil
import torch
import torch.nn.functional as F
from accelerate.utils.memory import should_reduce_batch_size
from torch import Tensor

from layoutgen.backbones.base import Backbone
from layoutgen.conditioning.attention_maps import AttentionMap, recording
from layoutgen.denoising.guidance import GuidedDenoiser
from layoutgen.domain.layout import Layout
from layoutgen.domain.windows import Window, blend_weights, cover
from layoutgen.methods.base import LayoutMethod

_OVERLAP = 0.25  # of a window
_CPU_BATCH = 8  # windows; more are no faster on a CPU
_LARGEST_BATCH = 64  # windows; more are no faster on any device
# Values in memory at once, per latent cell and channel of the finest level; twice the measured.
_ACTIVATIONS = 100


class _Row(NamedTuple):
    """A window of an image, by their numbers."""

    image: int
    window: int


class _Batch(NamedTuple):
    """Windows that go through the denoiser together, and which tokens (R, T) of theirs spell labels."""

    rows: list[_Row]
    denoiser: GuidedDenoiser
    label_tokens: Tensor | None


class MultiDiffusion:
    """Predictions for I images of one size: every window gets its own, and overlaps are blended.

    The windows of all images share batches. What does not change over the steps is computed in the first.

    Args:
        method: how layouts are told; its base model must be inside :meth:`Backbone.reading_layouts`.
        canvases: a layout for each image, all of one size in pixels, whole latent cells; what equal layouts
            share is encoded once.
        guided: whether guidance will be used, in some steps at least.
        batch_size: windows through the denoiser at once; None: what fits. When memory runs out, it is halved.
        rescale: see :class:`GuidedDenoiser`; of each window by itself.
        attention: where to add, in every call, how much of its attention each latent gives to the labels of
            the layouts (I, h, w); None: nobody asks.
    """

    def __init__(
        self,
        method: LayoutMethod,
        canvases: Sequence[Layout],
        *,
        guided: bool,
        batch_size: int | None = None,
        rescale: float = 0.0,
        attention: AttentionMap | None = None,
    ) -> None:
        self._rescale, self._attention = rescale, attention
        self._backbone, self._method, self._canvases = method.backbone, method, canvases
        self._guided = guided
        self.height, self.width = method.cell_size(canvases)
        self._windows = windows_for(self._backbone, self.height, self.width)
        weights = blend_weights(self._windows, self.height, self.width)
        self._weights = torch.from_numpy(weights).to(self._backbone.device)
        self._rows = [
            _Row(image, window) for image in range(len(canvases)) for window in range(len(self._windows))
        ]
        self.batch_size = batch_size or fitting_batch(self._backbone, self._windows[0], guided=guided)
        self._batches: list[_Batch] = []

    def predict(
        self, noisy: Tensor, timestep: Tensor, guidance: float | Tensor, *, reuse_features: bool = False
    ) -> Tensor:
        """The blended predictions (I, C, h, w), float32, for `noisy` latents (I, C, h, w) at `timestep` ().

        Args:
            guidance: a scale, or one for each cell (I, 1, h, w); see :meth:`GuidedDenoiser.predict`.
            reuse_features: see there.

        Raises:
            torch.OutOfMemoryError: one window alone does not fit.
        """
        while True:
            try:
                return self._predict(noisy, timestep, guidance, reuse_features)
            except RuntimeError as error:
                if self.batch_size == 1 or not should_reduce_batch_size(error):
                    raise
            # Outside the handler: the error holds the frames that hold the tensors.
            self.batch_size = -(-self.batch_size // 2)
            self._batches = []
            if self._backbone.device.type == "cuda":
                torch.cuda.empty_cache()

    def _predict(
        self, noisy: Tensor, timestep: Tensor, guidance: float | Tensor, reuse_features: bool
    ) -> Tensor:
        if not self._batches:
            starts = range(0, len(self._rows), self.batch_size)
            self._batches = [self._encoded(self._rows[at : at + self.batch_size]) for at in starts]
        fused, attention = torch.zeros_like(noisy), torch.zeros_like(noisy[:, :1])
        for rows, denoiser, tokens in self._batches:
            views = torch.stack([self._view(noisy, row) for row in rows]).to(self._backbone.dtype)
            scale = guidance
            if isinstance(guidance, Tensor):
                scale = torch.stack([self._view(guidance, row) for row in rows])
            with self._recording(tokens, views) as found:
                predicted = denoiser.predict(views, timestep, scale, reuse_features=reuse_features)
            for row, prediction in zip(rows, predicted, strict=True):
                self._view(fused, row).add_(prediction * self._weights[row.window])
            if found is not None and (maps := found.mean()) is not None:
                for row, one in zip(rows, maps, strict=True):
                    self._view(attention, row).add_(one * self._weights[row.window])
        if self._attention is not None:
            self._attention.add(attention[:, 0])
        return fused

    def _recording(self, tokens: Tensor | None, views: Tensor) -> AbstractContextManager[AttentionMap | None]:
        """Record the attention to `tokens` of what looks at `views`; None: to none."""
        if tokens is None:
            return nullcontext()
        levels = self._backbone.levels(*views.shape[-2:])
        return recording(self._backbone.denoiser, tokens, levels)

    def _view(self, latents: Tensor, row: _Row) -> Tensor:
        """The part (C, h, w) of `latents` (I, C, H, W) that the window of `row` shows."""
        window = self._windows[row.window]
        return latents[row.image, :, window.rows, window.columns]

    def _encoded(self, rows: list[_Row]) -> _Batch:
        """`rows` with their conditions; equal windows of equal layouts are encoded once."""
        crops = [self._crop(self._canvases[row.image], self._windows[row.window]) for row in rows]
        distinct = {crop: number for number, crop in enumerate(dict.fromkeys(crops))}
        condition = self._method.encode(list(distinct)).to(self._backbone.device, self._backbone.dtype)
        which = torch.tensor([distinct[crop] for crop in crops], device=self._backbone.device)
        if len(distinct) < len(rows):
            condition = condition[which]
        tokens = None
        if self._attention is not None:
            length = condition.prompt.embeddings.shape[1] + condition.tokens.shape[1]
            found = self._method.label_tokens(list(distinct))
            tokens = F.pad(found, (0, length - found.shape[1]))[which]
        null = condition.null() if self._guided else None
        return _Batch(rows, GuidedDenoiser(self._backbone, condition, null, rescale=self._rescale), tokens)

    def _crop(self, canvas: Layout, window: Window) -> Layout:
        """What `canvas` shows in `window`."""
        pixels = (window.left, window.top, window.width, window.height)
        return canvas.crop(*(cells * self._backbone.pixels_per_latent for cells in pixels))


def windows_for(backbone: Backbone, height: int, width: int) -> tuple[Window, ...]:
    """The windows in which a canvas of `height` x `width` latent cells is denoised."""
    return cover(height, width, backbone.native_size, int(_OVERLAP * backbone.native_size))


def window_bytes(backbone: Backbone, window: Window | None = None, *, guided: bool = True) -> int:
    """What a step of one `window` takes beside the model; None: one of the size that it was trained on."""
    cells = backbone.native_size**2 if window is None else window.height * window.width
    rows, itemsize = 2 if guided else 1, int(backbone.dtype.itemsize)
    return _ACTIVATIONS * cells * backbone.activation_channels * itemsize * rows


def fitting_batch(backbone: Backbone, window: Window, *, guided: bool) -> int:
    """How many windows fit into half of the memory that is free now."""
    each = window_bytes(backbone, window, guided=guided)
    if backbone.device.type == "cuda":
        kept = torch.cuda.memory_reserved(backbone.device) - torch.cuda.memory_allocated(backbone.device)
        most, free = _LARGEST_BATCH, int(torch.cuda.mem_get_info(backbone.device)[0]) + kept
    else:
        most, free = _CPU_BATCH, int(psutil.virtual_memory().available)
    return max(1, min(most, free // 2 // each))
