"""Scenes composed of real animals that no training saw: what the detector finds in them is the ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hundred.layouts import PLAIN, Cell
from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import SizePrior
from layoutgen.errors import InvalidFile
from tests.benchmarks.painter_scenes import Animals, Objects

_SIZE, _ASPECT = (40.0, 56.0), (0.6, 0.95)  # of scattered objects
_MASK_SCORE = 0.88


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Composes a scene for each cell of scattered dogs: as many, as large, on a canvas as large.

    They lie where the composer of `layoutgen prepare scenes` finds room, and fewer if no more fit: a scene is
    scored by its own annotations.

    Args:
        data: a folder with ``pets/`` and ``coco/``, each with ``instances_heldout.json`` and its photos; the
            first has masks.

    Raises:
        InvalidFile: they are not there.
    """

    animals: Animals

    @staticmethod
    def of(data: Path) -> Ceiling:
        """The animals and grounds of the held-out photos in `data`."""
        masks, photos = (data / name / "instances_heldout.json" for name in ("pets", "coco"))
        for file in (masks, photos):
            if not file.is_file():
                raise InvalidFile(file, "there is no such file", remedy="name a folder with pets/ and coco/")
        objects = Objects("dog", _SIZE, SizePrior(smallest=24, aspect=_ASPECT, grid=8))
        return Ceiling(Animals(objects, masks, photos, _MASK_SCORE))

    @staticmethod
    def has(cell: Cell) -> bool:
        """Whether there is a scene for `cell`."""
        return (cell.labels, cell.arrangement) == PLAIN

    def compose(self, asked: Mapping[Cell, Layout], folder: Path) -> dict[Cell, Layout]:
        """Write the scene of each cell `asked` for, if it has one, to `folder`; what is in them."""
        folder.mkdir(parents=True, exist_ok=True)
        layouts = {}
        for cell in filter(self.has, asked):
            ((_, scene),) = self.animals.scenes(cell.count, asked[cell].width, 1, first=cell.seed)
            scene.image.save(folder / f"{cell.name}.png")
            layouts[cell] = scene.layout
        return layouts
