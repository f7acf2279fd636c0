"""Scenes composed of real animals that no training saw: what the detector finds in them is the ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hundred.layouts import LABELS, Cell
from layoutgen.data.scene_sources import find_source, read_all_backgrounds, read_cutouts
from layoutgen.data.scenes import SceneComposer, SceneConfig
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidFile

_LARGEST = 160  # pixels: of the longer sides of all cells
_MASK_SCORE = 0.88
_CELLS = 10_000  # more than objects in one: every seed and number has its own ground


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Composes the layout of each cell of real animals: one in each box, of a shape like it.

    Boxes are where pixels of an animal are, within a pixel or two of those asked for: a scene is scored by
    its own annotations.
    """

    composer: SceneComposer

    @staticmethod
    def of(data: Path) -> Ceiling:
        """The animals and grounds of held-out photos.

        Args:
            data: a folder with ``pets/`` and ``coco/``, each with ``instances_heldout.json`` and its photos;
                the first has masks.

        Raises:
            InvalidFile: they are not there.
        """
        masks, photos = (data / name / "instances_heldout.json" for name in ("pets", "coco"))
        for file in (masks, photos):
            if not file.is_file():
                raise InvalidFile(file, "there is no such file", remedy="name a folder with pets/ and coco/")
        source = find_source(masks, _MASK_SCORE)
        cutouts = read_cutouts(source, labels=LABELS["several"], max_side=_LARGEST)
        grounds = read_all_backgrounds([source, find_source(photos)])
        return Ceiling(SceneComposer(list(cutouts), grounds, SceneConfig()))

    def compose(self, asked: Mapping[Cell, Layout], folder: Path) -> dict[Cell, Layout]:
        """Write the scene of each cell `asked` for to `folder`; what is in them."""
        folder.mkdir(parents=True, exist_ok=True)
        layouts = {}
        for cell, layout in asked.items():
            scene = self.composer.fill(layout, _CELLS * cell.seed + cell.count)
            scene.image.save(folder / f"{cell.name}.png")
            layouts[cell] = scene.layout
        return layouts
