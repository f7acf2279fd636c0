"""COCO segmentations (polygons, RLE, compressed RLE) as masks, through pycocotools."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from layoutgen.formats.entries import is_number


def decode_segmentation(segmentation: Any, height: int, width: int) -> npt.NDArray[np.bool_]:
    """The mask that `segmentation` describes in an image of `height` x `width` pixels, ``(H, W)`` bool.

    Raises:
        ValueError: it is none, or does not fit the image.
    """
    from pycocotools import mask  # here, since reading boxes should not need to load it

    if isinstance(segmentation, list):
        encoded = mask.merge(mask.frPyObjects(_polygons(segmentation), height, width))
    elif isinstance(segmentation, dict):
        encoded = _run_lengths(segmentation, height, width)
        if isinstance(encoded["counts"], list):
            encoded = mask.frPyObjects(encoded, height, width)
    else:
        raise ValueError("there is no segmentation")
    with warnings.catch_warnings():
        # pycocotools 2.0 hands NumPy 2 an array in the old way.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        return np.asarray(mask.decode(encoded), dtype=bool)


def _polygons(segmentation: list[Any]) -> list[list[float]]:
    """The polygons that have an area; a list of four numbers would be taken for a box by pycocotools."""
    for polygon in segmentation:
        if not isinstance(polygon, list) or len(polygon) % 2 or not all(is_number(v) for v in polygon):
            raise ValueError("segmentation must be lists [x, y, x, y, ...] of numbers")
    polygons = [polygon for polygon in segmentation if len(polygon) >= 6]
    if not polygons:
        raise ValueError("segmentation has no polygon of three corners")
    return polygons


def _run_lengths(segmentation: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        raise ValueError(f"segmentation size is {size}, the image's [{height}, {width}]")
    if isinstance(counts, list):
        if not all(isinstance(run, int) and run >= 0 for run in counts) or sum(counts) != height * width:
            raise ValueError(f"segmentation counts must be whole numbers that add up to {height * width}")
    elif not isinstance(counts, str):
        raise ValueError("segmentation counts must be a list or a text")
    return {"size": size, "counts": counts}
