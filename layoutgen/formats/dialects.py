"""Values as other tools write them: numbers and ids as text, 0/1/true, boxes and polygons in other shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Corners = tuple[float, float, float, float]
_LONGEST = 1_000_000  # pixels of a side: no image is larger, and no number of 400 digits is a size


def number(value: Any) -> float | None:
    """The finite number that `value` is or spells, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """The whole number that `value` is or spells (12, 12.0, "12"), else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def pixel_size(width: Any, height: Any) -> tuple[int, int] | None:
    """Width and height in pixels, if both are whole numbers that an image can have."""
    sides = whole(width), whole(height)
    if sides[0] is None or sides[1] is None or not all(0 < side <= _LONGEST for side in (sides[0], sides[1])):
        return None
    return sides[0], sides[1]


def identifier(value: Any) -> int | str | None:
    """An id to look up: 1, 1.0 and "1" are the same; other texts stand for themselves; None: no id."""
    found = whole(value)
    if found is not None:
        return found
    return value.strip() or None if isinstance(value, str) else None


def truth(value: Any) -> bool | None:
    """Whether `value` says yes: absent, null, 0, 0.0, false, "0", "false" or "no" is no; None if unclear."""
    if value is None or value == "":
        return False
    words = {"true": True, "yes": True, "false": False, "no": False, "none": False, "null": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    found = float(value) if isinstance(value, bool) else number(value)
    return bool(found) if found in (0.0, 1.0) else None


def box_corners(value: Any) -> Corners | None:
    """The corners of a box written as ``[x, y, width, height]`` or with names; None if it is none."""
    if isinstance(value, Mapping):
        return _named_corners({str(key).lower().replace("_", ""): part for key, part in value.items()})
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 4:
        return None
    parts = _numbers(value)
    if parts is None:
        return None
    x, y, width, height = parts
    return x, y, x + width, y + height


def _named_corners(value: Mapping[str, Any]) -> Corners | None:
    for names in (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height")):
        parts = _numbers(value.get(name) for name in names)
        if parts is not None:
            x, y, width, height = parts
            return x, y, x + width, y + height
    for names in (("xmin", "ymin", "xmax", "ymax"), ("x0", "y0", "x1", "y1"), ("x1", "y1", "x2", "y2")):
        parts = _numbers(value.get(name) for name in names)
        if parts is not None:
            return (parts[0], parts[1], parts[2], parts[3])
    return None


def _numbers(values: Iterable[Any]) -> list[float] | None:
    found = [number(value) for value in values]
    return None if any(value is None for value in found) else [value for value in found if value is not None]


def polygons(value: Any) -> list[list[float]] | None:
    """The polygons ``[[x, y, x, y, ...]]`` that `value` is in one of the usual shapes; None if it is none.

    A flat list is one polygon; points may be pairs or objects. Polygons of fewer than three corners are
    left out.
    """
    if not isinstance(value, list) or not value:
        return None
    one = _polygon(value)
    found = [one] if one is not None else [_polygon(part) for part in value]
    if any(polygon is None for polygon in found):
        return None
    whole_ones = [polygon for polygon in found if polygon is not None and len(polygon) >= 6]
    return whole_ones or None


def _polygon(value: Any) -> list[float] | None:
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(point, Mapping) for point in value):
        value = [[point.get("x"), point.get("y")] for point in value]
    if all(isinstance(point, list) and len(point) == 2 for point in value):
        value = [coordinate for point in value for coordinate in point]
    parts = _numbers(value)
    return parts if parts is not None and len(parts) % 2 == 0 else None


def polygons_corners(found: Iterable[Sequence[float]]) -> Corners:
    """The corners of the box around polygons, of which there is one at least."""
    xs: list[float] = []
    ys: list[float] = []
    for polygon in found:
        xs += polygon[0::2]
        ys += polygon[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def run_lengths(value: Any) -> dict[str, Any] | None:
    """The run lengths ``{size: [height, width], counts}`` that `value` is, in whole numbers; else None."""
    if not isinstance(value, Mapping):
        return None
    size, counts = value.get("size"), value.get("counts")
    if not isinstance(size, list) or len(size) != 2:
        return None
    sides = [whole(side) for side in size]
    if isinstance(counts, bytes):
        counts = counts.decode("ascii", "replace")
    if isinstance(counts, list):
        runs = [whole(run) for run in counts]
        counts = None if any(run is None or run < 0 for run in runs) else runs
    if None in sides or not isinstance(counts, str | list) or not counts:
        return None
    return {"size": sides, "counts": counts}
