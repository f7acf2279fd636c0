"""Sprites into boxes: which one goes where, how it is varied, and how it is put on the ground."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.sprites.cutout import Sprite

_MOST_STRETCH = 1.25  # how much the aspect of a sprite may change
_ALIKE = 1.12  # aspects that differ by less are as good as each other: the sprite used least is taken
_BESIDE = 2  # pixels around a box that are its own
_GAIN, _TINT = 0.12, 0.05  # how much brighter, and how much redder or bluer, one that is used again may be


@dataclass(frozen=True, slots=True)
class Look:
    """How a sprite is varied: mirrored, and the factors of its three colours."""

    mirrored: bool = False
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Pasted:
    """Sprite number `sprite` in `box`."""

    sprite: int
    box: Box
    look: Look


class Pool:
    """Sprites to choose from: those of a box's label and aspect, the one that was used least first.

    The first use of a sprite is as it was painted; others are mirrored, brighter, redder.
    """

    def __init__(self, sprites: Sequence[Sprite], rng: np.random.Generator) -> None:
        self._sprites, self._rng = sprites, rng
        self._used: Counter[int] = Counter()
        self._tried: defaultdict[int, set[int]] = defaultdict(set)

    def choose(
        self, layout: Layout, before: Sequence[Pasted] = (), again: Sequence[int] = ()
    ) -> list[Pasted]:
        """A sprite for each box of `layout`.

        Args:
            before: what was chosen before, if anything was.
            again: the numbers of boxes for which that did not do; all others keep theirs.
        """
        for number in again:
            self._tried[number].add(before[number].sprite)
        numbers = again if before else range(len(layout.instances))
        chosen = dict(enumerate(before))
        for number in self._rng.permutation(numbers).tolist():
            chosen[number] = self._one(layout.instances[number], self._tried[number])
        return [chosen[number] for number in range(len(layout.instances))]

    def _one(self, instance: Instance, tried: set[int]) -> Pasted:
        fitting = [k for k, one in enumerate(self._sprites) if one.label == instance.label]
        fitting = [k for k in fitting if k not in tried] or fitting
        stretch = {k: _stretch(self._sprites[k], instance.box) for k in fitting}
        least = min(stretch.values())
        alike = [k for k in fitting if stretch[k] <= max(least * _ALIKE, math.sqrt(_MOST_STRETCH))]
        best = min(alike, key=lambda k: (self._used[k], stretch[k]))
        look = _varied(self._rng) if self._used[best] else Look()
        self._used[best] += 1
        return Pasted(best, instance.box, look)


def paste(canvas: Image.Image, sprite: Sprite, box: Box, look: Look) -> None:
    """Put `sprite` on `canvas`, in place, so that it fills `box`, as far as its aspect allows.

    What is too narrow stands in the middle of the box, what is too low at its foot.
    """
    place = _fitted(sprite, box)
    x0, y0 = round(place.x0), round(place.y0)
    size = max(1, round(place.x1) - x0), max(1, round(place.y1) - y0)
    pixels = sprite.pixels[:, ::-1] if look.mirrored else sprite.pixels
    colors = (pixels[..., :3] * np.array(look.gains)).round().clip(0, 255).astype(np.uint8)
    image = _resized(np.dstack([colors, pixels[..., 3]]), size)
    canvas.paste(image.convert("RGB"), (x0, y0), image.getchannel("A"))


def with_parts(picture: Image.Image, other: Image.Image, boxes: Iterable[Box]) -> Image.Image:
    """`picture` with what `other` shows in `boxes`, and a little around them, where it fades out."""
    mask = Image.new("L", picture.size)
    for box in boxes:
        x0, y0, x1, y1 = (round(edge) for edge in box.xyxy)
        mask.paste(255, (x0 - _BESIDE, y0 - _BESIDE, x1 + _BESIDE, y1 + _BESIDE))
    fading = mask.filter(ImageFilter.GaussianBlur(_BESIDE / 2))
    return Image.composite(other, picture, fading)


def _resized(pixels: npt.NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """RGBA `pixels` at `size`; PIL weighs colours by their opacity, so that no ground comes with them."""
    return Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _fitted(sprite: Sprite, box: Box) -> Box:
    """The part of `box` that `sprite` fills, its aspect changed by a quarter at most."""
    wanted = box.width / box.height
    aspect = min(max(wanted, sprite.aspect / _MOST_STRETCH), sprite.aspect * _MOST_STRETCH)
    width, height = min(box.width, box.height * aspect), min(box.height, box.width / aspect)
    x0 = box.x0 + (box.width - width) / 2
    return Box(x0, box.y1 - height, x0 + width, box.y1)


def _stretch(sprite: Sprite, box: Box) -> float:
    """By what factor the aspect of `sprite` would change in `box`, 1 or more."""
    return math.exp(abs(math.log(sprite.aspect * box.height / box.width)))


def _varied(rng: np.random.Generator) -> Look:
    gain, (red, blue) = rng.uniform(1 - _GAIN, 1 + _GAIN), rng.uniform(1 - _TINT, 1 + _TINT, 2)
    return Look(bool(rng.random() < 0.5), (gain * red, gain, gain * blue))
