"""LayoutPipeline: a diffusers pipeline that paints a layout, one window or many, in one denoising."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from layoutgen.denoising.multidiffusion import Fusion, fitting_batch, windows_for
from layoutgen.denoising.schedulers import scheduler_for
from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import ANY_SIZE, SizePrior
from layoutgen.errors import InvalidOption
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.img2img import Img2Img
from layoutgen.methods.regional import Regional
from layoutgen.methods.text2img import Text2Img
from layoutgen.model_info import METHODS, check_labels, size_prior_of

_UNTILED = 1024  # pixels: longer side of the largest canvas that the autoencoder sees as a whole


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
    def factor(self) -> int:
        """Pixels per latent cell along a side."""
        ratio = getattr(self.vae, "spatial_compression_ratio", None)
        return int(ratio or 2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def window(self) -> int:
        """Side of the square canvas that the U-Net was trained on, in pixels."""
        return int(self.unet.config.sample_size) * self.factor

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
        trained = () if self.layout_encoder is None else tuple(self.layout_encoder.config.methods)
        name = name or (
            "img2img" if "img2img" in trained else "text2img" if "text2img" in trained else "regional"
        )
        if name not in METHODS:
            raise InvalidOption(f"--method must be one of {', '.join(METHODS)}, not {name}")
        if encoding is not None and name != "text2img":
            raise InvalidOption(f"--encoding is an option of --method text2img, not of {name}")
        if self.labels is not None and name not in trained:
            learnt = ", ".join(trained)
            raise InvalidOption(f"the model knows layouts by {learnt} only: pass one of that as --method")
        parts = (self.tokenizer, self.text_encoder)
        if name == "regional":
            return Regional(*parts, self.layout_encoder, factor=self.factor)
        if name == "img2img":
            if trained and "img2img" not in trained:
                raise InvalidOption(f"the model was trained for {', '.join(trained)}: pass that as --method")
            return Img2Img(*parts, self.vae, self.layout_encoder, factor=self.factor)
        return Text2Img(*parts, self.layout_encoder, factor=self.factor, encoding=self._encoding(encoding))

    def _encoding(self, encoding: str | None) -> Any:
        """The text2img encoding to use: the trained one; any checkpoint can read `text`."""
        trained = () if self.layout_encoder is None else tuple(self.layout_encoder.config.encodings)
        encoding = encoding or (trained[0] if trained else "text")
        if encoding not in ("box", "text"):
            raise InvalidOption(f"--encoding must be box or text, not {encoding}")
        if encoding == "box" and "box" not in trained:
            raise InvalidOption("the model has no trained box tokens: pass --encoding text, or train it")
        if self.labels is not None and encoding not in trained:
            raise InvalidOption(f"the model knows --encoding {', '.join(trained)} only: leave it out")
        return encoding

    def __call__(self, layout: Layout | Sequence[Layout], **options: Any) -> list[Image.Image]:
        """Paint `layout`; the options are those of :meth:`paint`."""
        *_, images = self.paint(layout, **options)
        assert isinstance(images, list)  # the last event
        return images

    @torch.no_grad()
    def paint(
        self,
        layout: Layout | Sequence[Layout],
        *,
        method: str | None = None,
        encoding: str | None = None,
        scheduler: str = "model",
        steps: int = 30,
        guidance: float = 5.0,
        guidance_interval: tuple[float, float] = (0.0, 1.0),
        cache_interval: int = 1,
        strength: float | None = None,
        num_images: int = 1,
        batch_size: int | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> Iterator[int | list[Image.Image]]:
        """Paint `layout`, of any canvas size: yields the number of each step done, then the images.

        Args:
            layout: one, or several of one canvas size, which are painted together.
            scheduler: one of :data:`~layoutgen.denoising.schedulers.SCHEDULERS`, or ``model``: its own.
            guidance: classifier-free guidance scale; 1 or less: off, and half the work.
            guidance_interval: the part of the steps, from 0 to 1, that is guided (Kynkaanniemi et al.,
                arXiv 2404.07724); the others are half the work.
            cache_interval: the U-Net's deeper levels are computed in every such step, and their features used
                again in the others (DeepCache, Ma et al., arXiv 2312.00858).
            strength: img2img on a checkpoint that was not trained for layouts: how much of the drawn start
                image is repainted, in (0, 1]; default 0.9.
            num_images: images of each layout; those of one layout follow each other.
            batch_size: windows through the U-Net at once; None: what fits into memory.
            generator: one, or one for each image.

        Raises:
            InvalidOption, UnknownLabel: what this model cannot do.
        """
        layouts = [layout] if isinstance(layout, Layout) else list(layout)
        chosen = self.method(method, encoding)
        for one in layouts:
            self.check(one, chosen, strength)
        solver = scheduler_for(scheduler, self.scheduler)
        first, last = guidance_interval
        canvases = [canvas for canvas in map(self._padded, layouts) for _ in range(num_images)]
        if len({(canvas.width, canvas.height) for canvas in canvases}) != 1:
            raise InvalidOption("layouts that are painted together must have one canvas size")
        with chosen.attached(self.unet):
            fusion = Fusion(
                self.unet,
                chosen,
                canvases,
                factor=self.factor,
                guided=guidance > 1 and last > first,
                batch_size=batch_size,
            )
            shape = (len(canvases), self.vae.config.latent_channels, fusion.height, fusion.width)
            noise = randn_tensor(shape, generator, self.device, torch.float32)
            solver.set_timesteps(steps, device=self.device)
            latents, times = self._start(noise, canvases, chosen, solver, strength)
            for number, time in enumerate(times):
                guided = guidance > 1 and first <= number / len(times) < last
                scaled = solver.scale_model_input(latents, time)
                predicted = fusion.predict(
                    scaled, time, guidance if guided else 1.0, reuse=number % cache_interval > 0
                )
                latents = solver.step(predicted, time, latents, return_dict=False)[0]
                yield number + 1
            del fusion
        yield self._decode(latents, layouts, num_images)

    def images_at_once(self, layout: Layout, *, guided: bool, batch_size: int | None = None) -> int:
        """How many images of the size of `layout` fill a batch of `batch_size` windows; at least 1."""
        canvas = self._padded(layout)
        windows = windows_for(self.unet, canvas.height // self.factor, canvas.width // self.factor)
        return max(1, (batch_size or fitting_batch(self.unet, windows[0], guided=guided)) // len(windows))

    def check(self, layout: Layout, method: LayoutMethod, strength: float | None = None) -> None:
        """Refuse what `method` on this model cannot do.

        Raises:
            UnknownLabel: a label that the model has not learnt.
            InvalidOption: `strength` where there is no start image.
        """
        check_labels(layout.labels, self.labels)
        if strength is not None:
            if not isinstance(method, Img2Img) or method.trained:
                raise InvalidOption(
                    "--strength is for --method img2img on a checkpoint without layout training: leave it out"
                )
            if not 0 < strength <= 1:
                raise InvalidOption(f"--strength must be above 0 and at most 1, not {strength}")

    def _start(
        self,
        noise: Tensor,
        canvases: Sequence[Layout],
        method: LayoutMethod,
        solver: Any,
        strength: float | None,
    ) -> tuple[Tensor, Tensor]:
        """The latents to start from, and the times to denoise them at."""
        times = solver.timesteps
        if not isinstance(method, Img2Img) or method.trained:
            return noise * solver.init_noise_sigma, times
        strength = 0.9 if strength is None else strength
        skipped = min(len(times) - 1, round(len(times) * (1 - strength)))
        if hasattr(solver, "set_begin_index"):
            solver.set_begin_index(skipped)
        drawn = {id(canvas): canvas for canvas in canvases}
        with self._tiled(noise):
            starts = {key: method.start([canvas]).to(noise) for key, canvas in drawn.items()}
        start = torch.cat([starts[id(canvas)] for canvas in canvases])
        return solver.add_noise(start, noise, times[skipped : skipped + 1]), times[skipped:]

    def _decode(self, latents: Tensor, layouts: Sequence[Layout], num_images: int) -> list[Image.Image]:
        """Images of the layouts' own sizes."""
        scaled = (latents / self.vae.config.scaling_factor).to(self.vae.dtype)
        with self._tiled(latents):
            pixels = [self.vae.decode(one[None], return_dict=False)[0].float() for one in scaled]
        arrays = [
            ((p[0].clamp(-1, 1) + 1) * 127.5).round().byte().movedim(0, -1).cpu().numpy() for p in pixels
        ]
        sizes = [(one.height, one.width) for one in layouts for _ in range(num_images)]
        return [
            Image.fromarray(np.ascontiguousarray(a[:h, :w])) for a, (h, w) in zip(arrays, sizes, strict=True)
        ]

    @contextmanager
    def _tiled(self, latents: Tensor) -> Iterator[None]:
        """Let an autoencoder that can work in tiles do so where its memory would outgrow the U-Net's."""
        tiles = max(latents.shape[-2:]) * self.factor > _UNTILED and hasattr(self.vae, "enable_tiling")
        if not tiles or self.vae.use_tiling:
            yield
            return
        self.vae.enable_tiling()
        try:
            yield
        finally:
            self.vae.disable_tiling()

    def _padded(self, layout: Layout) -> Layout:
        """The layout on a canvas of whole latent cells, and never less than 8 of them."""
        sides = (max(8, -(-side // self.factor)) * self.factor for side in (layout.width, layout.height))
        width, height = sides
        return Layout(width, height, layout.instances, layout.prompt, layout.negative_prompt)
