"""From noise to latents: the sampling loop, over the layers of a canvas and the steps of a scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from layoutgen.conditioning.attention_maps import AttentionMap
from layoutgen.denoising.coarse_to_fine import REFINED_BELOW, Layer, enlarged
from layoutgen.denoising.estimate import clean_latents
from layoutgen.denoising.guidance import guidance_map
from layoutgen.denoising.multidiffusion import MultiDiffusion
from layoutgen.denoising.schedulers import scheduler_for, step_options
from layoutgen.denoising.settings import DEFAULT_STRENGTH, SampleSettings
from layoutgen.methods.base import LayoutMethod

Generators = torch.Generator | Sequence[torch.Generator] | None


@dataclass(frozen=True, slots=True)
class LatentStep:
    """Step `number`, from 1, of `total` is done.

    Attributes:
        estimate: makes the latents (I, C, h, w) that there would be if denoising ended here; of a coarser
            layer, of its own size.
    """

    number: int
    total: int
    estimate: Callable[[], Tensor] = field(compare=False, repr=False)


@dataclass(frozen=True)
class Surroundings:
    """What is around the boxes in the first steps, whatever is denoised there.

    As the bootstrapping of MultiDiffusion (Bar-Tal et al., arXiv 2302.08113, section 4.2): an object that
    starts on a given ground stays in its box.

    Attributes:
        pixels: (I, 3, H, W) in [-1, 1], of the size of the images.
        until: part of the steps in which it is kept, 0 to 1.
    """

    pixels: Tensor
    until: float


@dataclass(frozen=True)
class Sampler:
    """Samples the latents of I images of one size by one method.

    Its base model must be inside :meth:`Backbone.reading_layouts`.

    Args:
        own_scheduler: the model's own, whose noise schedule all others take.
        decode: latents (I, C, h, w) to pixels (I, 3, H, W) in [-1, 1]; `encode`: the way back.
        batch_size: windows through the denoiser at once; None: what fits into memory.
        refined_below: part of the noise schedule, from its end, in which a layer repaints what is there.
        surroundings: what is kept around the boxes at first; None: nothing.
        attention: see :class:`MultiDiffusion`.
    """

    method: LayoutMethod
    own_scheduler: Any
    settings: SampleSettings
    decode: Callable[[Tensor], Tensor]
    encode: Callable[[Tensor], Tensor]
    batch_size: int | None = None
    refined_below: float = REFINED_BELOW
    surroundings: Surroundings | None = None
    attention: AttentionMap | None = None

    def run(
        self, layers: Sequence[Layer], generator: Generators, *, painted: Tensor | None = None
    ) -> Iterator[LatentStep | Tensor]:
        """Yield each step that is done, then the latents of the finest layer, the last of `layers`.

        Args:
            painted: latents (I, C, h, w) of the first layer, where that is to be refined only.
        """
        first = None if painted is not None else layers[0]
        total = sum(len(self._scheduler(one, first=one is first)[1]) for one in layers)
        done, latents = 0, None
        for layer in layers:
            scheduler, timesteps = self._scheduler(layer, first=layer is first)
            coarse = painted if latents is None else self._enlarged(latents, layer)
            for number, estimate, current in self._denoise(layer, scheduler, timesteps, coarse, generator):
                latents = current
                yield LatentStep(done + number, total, estimate)
            done += len(timesteps)
        assert latents is not None  # there is a layer, and it has a step
        yield latents

    def _scheduler(self, layer: Layer, *, first: bool) -> tuple[Any, Tensor]:
        """A scheduler for `layer`, and its timesteps: all, or those that refine what is there already."""
        scheduler = scheduler_for(self.settings.scheduler, self.own_scheduler, karras=self.settings.karras)
        scheduler.set_timesteps(self.settings.steps, device=self.method.backbone.device)
        timesteps, skipped = scheduler.timesteps, 0
        if not first and not layer.has_own:
            refined = timesteps < self.refined_below * scheduler.config.num_train_timesteps
            skipped = min(len(timesteps) - 1, int((~refined).sum()))
        elif first and self.method.starts_from_drawing:
            strength = DEFAULT_STRENGTH if self.settings.strength is None else self.settings.strength
            skipped = min(len(timesteps) - 1, round(len(timesteps) * (1 - strength)))
        if skipped and hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(skipped)
        return scheduler, timesteps[skipped:]

    def _denoise(
        self, layer: Layer, scheduler: Any, timesteps: Tensor, coarse: Tensor | None, generator: Generators
    ) -> Iterator[tuple[int, Callable[[], Tensor], Tensor]]:
        """The number of each step that is done, its estimate, and the latents after it.

        Args:
            coarse: what a coarser layer painted (I, C, h, w).
        """
        settings, backbone = self.settings, self.method.backbone
        first, last = settings.guidance_interval
        fused = MultiDiffusion(
            self.method,
            layer.canvases,
            guided=settings.guidance > 1 and last > first,
            batch_size=self.batch_size,
            rescale=settings.guidance_rescale,
            attention=self.attention,
        )
        shape = (len(layer.canvases), backbone.latent_channels, fused.height, fused.width)
        noise = randn_tensor(shape, generator, backbone.device, torch.float32)
        guidance = self._guidance(layer)
        latents = self._start(layer, scheduler, timesteps, noise, coarse)
        refined_below = self.refined_below * scheduler.config.num_train_timesteps
        own, options = layer.own.to(noise), step_options(scheduler, generator)
        around = self._around(layer)
        kept_until = 0.0 if self.surroundings is None else self.surroundings.until
        for number, timestep in enumerate(timesteps):
            before = timesteps[
                max(0, number - 1)
            ]  # also the first step that refines starts from what is kept
            if coarse is not None and before >= refined_below:
                kept = scheduler.add_noise(coarse, noise, timestep[None])
                latents = own * latents + (1 - own) * kept
            if around is not None and number < kept_until * len(timesteps):
                kept = scheduler.add_noise(around.to(noise), noise, timestep[None])
                latents = own * latents + (1 - own) * kept
            scaled = scheduler.scale_model_input(latents, timestep)
            guided = settings.guidance > 1 and first <= number / len(timesteps) < last
            predicted = fused.predict(
                scaled,
                timestep,
                guidance if guided else 1.0,
                reuse_features=number % settings.cache_interval > 0,
            )
            latents = scheduler.step(predicted, timestep, latents, **options, return_dict=False)[0]
            yield number + 1, partial(clean_latents, scheduler, scaled, predicted, timestep), latents

    def _start(
        self, layer: Layer, scheduler: Any, timesteps: Tensor, noise: Tensor, coarse: Tensor | None
    ) -> Tensor:
        """The latents to start from: noise, or with noise what a coarser layer painted or the method drew."""
        if coarse is not None and not layer.has_own:
            start: Tensor = scheduler.add_noise(coarse, noise, timesteps[:1])
            return start
        if coarse is None and self.method.starts_from_drawing:
            canvases = list(dict.fromkeys(layer.canvases))
            drawn = {canvas: self.method.initial_latents([canvas]).to(noise) for canvas in canvases}
            start = scheduler.add_noise(
                torch.cat([drawn[canvas] for canvas in layer.canvases]), noise, timesteps[:1]
            )
            return start
        return noise * scheduler.init_noise_sigma

    def _around(self, layer: Layer) -> Tensor | None:
        """The surroundings as latents of `layer`; None: there are none, or it paints no boxes of its own."""
        if self.surroundings is None or not layer.has_own:
            return None
        canvas, pixels = layer.canvases[0], self.surroundings.pixels
        size = (canvas.height, canvas.width)
        if pixels.shape[-2:] != size:
            pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)
        return self.encode(pixels)

    def _guidance(self, layer: Layer) -> float | Tensor:
        """The guidance scale, or where it differs outside of boxes, the scale (I, 1, h, w) of each cell."""
        settings = self.settings
        if settings.background_guidance is None:
            return settings.guidance
        return guidance_map(
            layer.canvases,
            *layer.own.shape[-2:],
            inside=settings.guidance,
            outside=settings.background_guidance,
        ).to(self.method.backbone.device)

    def _enlarged(self, latents: Tensor, layer: Layer) -> Tensor:
        """`latents` of the next coarser layer as latents of `layer`."""
        canvas = layer.canvases[0]
        pixels = enlarged(self.decode(latents), canvas.height, canvas.width)
        return self.encode(pixels).to(latents)
