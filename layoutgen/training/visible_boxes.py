"""Whether anything is to be seen in the boxes of a painted picture, whatever it is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from layoutgen.domain.layout import Layout

LARGE = 1.0
"""Effect size (Cohen's d) from which a box stands out.

Measured on scenes of 96 px: objects of photos 1.1 to 3.2, pizzas after 8,000 images 1.3 to 2.8; a new model
without training, all noise, 0.4 to 0.9 in nine of ten boxes.
"""
_LEAST = 16  # pixels that a mean is taken of

Pixels = npt.NDArray[np.float64]


def visible_share(pictures: Iterable[tuple[Image.Image, Layout]]) -> float | None:
    """The share of all boxes of the `pictures` that stand out; None: there is none to compare."""
    found = [effect >= LARGE for image, layout in pictures for effect in box_effects(image, layout)]
    return float(np.mean(found)) if found else None


def box_effects(image: Image.Image, layout: Layout) -> list[float]:
    """How far the mean colour in each box is from that around it, in standard deviations of both.

    The largest of the three channels. Around it is half a box further on each side, without what lies in any
    box; a box with nothing around it is left out. Noise differs from noise by chance alone.
    """
    pixels = np.asarray(image.convert("RGB"), dtype=np.float64)
    masks = [_mask(pixels, one.box.xyxy, 0.0) for one in layout.instances]
    covered = np.logical_or.reduce(masks) if masks else np.zeros(pixels.shape[:2], dtype=bool)
    effects = []
    for instance, inside in zip(layout.instances, masks, strict=True):
        around = _mask(pixels, instance.box.xyxy, 0.5) & ~covered
        if min(inside.sum(), around.sum()) >= _LEAST:
            effects.append(_effect(pixels[inside], pixels[around]))
    return effects


def _mask(pixels: Pixels, box: tuple[float, float, float, float], further: float) -> npt.NDArray[np.bool_]:
    """The pixels of `box`, which is enlarged by a part of its longer side: (H, W)."""
    more = further * max(box[2] - box[0], box[3] - box[1])
    x0, y0, x1, y1 = (max(0, round(v)) for v in (box[0] - more, box[1] - more, box[2] + more, box[3] + more))
    mask = np.zeros(pixels.shape[:2], dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def _effect(one: Pixels, other: Pixels) -> float:
    """Cohen's d of two sets of pixels (N, 3) and (M, 3), with the mean of both variances."""
    spread = np.sqrt((one.var(axis=0) + other.var(axis=0)) / 2) + 1e-3
    return float((np.abs(one.mean(axis=0) - other.mean(axis=0)) / spread).max())
