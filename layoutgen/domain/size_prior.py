"""Which boxes a model draws well: boxes that nobody placed by hand are chosen to be such."""

from __future__ import annotations

import math
from dataclasses import dataclass

Range = tuple[float, float]


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


ANY_SIZE = SizePrior()
"""Of a model of which nothing else is known."""
