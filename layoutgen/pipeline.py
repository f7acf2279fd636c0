"""LayoutPipeline: a diffusers pipeline that paints a layout, one window or many, in one denoising."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from layoutgen.backbones.base import Backbone
from layoutgen.backbones.stable_diffusion import StableDiffusion
from layoutgen.denoising.estimate import clean_latents
from layoutgen.denoising.multidiffusion import MultiDiffusion, fitting_batch, windows_for
from layoutgen.denoising.schedulers import scheduler_for, step_options
from layoutgen.denoising.settings import DEFAULT_STRENGTH, DEFAULTS
from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import ANY_SIZE, SizePrior
from layoutgen.errors import InvalidOption
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.factory import make_method
from layoutgen.model_info import check_labels, size_prior_of
from layoutgen.numerics import check_finite

_UNTILED = 1024  # pixels: longer side of the largest canvas that the autoencoder sees as a whole
_MIN_CELLS = 8  # latent cells along a side of the smallest canvas

Generators = torch.Generator | Sequence[torch.Generator] | None


@dataclass(frozen=True, slots=True)
class Step:
    """Step `number`, from 1, of `total` is done.

    `preview` decodes what the images would be if denoising ended here; it costs nothing unless it is called,
    before the next step.
    """

    number: int
    total: int
    preview: Callable[[], list[Image.Image]] = field(default=list, compare=False, repr=False)


class LayoutPipeline(DiffusionPipeline):
    """Paints layouts with a Stable Diffusion v1 checkpoint, or with what ``layoutgen train`` made."""

    _optional_components = ["layout_encoder"]  # noqa: RUF012 (diffusers' own convention)
    model_cpu_offload_seq = "text_encoder->unet->vae"

    def __init__(
        self,
        vae: Any,
        text_encoder: Any,
        tokenizer: Any,
        unet: Any,
        scheduler: Any,
        layout_encoder: Any = None,
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
            layout_encoder=layout_encoder,
        )

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **options: Any) -> Any:
        """See diffusers; also takes a run folder of ``layoutgen train``, and opens the ``model/`` in it."""
        model = Path(pretrained_model_name_or_path) / "model"
        source = model if (model / "model_index.json").is_file() else pretrained_model_name_or_path
        return super().from_pretrained(source, **options)

    @property
    def backbone(self) -> Backbone:
        """The base model that the components are."""
        return StableDiffusion(self.vae, self.text_encoder, self.tokenizer, self.unet, self.scheduler)

    @property
    def window(self) -> int:
        """Side of the square canvas that the denoiser was trained on, in pixels."""
        return self.backbone.native_size * self.backbone.pixels_per_latent

    @property
    def size_prior(self) -> SizePrior:
        """The boxes that the model draws well."""
        return ANY_SIZE if self.layout_encoder is None else size_prior_of(self.layout_encoder.config)

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The labels, and with them the words, that the model has learnt; None: any text."""
        labels = None if self.layout_encoder is None else self.layout_encoder.config.labels
        return None if labels is None else tuple(labels)

    def method(self, name: str | None = None, encoding: str | None = None) -> LayoutMethod:
        """The method called `name`, or the best one that this model can do.

        Raises:
            InvalidOption: the model was not trained for it.
        """
        return make_method(self.backbone, self.layout_encoder, name, encoding)

    def __call__(
        self, layout: Layout | Sequence[Layout], *, method: LayoutMethod | str | None = None, **options: Any
    ) -> list[Image.Image]:
        """Paint `layout` by `method`, an object or a name; the other options are those of :meth:`paint`."""
        encoding = options.pop("encoding", None)
        if not isinstance(method, LayoutMethod):
            method = self.method(method, encoding)
        *_, images = self.paint(layout, method, **options)
        assert isinstance(images, list)  # the last event
        return images

    @torch.no_grad()
    def paint(
        self,
        layout: Layout | Sequence[Layout],
        method: LayoutMethod | None = None,
        *,
        scheduler: str = DEFAULTS.scheduler,
        steps: int = DEFAULTS.steps,
        guidance: float = DEFAULTS.guidance,
        guidance_interval: tuple[float, float] = DEFAULTS.guidance_interval,
        cache_interval: int = DEFAULTS.cache_interval,
        strength: float | None = DEFAULTS.strength,
        num_images: int = 1,
        batch_size: int | None = None,
        generator: Generators = None,
    ) -> Iterator[Step | list[Image.Image]]:
        """Paint `layout`, of any canvas size: yields each step that is done, then the images.

        Args:
            layout: one, or several of one canvas size, which are painted together.
            method: as :meth:`method` makes it; None: the best one that this model can do.
            scheduler: one of :data:`~layoutgen.denoising.schedulers.SCHEDULERS`, or ``model``: its own.
            guidance: classifier-free guidance scale; 1 or less: off, and half the work.
            guidance_interval: the part of the steps, from 0 to 1, that is guided (Kynkaanniemi et al.,
                arXiv 2404.07724); the others are half the work.
            cache_interval: the denoiser's deeper levels are computed in every such step, and their features
                used again in the others (DeepCache, Ma et al., arXiv 2312.00858).
            strength: where denoising starts from the drawn layout (img2img on a checkpoint that was not
                trained for layouts): how much of it is repainted, in (0, 1]; default 0.9.
            num_images: images of each layout; those of one layout follow each other.
            batch_size: windows through the denoiser at once; None: what fits into memory.
            generator: one, or one for each image.

        Raises:
            InvalidOption, UnknownLabel: what this model cannot do.
        """
        layouts = [layout] if isinstance(layout, Layout) else list(layout)
        method = method or self.method()
        for one in layouts:
            self.check(one, method, strength)
        canvases = [canvas for canvas in map(self._padded, layouts) for _ in range(num_images)]
        if len({(canvas.width, canvas.height) for canvas in canvases}) != 1:
            raise InvalidOption("layouts that are painted together must have one canvas size")
        stepper = scheduler_for(scheduler, self.scheduler)
        first, last = guidance_interval
        with method.backbone.reading_layouts():
            fused = MultiDiffusion(
                method, canvases, guided=guidance > 1 and last > first, batch_size=batch_size
            )
            shape = (len(canvases), method.backbone.latent_channels, fused.height, fused.width)
            noise = randn_tensor(shape, generator, self.device, torch.float32)
            stepper.set_timesteps(steps, device=self.device)
            latents, timesteps = self._start(noise, canvases, method, stepper, strength)
            options = step_options(stepper, generator)
            for number, timestep in enumerate(timesteps):
                guided = guidance > 1 and first <= number / len(timesteps) < last
                scaled = stepper.scale_model_input(latents, timestep)
                predicted = fused.predict(
                    scaled,
                    timestep,
                    guidance if guided else 1.0,
                    reuse_features=number % cache_interval > 0,
                )
                latents = stepper.step(predicted, timestep, latents, **options, return_dict=False)[0]
                estimate = partial(clean_latents, stepper, scaled, predicted, timestep)
                preview = partial(self._preview, estimate, layouts, num_images)
                yield Step(number + 1, len(timesteps), preview)
            del fused
        yield self._decode(latents, layouts, num_images)

    def images_at_once(self, layout: Layout, *, guided: bool, batch_size: int | None = None) -> int:
        """How many images of the size of `layout` fill a batch of `batch_size` windows; at least 1."""
        canvas, backbone = self._padded(layout), self.backbone
        cells = (side // backbone.pixels_per_latent for side in (canvas.height, canvas.width))
        windows = windows_for(backbone, *cells)
        return max(1, (batch_size or fitting_batch(backbone, windows[0], guided=guided)) // len(windows))

    def check(self, layout: Layout, method: LayoutMethod, strength: float | None = None) -> None:
        """Refuse what `method` on this model cannot do.

        Raises:
            UnknownLabel: a label that the model has not learnt.
            InvalidOption: `strength` where denoising starts from noise alone.
        """
        check_labels(layout.labels, self.labels)
        if strength is None:
            return
        if not method.starts_from_drawing:
            raise InvalidOption(
                "`strength` is for `method` img2img on a checkpoint without layout training: leave it out"
            )
        if not 0 < strength <= 1:
            raise InvalidOption(f"`strength` must be above 0 and at most 1, not {strength}")

    def _start(
        self,
        noise: Tensor,
        canvases: Sequence[Layout],
        method: LayoutMethod,
        scheduler: Any,
        strength: float | None,
    ) -> tuple[Tensor, Tensor]:
        """The latents to start from, and the timesteps to denoise them at."""
        timesteps = scheduler.timesteps
        if not method.starts_from_drawing:
            return noise * scheduler.init_noise_sigma, timesteps
        skipped = round(len(timesteps) * (1 - (DEFAULT_STRENGTH if strength is None else strength)))
        skipped = min(len(timesteps) - 1, skipped)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(skipped)
        with self._tiled(noise):
            drawn = {canvas: method.initial_latents([canvas]).to(noise) for canvas in dict.fromkeys(canvases)}
        start = torch.cat([drawn[canvas] for canvas in canvases])
        return scheduler.add_noise(start, noise, timesteps[skipped : skipped + 1]), timesteps[skipped:]

    @torch.no_grad()
    def _preview(
        self, estimate: Callable[[], Tensor], layouts: Sequence[Layout], num_images: int
    ) -> list[Image.Image]:
        """See :class:`Step`."""
        return self._decode(estimate(), layouts, num_images)

    def _decode(self, latents: Tensor, layouts: Sequence[Layout], num_images: int) -> list[Image.Image]:
        """Images of the layouts' own sizes."""
        backbone = self.backbone
        with self._tiled(latents):
            pixels = [check_finite(backbone.to_pixels(one[None]), "the model") for one in latents]
        arrays = [
            ((p[0].clamp(-1, 1) + 1) * 127.5).round().byte().movedim(0, -1).cpu().numpy() for p in pixels
        ]
        sizes = [(one.height, one.width) for one in layouts for _ in range(num_images)]
        return [
            Image.fromarray(np.ascontiguousarray(a[:h, :w])) for a, (h, w) in zip(arrays, sizes, strict=True)
        ]

    @contextmanager
    def _tiled(self, latents: Tensor) -> Iterator[None]:
        """Let an autoencoder that can work in tiles do so where its memory would outgrow the denoiser's."""
        large = max(latents.shape[-2:]) * self.backbone.pixels_per_latent > _UNTILED
        if not (large and hasattr(self.vae, "enable_tiling")) or self.vae.use_tiling:
            yield
            return
        self.vae.enable_tiling()
        try:
            yield
        finally:
            self.vae.disable_tiling()

    def _padded(self, layout: Layout) -> Layout:
        """The layout on a canvas of whole latent cells, and never less than 8 of them along a side."""
        cell = self.backbone.pixels_per_latent
        width, height = (max(_MIN_CELLS, -(-side // cell)) * cell for side in (layout.width, layout.height))
        return Layout(width, height, layout.instances, layout.prompt, layout.negative_prompt)
