"""Several pictures by sprites, one after the other, as they form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from PIL import Image

from layoutgen.denoising.sampler import Generators
from layoutgen.domain.layout import Layout
from layoutgen.sprites.painter import SpritePainter

_STEPS = 100  # of a picture, as they are told: what a step is differs from part to part


@dataclass(frozen=True, slots=True)
class Shown:
    """All pictures of a call as they are after step `step` of `steps`."""

    step: int
    steps: int
    images: list[Image.Image] = field(repr=False)
    finished: bool = False


def paint_all(painter: SpritePainter, layouts: Sequence[Layout], generator: Generators) -> Iterator[Shown]:
    """What there is of the pictures of `layouts`, again and again, at last all of them.

    Args:
        generator: one, or one for each picture.
    """
    images = [Image.new("RGB", (one.width, one.height), "gray") for one in layouts]
    for number, layout in enumerate(layouts):
        own = generator[number] if isinstance(generator, Sequence) else generator
        for event in painter.paint(layout, own):
            images[number] = event if isinstance(event, Image.Image) else event.picture
            share = 1.0 if isinstance(event, Image.Image) else event.share
            step = _STEPS * number + max(1, round(_STEPS * share))
            yield Shown(step, _STEPS * len(layouts), list(images))
    yield Shown(_STEPS * len(layouts), _STEPS * len(layouts), images, finished=True)
