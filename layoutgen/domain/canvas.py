"""The canvas on which so many objects look good: not lost on it, not too small, with air around them."""

from __future__ import annotations

import math

from layoutgen.domain.size_prior import SizePrior

_PITCH = 1.35  # distance between objects, in their longer sides, at which a picture is neither empty nor full
_STEP = 64  # sides are multiples of it
_MOST = 512  # pixels: side up to which objects may be as large as the model draws them; more takes long


def canvas_side(count: int, size_prior: SizePrior, window: int) -> int:
    """Side, in pixels, of the square canvas for `count` objects that nobody has placed.

    Few objects get as much as they need at the largest size that the model draws, but at least its own
    `window`; many share a canvas of 512 px, and beyond that it grows with them, so that they keep a size
    between the smallest and the largest. Of a model that draws any size it is the window, until that is full.
    """
    smallest, largest = size_prior.smallest, size_prior.largest
    if math.isinf(largest):
        return max(window, _multiple(2 * smallest * math.sqrt(count)))
    needed = _PITCH * largest * math.sqrt(count)
    crowded = math.sqrt(smallest * largest) * math.sqrt(count)
    return max(window, _multiple(min(needed, _MOST)), _multiple(crowded))


def _multiple(side: float) -> int:
    return max(1, round(side / _STEP)) * _STEP
