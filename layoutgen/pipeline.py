"""LayoutPipeline: a diffusers pipeline that paints a layout, one window or many, in one denoising."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from layoutgen.conditioning.base import Condition, LayoutMethod, stack
from layoutgen.conditioning.img2img import Img2Img
from layoutgen.conditioning.regional import Regional
from layoutgen.conditioning.text2img import Text2Img
from layoutgen.errors import InvalidOption
from layoutgen.layout import Layout
from layoutgen.models import METHODS, check_labels
from layoutgen.windows import Window, blend_weights, cover

_WINDOW_BATCH = 8  # windows through the U-Net at once
_OVERLAP = 0.25  # of a window


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
    def smallest(self) -> float:
        """Longer side of the smallest box that the model can draw, in pixels."""
        return 16.0 if self.layout_encoder is None else float(self.layout_encoder.config.smallest)

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
        return encoding

    def __call__(self, layout: Layout, **options: Any) -> list[Image.Image]:
        """Paint `layout`; the options are those of :meth:`paint`."""
        *_, images = self.paint(layout, **options)
        assert isinstance(images, list)  # the last event
        return images

    @torch.no_grad()
    def paint(
        self,
        layout: Layout,
        *,
        method: str | None = None,
        encoding: str | None = None,
        steps: int = 30,
        guidance: float = 3.0,
        strength: float | None = None,
        num_images: int = 1,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> Iterator[int | list[Image.Image]]:
        """Paint `layout`, of any canvas size: yields the number of each step done, then the images.

        Args:
            guidance: classifier-free guidance scale; 1 or less: off, and half the work.
            strength: img2img on a checkpoint that was not trained for layouts: how much of the drawn start
                image is repainted, in (0, 1]; default 0.9.
            generator: one, or one for each image.

        Raises:
            InvalidOption, UnknownLabel: what this model cannot do.
        """
        chosen = self.method(method, encoding)
        self.check(layout, chosen, strength)
        canvas = self._padded(layout)
        height, width = canvas.height // self.factor, canvas.width // self.factor
        windows = cover(
            height, width, self.unet.config.sample_size, int(_OVERLAP * self.unet.config.sample_size)
        )
        weights = torch.from_numpy(blend_weights(windows, height, width)).to(self.device)
        condition = chosen.encode([self._crop(canvas, window) for window in windows])
        condition = condition.to(self.device, self.unet.dtype)
        batches = [
            condition[start : start + _WINDOW_BATCH] for start in range(0, len(windows), _WINDOW_BATCH)
        ]
        if guidance > 1:
            batches = [stack(batch, chosen.null(batch)) for batch in batches]
        shape = (num_images, self.vae.config.latent_channels, height, width)
        noise = randn_tensor(shape, generator, self.device, torch.float32)
        latents, timesteps = self._start(noise, canvas, chosen, steps, strength)
        with chosen.attached(self.unet):
            for number, time in enumerate(timesteps, start=1):
                scaled = self.scheduler.scale_model_input(latents, time)
                predicted = torch.cat(
                    [self._fused(one[None], time, batches, windows, weights, guidance) for one in scaled]
                )
                latents = self.scheduler.step(predicted, time, latents, return_dict=False)[0]
                yield number
        yield self._decode(latents, layout)

    def check(self, layout: Layout, method: LayoutMethod, strength: float | None = None) -> None:
        """Refuse what `method` on this model cannot do.

        Raises:
            UnknownLabel: a label that the model has not learnt.
            InvalidOption: `strength` where there is no start image.
        """
        check_labels(
            layout.labels, None if self.layout_encoder is None else self.layout_encoder.config.labels
        )
        if strength is not None:
            if not isinstance(method, Img2Img) or method.trained:
                raise InvalidOption(
                    "--strength is for --method img2img on a checkpoint without layout training: leave it out"
                )
            if not 0 < strength <= 1:
                raise InvalidOption(f"--strength must be above 0 and at most 1, not {strength}")

    def _start(
        self, noise: Tensor, canvas: Layout, method: LayoutMethod, steps: int, strength: float | None
    ) -> tuple[Tensor, Tensor]:
        """The latents to start from, and the times to denoise them at."""
        self.scheduler.set_timesteps(steps, device=self.device)
        times = self.scheduler.timesteps
        if not isinstance(method, Img2Img) or method.trained:
            return noise * self.scheduler.init_noise_sigma, times
        strength = 0.9 if strength is None else strength
        skipped = min(len(times) - 1, round(len(times) * (1 - strength)))
        if hasattr(self.scheduler, "set_begin_index"):
            self.scheduler.set_begin_index(skipped)
        drawn = method.start([canvas]).to(noise).expand_as(noise)
        return self.scheduler.add_noise(drawn, noise, times[skipped : skipped + 1]), times[skipped:]

    def _fused(
        self,
        latents: Tensor,
        time: Tensor,
        batches: Sequence[Condition],
        windows: Sequence[Window],
        weights: Tensor,
        guidance: float,
    ) -> Tensor:
        """The blended prediction (1, C, H, W) of all windows for `latents` (1, C, H, W)."""
        fused = torch.zeros_like(latents)
        done = 0
        for condition in batches:
            rows = len(condition.prompt) // (2 if guidance > 1 else 1)
            part, share = windows[done : done + rows], weights[done : done + rows]
            seen = torch.cat([latents[:, :, w.rows, w.columns] for w in part]).to(self.unet.dtype)
            if guidance > 1:
                told, untold = condition.predict(self.unet, torch.cat([seen, seen]), time).float().chunk(2)
                predicted = untold + guidance * (told - untold)
            else:
                predicted = condition.predict(self.unet, seen, time).float()
            for window, prediction, weight in zip(part, predicted, share, strict=True):
                fused[:, :, window.rows, window.columns] += prediction * weight
            done += rows
        return fused

    def _decode(self, latents: Tensor, layout: Layout) -> list[Image.Image]:
        """Images of the layout's own size."""
        scaled = (latents / self.vae.config.scaling_factor).to(self.vae.dtype)
        pixels = torch.cat([self.vae.decode(one[None], return_dict=False)[0] for one in scaled]).float()
        array = ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().movedim(1, -1).cpu().numpy()
        return [Image.fromarray(np.ascontiguousarray(a[: layout.height, : layout.width])) for a in array]

    def _padded(self, layout: Layout) -> Layout:
        """The layout on a canvas of whole latent cells, and never less than 8 of them."""
        sides = (max(8, -(-side // self.factor)) * self.factor for side in (layout.width, layout.height))
        width, height = sides
        return Layout(width, height, layout.instances, layout.prompt, layout.negative_prompt)

    def _crop(self, canvas: Layout, window: Window) -> Layout:
        """What `canvas` shows in `window`."""
        pixels = (window.left, window.top, window.width, window.height)
        return canvas.crop(*(cells * self.factor for cells in pixels))
