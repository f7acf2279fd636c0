"""A layout by sprites: background, objects, cut out, pasted, harmonised, and looked for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from layoutgen.autoencoder import to_pixels
from layoutgen.denoising.canvas import MIN_CELLS, padded
from layoutgen.denoising.coarse_to_fine import Layer, layer_of, layers_of, own_layers
from layoutgen.denoising.image_codec import ImageCodec
from layoutgen.denoising.sampler import LatentStep, Sampler, Surroundings
from layoutgen.denoising.settings import SampleSettings
from layoutgen.denoising.zoom import median_side, zoomed
from layoutgen.domain.layout import Box, Layout
from layoutgen.domain.prompts import background_prompt, object_prompt
from layoutgen.methods.base import LayoutMethod
from layoutgen.sprites.cutout import Sprite, cut_out, whole_box
from layoutgen.sprites.inspection import Inspector
from layoutgen.sprites.pasting import Pasted, choose, paste, with_parts
from layoutgen.sprites.subjects import Subject, by_aspect, canvas_for, subjects_for

VARIETY = 48
"""How many different objects are painted at most."""
_ROUNDS = 2  # of painting objects
_LOOKS = 6  # of a detector, which each but the last may end in pasting again what it misses
_KEPT_UNTIL = 0.25  # part of the steps in which the ground around an object is kept
_STRENGTH = 0.3  # part of the noise schedule that harmonises


@dataclass(frozen=True, slots=True)
class Progress:
    """A `share` of a picture, from 0 to 1, is done; `picture`: what there is of it so far."""

    share: float
    picture: Image.Image = field(repr=False)


@dataclass(frozen=True)
class SpritePainter:
    """Paints layouts by sprites, one by one.

    Args:
        painter: the method by which everything is painted.
        scheduler: the model's own.
        at_once: longer side, in pixels, of the largest object that the model draws at once.
        grid: the sides of its boxes are multiples of so many pixels.
        inspector: refuses objects that are none, and finds boxes without one; None: nobody looks.
    """

    painter: LayoutMethod
    scheduler: Any
    settings: SampleSettings
    codec: ImageCodec
    at_once: float
    grid: int
    batch_size: int | None = None
    inspector: Inspector | None = None

    def paint(self, layout: Layout, generator: torch.Generator | None) -> Iterator[Progress | Image.Image]:
        """Yield how far `layout` is, then the picture of it, on its own canvas."""
        rng = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
        background = Image.new("RGB", (layout.width, layout.height))
        for event in self._background(layout, generator):
            if isinstance(event, Image.Image):
                background = event
            yield Progress(0.25 * (1.0 if isinstance(event, Image.Image) else event), background)
        if not layout.instances:
            yield background
            return
        sprites: list[Sprite] = []
        for found in self._sprites(layout, background, rng, generator):
            if isinstance(found, float):
                yield Progress(0.25 + 0.4 * found, background)
            else:
                sprites = found
        for last in self._pasted(layout, background, sprites, rng, generator):
            yield last if isinstance(last, Image.Image) else replace(last, share=0.65 + 0.35 * last.share)

    def _pasted(
        self,
        layout: Layout,
        background: Image.Image,
        sprites: Sequence[Sprite],
        rng: np.random.Generator,
        generator: torch.Generator | None,
    ) -> Iterator[Progress | Image.Image]:
        """How far it is, then the picture of all `sprites` in their boxes: the one with the fewest misses."""
        used: Counter[int] = Counter()
        chosen, tried = choose(layout.instances, sprites, rng, used=used), dict[int, tuple[int, ...]]()
        picture, missed = background, tuple(range(len(layout.instances)))
        rounds = _LOOKS if self.inspector else 1
        for number in range(rounds):
            latest = picture
            for event in self._composed(layout, background, sprites, chosen, generator):
                if isinstance(event, Image.Image):
                    latest = event
                else:
                    yield Progress((number + event) / rounds, picture)
            if number:
                latest = with_parts(picture, latest, [layout.instances[k].box for k in missed])
            still = () if self.inspector is None else self.inspector.missed(latest, layout)
            if not number or len(still) < len(missed):
                picture, missed = latest, still
            if not missed:
                break
            tried |= {k: (*tried.get(k, ()), chosen[k].sprite) for k in missed}
            again = choose(layout.instances, sprites, rng, used=used, refused=tried)
            chosen = [again[k] if k in missed else one for k, one in enumerate(chosen)]
        yield picture

    def _background(self, layout: Layout, generator: torch.Generator | None) -> Iterator[float | Image.Image]:
        """How much is done, then the canvas without objects, painted as coarse as they are and enlarged."""
        coarse = 0
        if layout.instances:
            side = median_side(layout)
            coarse = layer_of(Box(0, 0, side, side), self.at_once)
        scale, prompt = 2**coarse, background_prompt(layout.prompt, layout.labels)
        size = max(1, layout.width // scale), max(1, layout.height // scale)
        canvas = Layout(*size, (), prompt, layout.negative_prompt)
        for event in self._run([canvas], generator):
            if isinstance(event, LatentStep):
                yield event.number / event.total
            else:
                (image,) = event
                yield image.resize((layout.width, layout.height), Image.Resampling.BICUBIC)

    def _sprites(
        self,
        layout: Layout,
        background: Image.Image,
        rng: np.random.Generator,
        generator: torch.Generator | None,
    ) -> Iterator[float | list[Sprite]]:
        """How much is done, then sprites of all labels; what cannot be cut out is painted once more."""
        variety = self.settings.variety or VARIETY
        todo = subjects_for(layout, variety, (self.at_once, 2 * self.at_once), self.grid)
        sprites: list[Sprite] = []
        spare: dict[str, Sprite] = {}
        for number in range(_ROUNDS):
            refused: list[Subject] = []
            buckets = by_aspect(todo)
            for place, bucket in enumerate(buckets):
                for event in self._alone(bucket, layout, background, rng, generator):
                    if isinstance(event, float):
                        yield (number + (place + event) / len(buckets)) / _ROUNDS
                        continue
                    for subject, sprite, whole in event:
                        spare.setdefault(subject.label, whole)
                        if sprite is None:
                            refused.append(subject)
                        else:
                            sprites.append(sprite)
            todo = refused
            if not todo:
                break
        missing = set(layout.labels) - {one.label for one in sprites}
        yield sprites + [spare[label] for label in sorted(missing)]

    def _alone(
        self,
        subjects: Sequence[Subject],
        layout: Layout,
        background: Image.Image,
        rng: np.random.Generator,
        generator: torch.Generator | None,
    ) -> Iterator[float | list[tuple[Subject, Sprite | None, Sprite]]]:
        """How much is done, then each of `subjects`, its sprite, if it can be cut out, and its whole box."""
        width, height = canvas_for(subjects, 2 * max(self.grid, self.painter.backbone.pixels_per_latent))
        canvases = [
            one.alone(
                width,
                height,
                self.grid,
                object_prompt(layout.prompt, layout.labels, one.label),
                layout.negative_prompt,
            )
            for one in subjects
        ]
        grounds = [_crop(background, width, height, rng) for _ in subjects]
        kept = torch.stack([to_pixels(ground) for ground in grounds]).to(self.painter.backbone.device)
        for event in self._run(canvases, generator, surroundings=Surroundings(kept, _KEPT_UNTIL)):
            if isinstance(event, LatentStep):
                yield event.number / event.total
                continue
            found, side = [], median_side(layout)
            for subject, canvas, picture, ground in zip(subjects, canvases, event, grounds, strict=True):
                box = canvas.instances[0].box
                cut = cut_out(subject.label, picture, ground, box)
                if (
                    cut
                    and self.inspector
                    and not self.inspector.accepts(picture, subject.label, cut[1], side)
                ):
                    cut = None
                found.append((subject, cut and cut[0], whole_box(subject.label, picture, box)))
            yield found

    def _composed(
        self,
        layout: Layout,
        background: Image.Image,
        sprites: Sequence[Sprite],
        chosen: Sequence[Pasted],
        generator: torch.Generator | None,
    ) -> Iterator[float | Image.Image]:
        """How much is done, then the picture: sprites on the background, harmonised at twice its size."""
        zoom = self._zoom(layout)
        canvas = padded(zoomed(layout, zoom), self.painter.backbone.pixels_per_latent)
        size = layout.width * zoom, layout.height * zoom
        picture = background.resize(size, Image.Resampling.BICUBIC)
        for one in sorted(
            chosen, key=lambda pasted: pasted.box.y1
        ):  # what stands in front hides what is behind
            paste(picture, sprites[one.sprite], one.box.scale(zoom, zoom), one.look)
        pixels = to_pixels(picture)[None].to(self.painter.backbone.device)
        missing = canvas.width - size[0], canvas.height - size[1]
        pixels = torch.nn.functional.pad(pixels, (0, missing[0], 0, missing[1]), mode="replicate")
        cells = self.painter.cell_size([canvas])
        layer = Layer(0, (canvas,), torch.zeros(1, 1, *cells))
        for event in self._sampled([layer], generator, self.codec.to_latents(pixels)):
            if isinstance(event, LatentStep):
                yield event.number / event.total
            else:
                (image,) = self.codec.to_images(event, [size])
                yield image.reduce(zoom) if zoom > 1 else image

    def _zoom(self, layout: Layout) -> int:
        """Twice the size, unless that is more than the model draws at once."""
        if self.settings.zoom is not None:
            return self.settings.zoom
        return 2 if 2 * median_side(layout) <= self.at_once else 1

    def _run(
        self,
        layouts: Sequence[Layout],
        generator: torch.Generator | None,
        surroundings: Surroundings | None = None,
    ) -> Iterator[LatentStep | list[Image.Image]]:
        """The steps of painting `layouts`, all of one size, from noise, then the images."""
        largest, backbone = self.settings.coarse_above or math.inf, self.painter.backbone
        coarsest = max(own_layers(one, largest)[0] for one in layouts)
        canvases = [padded(one, backbone.pixels_per_latent, 2**coarsest) for one in layouts]
        layers = layers_of(canvases, largest, backbone.pixels_per_latent, MIN_CELLS)
        sizes = [(one.width, one.height) for one in layouts]
        for event in self._sampled(layers, generator, None, surroundings):
            yield event if isinstance(event, LatentStep) else self.codec.to_images(event, sizes)

    def _sampled(
        self,
        layers: Sequence[Layer],
        generator: torch.Generator | None,
        painted: Tensor | None,
        surroundings: Surroundings | None = None,
    ) -> Iterator[LatentStep | Tensor]:
        codec = self.codec
        sampler = Sampler(
            self.painter, self.scheduler, self.settings, codec.to_pixels, codec.to_latents, self.batch_size
        )
        if painted is not None:
            sampler = replace(sampler, refined_below=_STRENGTH)
        sampler = replace(sampler, surroundings=surroundings)
        with self.painter.backbone.reading_layouts():
            yield from sampler.run(layers, generator, painted=painted)


def _crop(background: Image.Image, width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A part of `background` at a random place, of `width` x `height` pixels, enlarged where that is more."""
    larger = max(1.0, width / background.width, height / background.height)
    if larger > 1:
        background = background.resize((round(background.width * larger), round(background.height * larger)))
    x, y = (
        int(rng.integers(0, max(0, have - want) + 1))
        for have, want in zip(background.size, (width, height), strict=True)
    )
    return background.crop((x, y, x + width, y + height))
