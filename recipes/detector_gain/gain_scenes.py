"""The images of the experiment: real scenes to learn from, painted ones like them, and what is tested on.

All are SIDE x SIDE pixels. Real scenes are composed of cut-outs of photos by `layoutgen prepare scenes`;
those of the test, and the mosaics of whole photos, are of photos that nothing was learnt from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import layoutgen
from layoutgen.data.scene_sources import find_source, read_backgrounds, read_cutouts
from layoutgen.data.scenes import SceneComposer, SceneConfig
from layoutgen.data.write_scenes import write_scenes
from layoutgen.domain.layout import Instance, Layout
from layoutgen.formats.annotated_source import AnnotatedSource, open_annotated
from layoutgen.formats.convert import convert
from layoutgen.formats.registry import format_named

SIDE = 192
LABELS = ("cat", "dog")
FIRST = 20
"""Real scenes whose layouts are painted: no training set is smaller, so that none learns of others."""
_CELLS = 2  # photos along a side of a mosaic
_MASK_SCORE = 0.86


@dataclass(frozen=True)
class Example:
    """An image, SIDE x SIDE (RGB), and what is in it."""

    image: Image.Image
    layout: Layout


def real_scenes(photos: Path, folder: Path, count: int, seed: int) -> list[Example]:
    """`count` scenes composed of the animals and the grounds of `photos`, a COCO json with masks."""
    if not folder.exists():
        source = find_source(photos, _MASK_SCORE)
        cutouts = list(read_cutouts(source, labels=LABELS, max_side=120))
        config = SceneConfig(SIDE, SIDE, (1, 6), (32, 96), overlap=0.2, seed=seed, even_labels=True)
        composer = SceneComposer(cutouts, list(read_backgrounds(source)), config)
        for _ in write_scenes(composer, count, folder):
            pass
    return list(_examples(open_annotated(folder)))[:count]


def painted_scenes(real: Path, folder: Path, count: int, *, check: bool, **options: Any) -> list[Example]:
    """`count` painted scenes like the first real ones in the folder `real`, by `layoutgen augment`.

    `options` are further ones of it: what paints, and how its layouts differ from the real ones.
    """
    if not folder.exists():
        first = folder.with_name(f"{real.name}_first_{FIRST}")
        if not first.exists():
            _write_first(real, first)
        layoutgen.augment(
            first,
            folder,
            count=count,
            painted_only=True,
            to="huggingface",
            check=check,
            rounds=1,
            missing="objects" if check else "keep",
            progress=True,
            **options,
        )
    return list(_examples(open_annotated(folder)))


def mosaics(photos: Path) -> list[Example]:
    """Photos of `photos`, four in an image, each cut to the square that shows its animal, and reduced."""
    source = open_annotated(photos)
    squares = list(_squares(source))
    each = _CELLS**2
    return [_mosaic(squares[at : at + each]) for at in range(0, len(squares) - each + 1, each)]


def _write_first(real: Path, folder: Path) -> None:
    """The first scenes of `real` as a data set of their own."""
    source = open_annotated(real)
    part = source.with_data(replace(source.data, images=source.data.images[:FIRST]))
    for _ in convert(part, folder, format_named("huggingface")):
        pass


def _examples(source: AnnotatedSource) -> Iterator[Example]:
    for image in source.images:
        yield Example(source.read_image(image), image.layout.clip())


def _squares(source: AnnotatedSource) -> Iterator[Example]:
    """Each photo of one animal, cut to a square that shows all of it, at the size of a cell of a mosaic."""
    cell = SIDE // _CELLS
    for image in source.images:
        if len(image.instances) != 1 or image.instances[0].label not in LABELS:
            continue
        one, photo = image.instances[0], source.read_image(image)
        side = min(photo.size)
        if max(one.box.width, one.box.height) > side:
            continue
        x, y = (
            int(np.clip((low + high - side) / 2, 0, whole - side))
            for low, high, whole in (
                (one.box.x0, one.box.x1, photo.width),
                (one.box.y0, one.box.y1, photo.height),
            )
        )
        layout = image.layout.crop(x, y, side, side).clip().resize(cell, cell)
        cut = photo.crop((x, y, x + side, y + side)).resize((cell, cell), Image.Resampling.LANCZOS)
        yield Example(cut, layout)


def _mosaic(squares: Sequence[Example]) -> Example:
    cell = SIDE // _CELLS
    canvas, instances = Image.new("RGB", (SIDE, SIDE)), []
    for number, one in enumerate(squares):
        x, y = number % _CELLS * cell, number // _CELLS * cell
        canvas.paste(one.image, (x, y))
        instances += [Instance(i.label, i.box.shift(x, y)) for i in one.layout.instances]
    return Example(canvas, Layout(SIDE, SIDE, tuple(instances)))
