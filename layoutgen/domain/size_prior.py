"""Which boxes a model draws well: boxes that nobody placed by hand are chosen to be such."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

Range = tuple[float, float]

LARGEST_ZOOM = 4
"""How many times as large a canvas is painted, at most, without being asked for: 16 times the work."""
_SMALLEST = 16.0  # pixels: an object of fewer cannot be told from another, however it was painted


@dataclass(frozen=True, slots=True)
class SizePrior:
    """The boxes that a model draws well.

    Attributes:
        smallest: longer side, in pixels, below which objects cannot be drawn.
        largest: longer side, in pixels, of the largest box that is chosen where no size is asked for.
        aspect: range of width / height where none is asked for.
        grid: edges are multiples of this many pixels.
    """

    smallest: float = 16.0
    largest: float = math.inf
    aspect: Range = (0.75, 1.33)
    grid: int = 1

    def at_size(self, side: float) -> SizePrior:
        """The boxes that the model draws well where it must draw some of `side` pixels.

        For those the canvas is painted larger and the picture reduced, and with it all that is measured here.
        """
        zoom = max(1, math.ceil(min(LARGEST_ZOOM, self.smallest / side) - 1e-9))
        smallest = max(self.smallest / zoom, min(self.smallest, _SMALLEST))
        return replace(self, smallest=smallest, largest=self.largest / zoom, grid=max(1, self.grid // zoom))


ANY_SIZE = SizePrior()
"""Of a model of which nothing else is known."""


def drawn_well(window: int, learnt: SizePrior | None) -> float:
    """Longer side, in pixels, from which an object has the detail that a model can give it.

    A model that has `learnt` layouts still draws the smallest, but barely; of any other it is the size of an
    object of which four fit along a side of the photos that it has seen, its `window`.
    """
    return window / 4 if learnt is None else 1.5 * learnt.smallest
