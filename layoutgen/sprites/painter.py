"""A layout by sprites: background, objects, cut out, pasted, harmonised, and looked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from PIL import Image

from layoutgen.denoising.coarse_to_fine import layer_of
from layoutgen.denoising.zoom import median_side, reduced, zoomed
from layoutgen.domain.layout import Box, Layout
from layoutgen.domain.prompts import background_prompt
from layoutgen.sprites.cutout import Sprite
from layoutgen.sprites.images import ImagePainter
from layoutgen.sprites.inspection import Inspector
from layoutgen.sprites.objects import ObjectPainter
from layoutgen.sprites.pasting import Pasted, Pool, paste, with_parts

VARIETY = 48
"""How many different objects are painted at most."""
_LOOKS = 6  # of a detector at what is pasted, after each of which other sprites replace those it misses
_REPAIRS = 3  # the same once all is harmonised, when each costs harmonising again what is around them
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
        painter: paints everything.
        at_once: longer side, in pixels, of the largest object that the model draws at once.
        grid: the sides of its boxes are multiples of so many pixels.
        inspector: refuses objects that are none, and finds boxes without one; None: nobody looks.
    """

    painter: ImagePainter
    at_once: float
    grid: int
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
        for found in self._objects.paint(layout, background, rng, generator):
            if isinstance(found, float):
                yield Progress(0.25 + 0.4 * found, background)
            else:
                sprites = found
        for last in self._pasted(layout, background, sprites, rng, generator):
            yield last if isinstance(last, Image.Image) else replace(last, share=0.65 + 0.35 * last.share)

    @property
    def _objects(self) -> ObjectPainter:
        sizes, variety = (self.at_once, 2 * self.at_once), self.painter.settings.variety or VARIETY
        return ObjectPainter(self.painter, sizes, self.grid, variety, self.inspector)

    def _pasted(
        self,
        layout: Layout,
        background: Image.Image,
        sprites: Sequence[Sprite],
        rng: np.random.Generator,
        generator: torch.Generator | None,
    ) -> Iterator[Progress | Image.Image]:
        """How far it is, then the picture of all `sprites` in their boxes: the one with the fewest misses."""
        pool = Pool(sprites, rng)
        chosen = pool.choose(layout)
        pasted = self._assembled(layout, background, sprites, chosen)
        for _ in range(_LOOKS if self.inspector else 0):
            missed = self._missed(pasted.resize((layout.width, layout.height), Image.Resampling.BOX), layout)
            if not missed:
                break
            chosen = pool.choose(layout, chosen, missed)
            pasted = self._assembled(layout, background, sprites, chosen)
        picture, missed = background, tuple(range(len(layout.instances)))
        rounds = 1 + (_REPAIRS if self.inspector else 0)
        for number in range(rounds):
            if number:
                chosen = pool.choose(layout, chosen, missed)
                pasted = self._assembled(layout, background, sprites, chosen)
            latest = picture
            for event in self._harmonised(layout, pasted, generator, missed if number else ()):
                if isinstance(event, Image.Image):
                    latest = event
                else:
                    yield Progress((number + event) / rounds, picture)
            if number:
                latest = with_parts(picture, latest, [layout.instances[k].box for k in missed])
            still = self._missed(latest, layout)
            if not number or len(still) < len(missed):
                picture, missed = latest, still
            if not missed:
                break
        yield picture

    def _missed(self, picture: Image.Image, layout: Layout) -> tuple[int, ...]:
        return () if self.inspector is None else self.inspector.missed(picture, layout)

    def _background(self, layout: Layout, generator: torch.Generator | None) -> Iterator[float | Image.Image]:
        """How much is done, then the canvas without objects, painted as coarse as they are and enlarged."""
        coarse = 0
        if layout.instances:
            side = median_side(layout)
            coarse = layer_of(Box(0, 0, side, side), self.at_once)
        scale, prompt = 2**coarse, background_prompt(layout.prompt, layout.labels)
        size = max(1, layout.width // scale), max(1, layout.height // scale)
        canvas = Layout(*size, (), prompt, layout.negative_prompt)
        for event in self.painter.paint([canvas], generator):
            if isinstance(event, float):
                yield event
            else:
                (image,) = event
                yield image.resize((layout.width, layout.height), Image.Resampling.BICUBIC)

    def _assembled(
        self, layout: Layout, background: Image.Image, sprites: Sequence[Sprite], chosen: Sequence[Pasted]
    ) -> Image.Image:
        """Sprites on the background, at the size at which they are harmonised."""
        zoom = self._zoom(layout)
        size = layout.width * zoom, layout.height * zoom
        picture = background.resize(size, Image.Resampling.BICUBIC)
        in_front = sorted(chosen, key=lambda pasted: pasted.box.y1)  # the last hides what is behind it
        for one in in_front:
            paste(picture, sprites[one.sprite], one.box.scale(zoom, zoom), one.look)
        return picture

    def _harmonised(
        self,
        layout: Layout,
        pasted: Image.Image,
        generator: torch.Generator | None,
        again: Sequence[int] = (),
    ) -> Iterator[float | Image.Image]:
        """How much is done, then the picture on the canvas of `layout`.

        Args:
            pasted: sprites on the background, as :meth:`_assembled` makes it.
            again: the numbers of boxes, if only what is around those is to be harmonised.
        """
        zoom = self._zoom(layout)
        canvas = zoomed(layout, zoom)
        known, harmonised = self._drawn_at_once(canvas), pasted.copy()
        parts = self._around(canvas, [canvas.instances[k].box for k in again])
        for number, part in enumerate(parts):
            x, y, width, height = part
            cut = pasted.crop((x, y, x + width, y + height))
            for event in self.painter.refine(cut, known.crop(*part), _STRENGTH, generator):
                if isinstance(event, Image.Image):
                    harmonised.paste(event, (x, y))
                else:
                    yield (number + event) / len(parts)
        yield from reduced([harmonised], zoom)

    def _around(self, canvas: Layout, boxes: Sequence[Box]) -> list[tuple[int, int, int, int]]:
        """Parts of `canvas` (left, top, width, height), one around each of `boxes`; or all of it as one.

        All of it where there are no boxes, or their parts would be more work.
        """
        backbone = self.painter.method.backbone
        cell, beside = backbone.pixels_per_latent, backbone.pixels_per_latent * backbone.native_size / 8
        parts = []
        for box in boxes:
            left, top = (max(0, math.floor((edge - beside) / cell)) * cell for edge in (box.x0, box.y0))
            right, bottom = (math.ceil((edge + beside) / cell) * cell for edge in (box.x1, box.y1))
            parts.append((left, top, min(canvas.width, right) - left, min(canvas.height, bottom) - top))
        whole = canvas.width * canvas.height
        if not parts or sum(width * height for *_, width, height in parts) >= whole:
            return [(0, 0, canvas.width, canvas.height)]
        return parts

    def _drawn_at_once(self, canvas: Layout) -> Layout:
        """`canvas` without the boxes that the model draws on a coarser canvas first.

        At full size it knows none so large: it would draw dots along their edges.
        """
        largest = self.painter.settings.coarse_above or math.inf
        return canvas.with_instances(
            tuple(one for one in canvas.instances if layer_of(one.box, largest) == 0)
        )

    def _zoom(self, layout: Layout) -> int:
        """Twice the size, unless that is more than the model draws at once."""
        if self.painter.settings.zoom is not None:
            return self.painter.settings.zoom
        return 2 if 2 * median_side(layout) <= self.at_once else 1
