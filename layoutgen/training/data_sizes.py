"""The boxes that a run is trained on: their sizes and shapes, and which of them the model cannot draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layoutgen.data.dataset import LayoutDataset
from layoutgen.domain.layout import Box
from layoutgen.domain.size_prior import SizePrior

_EXAMPLES = 64
_RARE = 5.0  # per cent of the boxes at each end that a model sees too seldom to draw them well


@dataclass(frozen=True, slots=True)
class BoxesOfData:
    """The boxes that the first training images show whole, in their pixels.

    Attributes:
        sides: their longer sides.
        aspects: their width / height.
    """

    sides: tuple[float, ...]
    aspects: tuple[float, ...]

    @staticmethod
    def of(dataset: LayoutDataset) -> BoxesOfData:
        """Those of `dataset`."""
        fixed = dataset.sources[0].path is not None
        count = min(_EXAMPLES, len(dataset.sources)) if fixed else _EXAMPLES
        layouts = [dataset[k].layout for k in range(count)]
        boxes = [
            one.box
            for layout in layouts
            for one in layout.instances
            if _inside(one.box, layout.width, layout.height)
        ]
        sides = tuple(max(box.width, box.height) for box in boxes)
        return BoxesOfData(sides, tuple(box.width / box.height for box in boxes))

    def prior(self) -> SizePrior | None:
        """What a model learns to draw from them; None: there is none."""
        if not self.sides:
            return None
        smallest, largest = np.percentile(self.sides, (_RARE, 100 - _RARE)).round()
        low, high = np.percentile(self.aspects, (_RARE, 100 - _RARE)).round(2)
        return SizePrior(float(max(1.0, smallest)), float(max(1.0, largest)), (float(low), float(high)))

    def warnings(self, drawn: SizePrior, resolution: int) -> list[str]:
        """In words, what of them a model that draws boxes as `drawn` cannot learn."""
        if not self.sides:
            return ["the first training images show no whole box: take smaller objects, or larger crops"]
        sides = np.array(self.sides)
        kinds = (
            ("small", sides < drawn.smallest, f"below the {drawn.smallest:g} px", "larger"),
            ("large", sides > drawn.largest, f"above the {drawn.largest:g} px", "smaller"),
        )
        return [
            f"{found.mean():.0%} of the boxes are too {size}: {beyond} that the model draws, at a "
            f"resolution of {resolution}; take scenes or photos in which objects are {better}"
            for size, found, beyond, better in kinds
            if found.mean() >= _RARE / 100
        ]


def _inside(box: Box, width: int, height: int) -> bool:
    return box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
