"""The object of a picture that shows it alone, cut out by its colour, and by attention to its label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from layoutgen.domain.layout import Box

Mask = npt.NDArray[np.bool_]
_Values = npt.NDArray[np.float64]

_GROUND = 0.985  # share of the ground that is told from the object
_CLEARLY = 2.0  # so many times as unlike the ground as that share of it
_BLUR = 0.6  # pixels: single pixels say little
_FILLED = (0.25, 0.995)  # share of its own box that an object covers
_LARGE = 0.3  # an object is at least so large, as a share of the area of the box that it was asked for in
_AT_BORDER = 1  # pixels from it
_TELLS = (
    1.25  # times as much attention in the box as around it: less, and it says nothing of where things are
)
_TRUST = 4.0  # times as like the ground may a pixel be where all attention is, and so much less where none is
_PIECES = 0.8  # share of what differs that is the largest piece: less, and it falls apart


@dataclass(frozen=True)
class Sprite:
    """An object without its ground: `pixels` (H, W, 4) RGB and opacity, cut to the object's own box."""

    label: str
    pixels: npt.NDArray[np.uint8]

    @property
    def aspect(self) -> float:
        """Width / height."""
        return float(self.pixels.shape[1] / self.pixels.shape[0])


def cut_out(
    label: str,
    picture: Image.Image,
    background: Image.Image,
    box: Box,
    attention: _Values | None = None,
) -> tuple[Sprite, Box] | None:
    """The object that `picture` shows about in `box`, and its own box; None where there is none to cut out.

    Refused is what touches the border, falls apart, or is much smaller than was asked for.

    Args:
        background: what the picture was held to at first, of its size.
        attention: (H, W) that its pixels gave to the label; None: not known.
    """
    mask, whole = object_mask(np.asarray(picture), np.asarray(background), box, attention)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    own = Box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    share = mask.sum() / own.area
    height, width = mask.shape
    cut = min(own.x0, own.y0, width - own.x1, height - own.y1) <= _AT_BORDER
    if cut or not _FILLED[0] <= share <= _FILLED[1] or own.area < _LARGE * box.area or whole < _PIECES:
        return None
    opacity = ndimage.gaussian_filter(mask.astype(float), _BLUR)
    opacity = np.where(mask, np.maximum(opacity, 0.5) * 2 - 1, 0).clip(0, 1) ** 0.5
    inside = slice(int(own.y0), int(own.y1)), slice(int(own.x0), int(own.x1))
    alpha = (opacity[inside] * 255).round().astype(np.uint8)
    return Sprite(label, np.dstack([np.asarray(picture)[inside], alpha])), own


def object_mask(
    picture: npt.NDArray[np.uint8],
    background: npt.NDArray[np.uint8],
    box: Box,
    attention: _Values | None = None,
) -> tuple[Mask, float]:
    """The pixels (H, W) that are no ground, in one piece, and the share of that piece in all that is none.

    Ground is what looks like the pixels around `box`: in colour, and in how it differs from `background`.
    How much it has to look like them depends on `attention` (H, W), where that tells the box from them.
    """
    height, width = picture.shape[:2]
    margin = 0.08 * max(box.width, box.height)
    y, x = np.mgrid[:height, :width] + 0.5
    beside = np.maximum.reduce([box.x0 - x, x - box.x1, box.y0 - y, y - box.y1])  # pixels from the box
    colors = ndimage.gaussian_filter(picture.astype(float), (_BLUR, _BLUR, 0))
    moved = colors - ndimage.gaussian_filter(background.astype(float), (_BLUR, _BLUR, 0))
    distance = _unlike(colors, beside > margin) + _unlike(moved, beside > margin)
    threshold = _CLEARLY * np.quantile(distance[beside > margin], _GROUND)
    if attention is not None:
        threshold = threshold * _TRUST ** (1 - 2 * _shown(attention, beside))
    unlike = (distance > threshold) & (beside <= margin)
    unlike = ndimage.binary_opening(unlike, iterations=1)
    pieces, count = ndimage.label(ndimage.binary_closing(unlike, iterations=1))
    if not count:
        return np.zeros((height, width), bool), 0.0
    sizes = ndimage.sum_labels(np.ones_like(pieces), pieces, range(1, count + 1))
    largest = int(np.argmax(sizes)) + 1
    return ndimage.binary_fill_holes(pieces == largest), float(sizes.max() / sizes.sum())


def _shown(attention: _Values, beside: _Values) -> _Values:
    """Where the label is, by the attention (H, W) to it: 0, as around the box, to 1; 0.5 where nobody knows.

    Args:
        beside: (H, W) pixels from the box.
    """
    inside, around = attention[beside <= 0], attention[beside > 0]
    if inside.mean() < _TELLS * around.mean():
        return np.full_like(attention, 0.5)
    low, high = np.median(around), np.quantile(inside, 0.95)
    return np.asarray((attention - low) / max(high - low, 1e-9)).clip(0, 1)


def _unlike(values: _Values, ground: Mask) -> _Values:
    """How unlike the `ground` pixels of `values` (H, W, 3) are: squared Mahalanobis distances (H, W)."""
    known = values[ground]
    spread = np.cov(known, rowvar=False) + np.eye(values.shape[2]) * 9.0
    off = values - known.mean(axis=0)
    distances: _Values = np.einsum("hwi,ij,hwj->hw", off, np.linalg.inv(spread), off)
    return distances


def whole_box(label: str, picture: Image.Image, box: Box) -> Sprite:
    """All that `picture` shows in `box`, round off its corners: for an object that cannot be cut out."""
    x0, y0, x1, y1 = (round(edge) for edge in box.xyxy)
    pixels = np.asarray(picture)[y0:y1, x0:x1]
    y, x = np.mgrid[-1 : 1 : pixels.shape[0] * 1j, -1 : 1 : pixels.shape[1] * 1j]
    alpha = ((1 - (x**4 + y**4)) * 4).clip(0, 1)
    return Sprite(label, np.dstack([pixels, (alpha * 255).astype(np.uint8)]))
