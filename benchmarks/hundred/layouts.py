"""The layouts of the benchmark: a cell says what is asked for, and its layout follows from that alone."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from layoutgen.domain.arrange import How, arrange
from layoutgen.domain.labels import count_phrase
from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import SizePrior
from layoutgen.errors import DoesNotFit, OutputExists
from layoutgen.formats.coco import write_coco
from layoutgen.formats.coco_writing import ABOUT
from layoutgen.formats.layout_file import layout_to_dict
from layoutgen.io.output_path import check_folder

COUNTS = (1, 3, 10, 30, 100, 300, 1000)
LABELS: Mapping[str, tuple[str, ...]] = {"one": ("dog",), "several": ("cat", "dog")}
ARRANGEMENTS = ("scattered", "crowded", "rows", "mixed")
PLAIN = ("one", "scattered")
"""Labels and arrangement of the cells in which numbers of objects are compared."""
GROUNDS = ("green", "grey", "brown")
"""Of the prompts, by seed."""
_BOXES = SizePrior(smallest=24, largest=112, aspect=(0.6, 0.95), grid=8)
_STEP = 64  # pixels: sides of canvases are multiples of it
_SMALLEST_CANVAS = 192
Sizes = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Arrangement:
    """How objects lie: sizes (longer sides in pixels) of equal parts of them, the largest first.

    `covered` is the share of the canvas that boxes cover at most; None: as many as find room.
    """

    sizes: tuple[Sizes, ...]
    how: How = "scatter"
    covered: float | None = None
    canvas: int | None = None


_ARRANGED = {
    "scattered": _Arrangement(((40, 56),), covered=0.3),
    "crowded": _Arrangement(((42, 48),)),
    "rows": _Arrangement(((40, 48),), how="grid"),
    "mixed": _Arrangement(((72, 112), (40, 64), (24, 36)), covered=0.3),
    "large": _Arrangement(((64, 160),), canvas=512),  # of the protocols
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What is asked for: how many objects of which labels, how they lie, and the seed of the rest."""

    count: int
    labels: str = "one"
    arrangement: str = "scattered"
    seed: int = 0

    @property
    def name(self) -> str:
        """Of its files, such as ``0100_one_crowded_0``."""
        return f"{self.count:04d}_{self.labels}_{self.arrangement}_{self.seed}"

    def layout(self) -> Layout:
        """Its layout: no two boxes overlap, edges are multiples of 8 pixels, the canvas' of 64."""
        arrangement = _ARRANGED[self.arrangement]
        side = arrangement.canvas or self._least_side(arrangement)
        while True:
            try:
                return self._named(self._arranged(arrangement, side))
            except DoesNotFit:
                side += _STEP

    def _least_side(self, arrangement: _Arrangement) -> int:
        mean = sum(((low + high) / 2) ** 2 for low, high in arrangement.sizes) / len(arrangement.sizes)
        area = self.count * mean * sum(_BOXES.aspect) / 2 / (arrangement.covered or 1)
        return max(_SMALLEST_CANVAS, math.ceil(math.sqrt(area) / _STEP) * _STEP)

    def _arranged(self, arrangement: _Arrangement, side: int) -> Layout:
        layout, parts = Layout(side, side), len(arrangement.sizes)
        for number, size in enumerate(arrangement.sizes):
            some = self.count // parts + (number < self.count % parts)
            layout = arrange(
                layout, "dog", some, size=size, how=arrangement.how, size_prior=_BOXES, seed=self.seed
            )
        return layout

    def _named(self, layout: Layout) -> Layout:
        """With as many objects of each label, and a prompt that says how many."""
        labels = LABELS[self.labels]
        order = np.random.default_rng([self.seed, self.count]).permutation(self.count)
        instances = tuple(
            replace(one, label=labels[place % len(labels)])
            for one, place in zip(layout.instances, order, strict=True)
        )
        words = count_phrase(Counter(one.label for one in instances))
        prompt = f"{words} on {GROUNDS[self.seed % len(GROUNDS)]} ground"
        return replace(layout.with_instances(instances), prompt=prompt)


@dataclass(frozen=True, slots=True)
class Preset:
    """A set of cells, and the published protocol by which they are scored beside our own rules."""

    cells: Callable[[int], Sequence[Cell]]
    seeds: int
    protocol: str | None = None


def _quick(seeds: int) -> list[Cell]:
    cells = [Cell(count) for count in COUNTS]
    cells += [Cell(30, arrangement=one) for one in ARRANGEMENTS[1:]] + [Cell(30, "several")]
    return [replace(cell, seed=seed) for cell in cells for seed in range(seeds)]


def _full(seeds: int) -> list[Cell]:
    return [
        Cell(count, labels, arrangement, seed)
        for count in COUNTS
        for labels in LABELS
        for arrangement in ARRANGEMENTS
        for seed in range(seeds)
        if count > 1 or (labels, arrangement) == PLAIN
    ]


def _levels(first: int, last: int) -> Callable[[int], list[Cell]]:
    return lambda seeds: [
        Cell(count, "several", "large", seed) for count in range(first, last + 1) for seed in range(seeds)
    ]


PRESETS: Mapping[str, Preset] = {
    "quick": Preset(_quick, 1),
    "full": Preset(_full, 3),
    "coco-mig": Preset(_levels(2, 6), 4, "coco-mig"),
    "coco-position": Preset(_levels(2, 6), 4, "coco-position"),
}
"""By name. Those of protocols have 2 to 6 large objects on 512 x 512 pixels, as COCO-MIG's levels 2 to 6."""


def write_layouts(folder: Path, cells: Sequence[Cell]) -> dict[Cell, Layout]:
    """Write the layouts to `folder`, for any tool: one layout file each, and all as COCO; returns them.

    An image of a layout has its name: ``0100_one_crowded_0.png``. The same cells give the same bytes.

    Raises:
        InvalidOption: `folder` can be no folder.
        OutputExists: annotations are in it that layoutgen did not write.
    """
    check_folder(folder)
    annotations = folder / "annotations.coco.json"
    if annotations.exists() and ABOUT.encode() not in annotations.read_bytes():
        raise OutputExists(f"{annotations} was not written by layoutgen: choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    layouts = {cell: cell.layout() for cell in cells}
    for cell, layout in layouts.items():
        text = json.dumps(layout_to_dict(layout), indent=1) + "\n"
        (folder / f"{cell.name}.json").write_text(text, encoding="utf-8")
    images = [(f"{cell.name}.png", layout) for cell, layout in layouts.items()]
    write_coco(annotations, images)
    return layouts
