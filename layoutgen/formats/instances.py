"""The instances of a layout file: boxes placed by hand, and groups that are still to be arranged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from layoutgen.domain.arrange import How
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.domain.requests import Group
from layoutgen.domain.size_prior import Range
from layoutgen.errors import InvalidLayout
from layoutgen.formats.entries import Entries, Entry
from layoutgen.io.files import type_name

_PLACED = ("label", "xyxy", "xywh")
_GROUP = ("label", "count", "size", "aspect", "arrange")
_EXAMPLES = {"xyxy": "write [left, top, right, bottom]", "xywh": "write [left, top, width, height]"}


def read_instances(file: Entries, canvas: Layout, *, inside: bool) -> tuple[Layout, list[Group]]:
    """`canvas` with the instances that `file` places by hand, and its groups.

    Raises:
        InvalidFile: names the instance, the field and what to do; also for boxes outside, if `inside`.
    """
    fraction = file.choice(file.content, "", "units", ("pixels", "fraction")) == "fraction"
    scale = (float(canvas.width), float(canvas.height)) if fraction else (1.0, 1.0)
    placed: list[Instance] = []
    groups: list[Group] = []
    entries = file.content.get("instances", [])
    if not isinstance(entries, list):
        problem = f"must be a list, not {type_name(entries)}"
        raise file.error("instances", problem, "begin each instance with a dash")
    for index, entry in enumerate(entries):
        place = f"instances[{index}]"
        if _is_group(file, entry, place):
            groups.append(_group(file, entry, place, min(scale)))
        else:
            box = _box(file, entry, place).scale(*scale)
            if inside:
                _check_inside(file, place, box, canvas, fraction)
            placed.append(Instance(_label(file, entry, place), box))
    return canvas.with_instances(tuple(placed)), groups


def _is_group(file: Entries, entry: Any, place: str) -> bool:
    """Whether the instance is a group; refuses what is neither one nor the other."""
    given = set(entry) if isinstance(entry, Mapping) else set()
    if "count" in given and given & {"xyxy", "xywh"}:
        problem = "has a box and a count: is it one instance or a group?"
        raise file.error(place, problem, "remove the box or the count")
    if "count" not in given and given & {"size", "aspect", "arrange"}:
        raise file.error(place, "size, aspect and arrange are for groups", "add a count, or remove them")
    file.only(entry, place, _GROUP if "count" in given else (*_PLACED, "count"))
    return "count" in given


def _label(file: Entries, entry: Entry, place: str) -> str:
    return file.text(entry, place, "label")


def _group(file: Entries, entry: Entry, place: str, scale: float) -> Group:
    size = None
    if "size" in entry:
        remedy = "write the range of the longer side, such as size: [32, 48]"
        low, high = _range(file, entry, place, "size", remedy)
        size = low * scale, high * scale
    aspect = None
    if "aspect" in entry:
        remedy = "write the range of width / height, such as aspect: [0.6, 1.0]"
        aspect = _range(file, entry, place, "aspect", remedy)
    how = cast(How, file.choice(entry, place, "arrange", ("scatter", "grid")))
    count = file.whole(entry, place, "count", least=1)
    where = f"{file.path}, {file.where(place)}"
    return Group(_label(file, entry, place), count, size, aspect, how, where)


def _range(file: Entries, entry: Entry, place: str, key: str, remedy: str) -> Range:
    low, high = file.numbers(entry, place, key, 2, remedy)
    if not 0 < low <= high:
        raise file.error(f"{place}.{key}", "must be above 0, the smaller number first", remedy)
    return low, high


def _box(file: Entries, entry: Entry, place: str) -> Box:
    """The box, in the units of the file."""
    given = [key for key in _EXAMPLES if key in entry]
    if len(given) != 1:
        problem = "has both xyxy and xywh" if given else "has no box and no count"
        raise file.error(place, problem, "write one of them, such as xyxy: [40, 60, 180, 220]")
    key = given[0]
    x, y, right, bottom = file.numbers(entry, place, key, 4, _EXAMPLES[key])
    if key == "xywh":
        right, bottom = x + right, y + bottom
    try:
        return Box(x, y, right, bottom)
    except InvalidLayout as error:
        raise file.error(f"{place}.{key}", str(error), _EXAMPLES[key]) from None


def _check_inside(file: Entries, place: str, box: Box, canvas: Layout, fraction: bool) -> None:
    """Refuse a box outside the canvas, or one that was meant in the other unit."""
    if not fraction and max(box.xyxy) <= 1 < min(canvas.width, canvas.height):
        remedy = "for fractions of the canvas write units: fraction"
        raise file.error(place, "the box is smaller than a pixel", remedy)
    try:
        canvas.with_instances((Instance("box", box),)).check_inside()
    except InvalidLayout as error:
        problem, _, remedy = str(error).partition(": ")[2].partition("; ")
        remedy = "units is fraction: coordinates go from 0 to 1" if fraction else remedy
        raise file.error(place, problem, remedy) from None
