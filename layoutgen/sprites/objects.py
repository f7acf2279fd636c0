"""Objects painted alone and large, and cut out; what cannot be cut out is painted once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from layoutgen.autoencoder import to_pixels
from layoutgen.conditioning.attention_maps import AttentionMap
from layoutgen.denoising.sampler import Surroundings
from layoutgen.denoising.zoom import median_side
from layoutgen.domain.layout import Box, Layout
from layoutgen.domain.prompts import object_prompt
from layoutgen.sprites.cutout import Sprite, cut_out, whole_box
from layoutgen.sprites.images import ImagePainter
from layoutgen.sprites.inspection import Inspector
from layoutgen.sprites.subjects import Subject, by_aspect, canvas_for, subjects_for

_ROUNDS = 2  # of painting objects
_KEPT_UNTIL = 0.25  # part of the steps in which the ground around an object is kept


@dataclass(frozen=True)
class _Cut:
    """What came of painting `subject`: its sprite, if it can be cut out, and its whole box."""

    subject: Subject
    sprite: Sprite | None
    whole: Sprite


@dataclass(frozen=True)
class ObjectPainter:
    """Paints the objects of a layout.

    Args:
        sizes: longer side, in pixels, of what is painted, at least and at most.
        grid: the sides of boxes are multiples of so many pixels.
        variety: how many different objects at most.
        inspector: refuses objects that are none; None: nobody looks.
    """

    painter: ImagePainter
    sizes: tuple[float, float]
    grid: int
    variety: int
    inspector: Inspector | None = None

    def paint(
        self,
        layout: Layout,
        background: Image.Image,
        rng: np.random.Generator,
        generator: torch.Generator | None,
    ) -> Iterator[float | list[Sprite]]:
        """How much is done, then sprites of all labels, as they are on `background`."""
        todo = subjects_for(layout, self.variety, self.sizes, self.grid)
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
                    sprites += [one.sprite for one in event if one.sprite is not None]
                    refused += [one.subject for one in event if one.sprite is None]
                    spare = {one.subject.label: one.whole for one in reversed(event)} | spare
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
    ) -> Iterator[float | list[_Cut]]:
        """How much is done, then what came of each of `subjects`, painted together."""
        backbone = self.painter.method.backbone
        width, height = canvas_for(subjects, 2 * max(self.grid, backbone.pixels_per_latent))
        prompts = [object_prompt(layout.prompt, layout.labels, one.label) for one in subjects]
        canvases = [
            one.alone(width, height, self.grid, prompt, layout.negative_prompt)
            for one, prompt in zip(subjects, prompts, strict=True)
        ]
        grounds = [_crop(background, width, height, rng) for _ in subjects]
        kept = torch.stack([to_pixels(ground) for ground in grounds]).to(backbone.device)
        attention, side = AttentionMap((height, width)), median_side(layout)
        for event in self.painter.paint(canvases, generator, Surroundings(kept, _KEPT_UNTIL), attention):
            if isinstance(event, float):
                yield event
                continue
            yield [
                self._cut(subject, picture, ground, canvas.instances[0].box, side, heard)
                for subject, canvas, picture, ground, heard in zip(
                    subjects, canvases, event, grounds, _arrays(attention, len(subjects)), strict=True
                )
            ]

    def _cut(
        self,
        subject: Subject,
        picture: Image.Image,
        ground: Image.Image,
        box: Box,
        side: float,
        attention: npt.NDArray[np.float64] | None,
    ) -> _Cut:
        whole = whole_box(subject.label, picture, box)
        found = cut_out(subject.label, picture, ground, box, attention)
        if found is None:
            return _Cut(subject, None, whole)
        sprite, own = found
        seen = self.inspector is None or self.inspector.accepts(picture, subject.label, own, side)
        return _Cut(subject, sprite if seen else None, whole)


def _arrays(attention: AttentionMap, count: int) -> Sequence[npt.NDArray[np.float64] | None]:
    """The `count` maps as arrays (H, W); None: the denoiser has no attention to words."""
    mean = attention.mean()
    return [None] * count if mean is None else list(mean.double().cpu().numpy())


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
