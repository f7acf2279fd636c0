"""LayoutPipeline: a diffusers pipeline that paints a layout, one window or many, in one denoising."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from diffusers import DiffusionPipeline
from PIL import Image
from torch import Tensor

from layoutgen.additions import Additions
from layoutgen.backbones.base import Backbone
from layoutgen.backbones.stable_diffusion import StableDiffusion
from layoutgen.backbones.stable_diffusion_xl import LAYER as XL_LAYER
from layoutgen.backbones.stable_diffusion_xl import StableDiffusionXL
from layoutgen.checkpoints.additions import add_to
from layoutgen.checkpoints.opening import as_invalid_file, check_complete, local_path
from layoutgen.checkpoints.single_file import open_single_file
from layoutgen.checkpoints.weight_files import loading_options
from layoutgen.denoising.canvas import MIN_CELLS, padded
from layoutgen.denoising.coarse_to_fine import layers_of, own_layers
from layoutgen.denoising.image_codec import ImageCodec
from layoutgen.denoising.multidiffusion import fitting_batch, windows_for
from layoutgen.denoising.sampler import Generators, Sampler
from layoutgen.denoising.schedulers import check_steps
from layoutgen.denoising.settings import GivenSettings, SampleSettings, settings_of
from layoutgen.denoising.step import Step
from layoutgen.denoising.zoom import enlarged_to, reduced, zoom_for, zoomed
from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import ANY_SIZE, SizePrior, drawn_well
from layoutgen.errors import InvalidOption
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.factory import make_method
from layoutgen.methods.registry import check_sprites, check_strength
from layoutgen.methods.sprites import Sprites
from layoutgen.model_info import check_labels, check_painter, size_prior_of
from layoutgen.sprites.images import ImagePainter
from layoutgen.sprites.inspection import Inspector
from layoutgen.sprites.painter import SpritePainter
from layoutgen.sprites.pictures import paint_all

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11


class LayoutPipeline(DiffusionPipeline):
    """Paints layouts with a Stable Diffusion v1, v2 or XL checkpoint, or with what ``layoutgen train`` made.

    Args:
        layout_encoder: what the model has learnt of layouts.
        sampling: the settings that the model paints best with, where they are not the usual ones.
        text_encoder_2, tokenizer_2, force_zeros_for_empty_prompt, text_layer: of Stable Diffusion XL.
    """

    _optional_components = ["layout_encoder", "text_encoder_2", "tokenizer_2"]  # noqa: RUF012 (diffusers' own convention)
    model_cpu_offload_seq = "text_encoder->text_encoder_2->unet->vae"
    _exclude_from_cpu_offload = ["layout_encoder"]  # noqa: RUF012 (as above): it is small, and asked all the time

    def __init__(
        self,
        vae: Any,
        text_encoder: Any,
        tokenizer: Any,
        unet: Any,
        scheduler: Any,
        layout_encoder: Any = None,
        sampling: Mapping[str, Any] | None = None,
        text_encoder_2: Any = None,
        tokenizer_2: Any = None,
        force_zeros_for_empty_prompt: bool = True,
        text_layer: int = XL_LAYER,
    ) -> None:
        super().__init__()
        self.register_to_config(sampling=None if sampling is None else dict(sampling))
        if text_encoder_2 is not None:
            self.register_to_config(
                force_zeros_for_empty_prompt=force_zeros_for_empty_prompt, text_layer=text_layer
            )
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
            layout_encoder=layout_encoder,
            text_encoder_2=text_encoder_2,
            tokenizer_2=tokenizer_2,
        )

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **options: Any) -> Any:
        """Open a checkpoint: a diffusers folder, a run folder of ``layoutgen train``, one file, or a hub id.

        Args:
            options: those of diffusers, of which a single file knows `torch_dtype` alone. Weights of another
                precision (fp16 files), or in torch's older format, are found without being told.

        Raises:
            InvalidOption: there is no such model, or it is of another kind.
            InvalidFile: it is damaged.
        """
        name = str(pretrained_model_name_or_path)
        if "dtype" not in options:  # transformers would take that of the file
            options.setdefault("torch_dtype", torch.float32)
        path = local_path(name)
        if path.is_file():
            parts = open_single_file(path, options.pop("torch_dtype", None) or options.pop("dtype"))
            if options:
                raise InvalidOption(f"a single file is opened without {', '.join(sorted(options))}")
            return cls(**parts)
        check_painter(path, name)
        with as_invalid_file(path):
            options = loading_options(path) | options
            opened = super().from_pretrained(path, **options)
            check_complete(path, opened.components, options.get("variant"))
        return opened

    def add(self, additions: Additions) -> None:
        """Another autoencoder, LoRAs, textual inversions; they become part of the model.

        Raises:
            InvalidOption, InvalidFile: something does not go with this model.
        """
        self.register_modules(**add_to(self.components, additions))
        if additions.clip_skip is not None and self.text_encoder_2 is not None:
            self.register_to_config(text_layer=XL_LAYER + 1 - additions.clip_skip)

    @property
    def backbone(self) -> Backbone:
        """The base model that the components are."""
        if self.text_encoder_2 is None:
            return StableDiffusion(self.vae, self.text_encoder, self.tokenizer, self.unet, self.scheduler)
        return StableDiffusionXL(
            self.vae,
            (self.text_encoder, self.text_encoder_2),
            (self.tokenizer, self.tokenizer_2),
            self.unet,
            self.scheduler,
            layer=int(self.config.text_layer),
            empty_is_zero=bool(self.config.force_zeros_for_empty_prompt),
        )

    @property
    def text_settings(self) -> dict[str, Any]:
        """How prompts are read, of Stable Diffusion XL, as this class is created with."""
        names = ("force_zeros_for_empty_prompt", "text_layer")
        return {} if self.text_encoder_2 is None else {name: self.config[name] for name in names}

    @property
    def window(self) -> int:
        """Side of the square canvas that the denoiser was trained on, in pixels."""
        return self.backbone.native_size * self.backbone.pixels_per_latent

    @property
    def size_prior(self) -> SizePrior:
        """The boxes that the model draws well."""
        return ANY_SIZE if self.layout_encoder is None else size_prior_of(self.layout_encoder.config)

    @property
    def drawn_well(self) -> float:
        """See :func:`layoutgen.domain.size_prior.drawn_well`."""
        return drawn_well(self.window, None if self.layout_encoder is None else self.size_prior)

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

    @property
    def settings(self) -> SampleSettings:
        """The settings that the model paints best with, as it says itself, or else the usual ones."""
        return settings_of(self.config.get("sampling"))

    def __call__(
        self,
        layout: Layout | Sequence[Layout],
        method: LayoutMethod | str | None = None,
        *,
        encoding: str | None = None,
        settings: SampleSettings | None = None,
        scheduler: str | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        guidance_interval: tuple[float, float] | None = None,
        background_guidance: float | None = None,
        coarse_above: float | None = None,
        guidance_rescale: float | None = None,
        karras: bool | None = None,
        cache_interval: int | None = None,
        zoom: int | None = None,
        variety: int | None = None,
        verify: bool | None = None,
        detector: str | None = None,
        strength: float | None = None,
        num_images: int = 1,
        batch_size: int | None = None,
        generator: Generators = None,
    ) -> list[Image.Image]:
        """Paint `layout`, of any canvas size, and return the images.

        >>> (image,) = pipeline(layout, steps=20, generator=torch.Generator().manual_seed(0))

        Args:
            layout: one, or several of one canvas size, which are painted together.
            method: img2img, text2img, regional or sprites, or an object of :meth:`method`; None: the best
                one that this model can do.
            encoding: of text2img by its name: box or text; None: the trained one.
            settings: how; None: :attr:`settings`. What is given besides, from `scheduler` to `strength`,
                wins; see :class:`~layoutgen.denoising.settings.SampleSettings`.
            num_images: images of each layout; those of one layout follow each other.
            batch_size: windows through the denoiser at once; None: what fits into memory.
            generator: one, or one for each image.

        Raises:
            InvalidOption, UnknownLabel: what this model cannot do.
        """
        if not isinstance(method, LayoutMethod):
            method = self.method(method, encoding)
        elif encoding is not None:
            raise InvalidOption("`encoding` goes with the name of a method: an object has its own")
        *_, images = self.paint(
            layout,
            method,
            settings=settings,
            scheduler=scheduler,
            steps=steps,
            guidance=guidance,
            guidance_interval=guidance_interval,
            background_guidance=background_guidance,
            coarse_above=coarse_above,
            guidance_rescale=guidance_rescale,
            karras=karras,
            cache_interval=cache_interval,
            zoom=zoom,
            variety=variety,
            verify=verify,
            detector=detector,
            strength=strength,
            num_images=num_images,
            batch_size=batch_size,
            generator=generator,
        )
        assert isinstance(images, list)  # the last event
        return images

    @torch.no_grad()
    def paint(
        self,
        layout: Layout | Sequence[Layout],
        method: LayoutMethod | None = None,
        *,
        settings: SampleSettings | None = None,
        num_images: int = 1,
        batch_size: int | None = None,
        generator: Generators = None,
        **given: Unpack[GivenSettings],
    ) -> Iterator[Step | list[Image.Image]]:
        """What calling the pipeline does, step by step: yields each step that is done, then the images.

        Args:
            method: as :meth:`method` makes it; None: the best one that this model can do.
            given: settings that win over `settings`, where they are not None.
        """
        layouts = [layout] if isinstance(layout, Layout) else list(layout)
        method = method or self.method()
        asked: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        settings = replace(settings or self.settings, **asked)
        for one in layouts:
            self.check(one, method, settings.strength)
        self.check_settings(settings)
        check_sprites(settings.variety, verify=settings.verify, composes=method.info.composes)
        if len({(one.width, one.height) for one in map(self._padded, layouts)}) != 1:
            raise InvalidOption("layouts that are painted together must have one canvas size")
        if isinstance(method, Sprites):
            wanted = [one for one in layouts for _ in range(num_images)]
            for shown in paint_all(self._sprites(method, settings, batch_size), wanted, generator):
                yield (
                    shown.images
                    if shown.finished
                    else Step(shown.step, shown.steps, partial(list, shown.images))
                )
            return
        zoom = self.zoom(layouts, settings)
        layouts = [zoomed(one, zoom) for one in layouts]
        largest = settings.coarse_above or math.inf
        coarsest = max(own_layers(one, largest)[0] for one in layouts)
        canvases = [self._padded(one, 2**coarsest) for one in layouts for _ in range(num_images)]
        backbone = method.backbone
        layers = layers_of(canvases, largest, backbone.pixels_per_latent, MIN_CELLS)
        codec = self._codec
        sizes = [(one.width, one.height) for one in layouts for _ in range(num_images)]
        sampler = Sampler(method, self.scheduler, settings, codec.to_pixels, codec.to_latents, batch_size)
        latents: Tensor | None = None
        with backbone.reading_layouts():
            for event in sampler.run(layers, generator):
                if isinstance(event, Tensor):
                    latents = event
                else:
                    preview = partial(self._preview, event.estimate, sizes, zoom)
                    yield Step(event.number, event.total, preview)
        assert latents is not None  # the last event
        yield reduced(codec.to_images(latents, sizes), zoom)

    def _sprites(self, method: Sprites, settings: SampleSettings, batch_size: int | None) -> SpritePainter:
        """What paints by sprites."""
        inspector = None
        if settings.verify:
            from layoutgen.detection.loading import load_detector  # here: most pictures need none

            inspector = Inspector(load_detector(settings.detector, str(self.backbone.device)))
        grid = self.size_prior.grid if self.size_prior.grid > 1 else self.backbone.pixels_per_latent
        at_once = settings.coarse_above or self.window / 2
        painter = ImagePainter(method.painter, self.scheduler, settings, self._codec, batch_size)
        return SpritePainter(painter, at_once, grid, inspector)

    def zoom(self, layouts: Layout | Sequence[Layout], settings: SampleSettings) -> int:
        """How many times as large the canvas of `layouts` is painted: as `settings` say, or as it needs."""
        layouts = [layouts] if isinstance(layouts, Layout) else layouts
        return settings.zoom or zoom_for(layouts, self.drawn_well)

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
        check_strength(strength, starts_from_drawing=method.starts_from_drawing)

    def check_settings(self, settings: SampleSettings) -> None:
        """Refuse `settings` that the model's noise schedule cannot follow.

        Raises:
            InvalidOption: the scheduler cannot take so many steps.
        """
        check_steps(settings.scheduler, self.scheduler, settings.steps, karras=settings.karras)

    @torch.no_grad()
    def _preview(
        self, estimate: Callable[[], Tensor], sizes: Sequence[tuple[int, int]], zoom: int
    ) -> list[Image.Image]:
        """See :class:`Step`; what a coarser layer paints is shown as large as the image will be."""
        latents, cell = estimate(), self.backbone.pixels_per_latent
        painted = latents.shape[-1] * cell, latents.shape[-2] * cell
        return reduced(enlarged_to(sizes, self._codec.to_images(latents, sizes), painted), zoom)

    @property
    def _codec(self) -> ImageCodec:
        return ImageCodec(self.backbone, self.vae)

    def _padded(self, layout: Layout, times: int = 1) -> Layout:
        return padded(layout, self.backbone.pixels_per_latent, times)
