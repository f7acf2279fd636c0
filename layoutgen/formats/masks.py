"""COCO segmentations (polygons, RLE, compressed RLE) as masks, through pycocotools."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from layoutgen.domain.layout import Box
from layoutgen.numerics import is_number

_MOST_PIXELS = 2**30  # of a mask; larger ones would take all memory
_FARTHEST = 20  # times the longer side that an outline may reach


def decode_segmentation(segmentation: Any, height: int, width: int) -> npt.NDArray[np.bool_]:
    """The mask that `segmentation` describes in an image of `height` x `width` pixels, ``(H, W)`` bool.

    Raises:
        ValueError: it is none, or does not fit the image.
    """
    return _decoded(_encoded(segmentation, height, width))


def _encoded(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    """`segmentation` as run lengths whose counts are compressed: bytes, or the text that it has already.

    Raises:
        ValueError: it is none, or does not fit the image.
    """
    from pycocotools import mask  # here, since reading boxes should not need to load it

    encoded: dict[str, Any]
    if isinstance(segmentation, list):
        encoded = mask.merge(mask.frPyObjects(_polygons(segmentation, height, width), height, width))
    elif isinstance(segmentation, Mapping):
        encoded = _run_lengths(segmentation, height, width)
        if isinstance(encoded["counts"], list):
            encoded = mask.frPyObjects(encoded, height, width)
    else:
        raise ValueError("there is no segmentation")
    return encoded


def _decoded(encoded: dict[str, Any]) -> npt.NDArray[np.bool_]:
    from pycocotools import mask

    with warnings.catch_warnings():
        # pycocotools 2.0 hands NumPy 2 an array in the old way.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        return np.asarray(mask.decode(encoded), dtype=bool)


def _polygons(segmentation: list[Any], height: int, width: int) -> list[list[float]]:
    """The polygons that have an area; a list of four numbers would be taken for a box by pycocotools."""
    for polygon in segmentation:
        if not isinstance(polygon, list) or len(polygon) % 2 or not all(is_number(v) for v in polygon):
            raise ValueError("segmentation must be lists [x, y, x, y, ...] of numbers")
    _check_size(height, width)
    polygons = [polygon for polygon in segmentation if len(polygon) >= 6]
    farthest = max((abs(value) for polygon in polygons for value in polygon), default=0)
    if farthest > _FARTHEST * max(height, width):
        # pycocotools walks along every edge: one to infinity takes all memory.
        raise ValueError("segmentation reaches far out of its image")
    if not polygons:
        raise ValueError("segmentation has no polygon of three corners")
    return polygons


def _check_size(height: int, width: int) -> None:
    if not 0 < height * width <= _MOST_PIXELS:
        raise ValueError(f"segmentation of {width} x {height} pixels is too large")


def _run_lengths(segmentation: Mapping[str, Any], height: int, width: int) -> dict[str, Any]:
    _check_size(height, width)
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        raise ValueError(f"segmentation size is {size}, the image's [{height}, {width}]")
    if isinstance(counts, list):
        if not all(isinstance(run, int) and run >= 0 for run in counts) or sum(counts) != height * width:
            raise ValueError(f"segmentation counts must be whole numbers that add up to {height * width}")
    elif not isinstance(counts, str):
        raise ValueError("segmentation counts must be a list or a text")
    elif _compressed_total(counts) != height * width:
        # pycocotools would leave the pixels that are missing as they happen to be in memory.
        raise ValueError(f"Invalid RLE: segmentation counts must add up to {height * width}")
    return {"size": size, "counts": counts}


def _compressed_total(text: str) -> int | None:
    """How many pixels the run lengths of COCO's compressed `text` cover; None if it is no such text.

    Six bits a letter, from "0": five of the number, lowest first, and one that says that more follow; from
    the fourth run on, numbers are differences to the last run but one (``rleFrString`` of pycocotools).
    """
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return sum(runs) if not shift and all(run >= 0 for run in runs) else None


def encode_mask(mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """The compressed run lengths ``{size: [height, width], counts}`` of `mask` (H, W)."""
    from pycocotools import mask as pycocotools_mask

    encoded = pycocotools_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode("ascii")}


def run_lengths_corners(runs: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """The corners of the box around a mask given as run lengths; None if it shows nothing or is broken."""
    try:
        mask = decode_segmentation(runs, *runs["size"])
    except (ValueError, TypeError, MemoryError):
        return None
    ys, xs = np.nonzero(mask)
    if not len(xs):
        return None
    return float(xs.min()), float(ys.min()), float(xs.max()) + 1, float(ys.max()) + 1


def encode_box(box: Box, width: int, height: int) -> dict[str, Any]:
    """The run lengths of all pixels that `box` covers in an image of `width` x `height` pixels."""
    x0, y0, x1, y1 = (round(value) for value in box.xyxy)
    pixels = np.zeros((height, width), dtype=bool)
    pixels[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return encode_mask(pixels)


def compressed(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    """`segmentation` as compressed run lengths, which take the least memory.

    Raises:
        ValueError: it is none, or does not fit the image.
    """
    encoded = _encoded(segmentation, height, width)
    if isinstance(encoded["counts"], str):
        return encoded
    return {"size": [height, width], "counts": encoded["counts"].decode("ascii")}


def resized(segmentation: Any, size: tuple[int, int], target: tuple[int, int]) -> dict[str, Any]:
    """`segmentation`, of an image of `size` (width, height), as run lengths in one of `target` size.

    Raises:
        ValueError: it does not fit the image.
    """
    if size == target:
        return compressed(segmentation, size[1], size[0])
    pixels = decode_segmentation(segmentation, size[1], size[0])
    picture = Image.fromarray(pixels.astype(np.uint8) * 255).resize(target, Image.Resampling.BILINEAR)
    return encode_mask(np.asarray(picture) > 127)
