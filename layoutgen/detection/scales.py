"""At which sizes an image is searched: a detector sees objects of the sizes that it has learnt."""

from __future__ import annotations

import math
from collections.abc import Iterable

from layoutgen.domain.layout import Box
from layoutgen.domain.size_prior import Range


def scales_for(boxes: Iterable[Box], sizes: Range | None) -> tuple[float, ...]:
    """The powers of two by which an image is scaled so that each of `boxes` is seen; (1.0,) without boxes.

    Args:
        boxes: what is looked for, in pixels of the image.
        sizes: longer sides, in pixels, that a detector has learnt; None: any.
    """
    found = {1.0} if sizes is None else {_scale(box, sizes) for box in boxes}
    return tuple(sorted(found or {1.0}, reverse=True))


def _scale(box: Box, sizes: Range) -> float:
    longer = max(box.width, box.height)
    if longer < sizes[0]:
        return float(2 ** math.ceil(math.log2(sizes[0] / longer)))
    if longer > sizes[1]:
        return float(2.0 ** -math.ceil(math.log2(longer / sizes[1])))
    return 1.0
