"""What `layoutgen sample` is asked to paint: its words, and the layouts of the files among them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.api.inputs import PathLike
from layoutgen.domain.canvas import canvas_side
from layoutgen.domain.layout import Layout
from layoutgen.domain.requests import LayoutRequest, Quantity, asked_for
from layoutgen.errors import InvalidOption, Problems
from layoutgen.formats import read_layout_file
from layoutgen.io.files import STANDARD_INPUT

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import Defect
    from layoutgen.formats.read_options import ReadOptions
    from layoutgen.model_info import ModelInfo

Named = tuple[str, LayoutRequest]


@dataclass(frozen=True, slots=True)
class Requests:
    """The layouts of files by name, still to be arranged, and what is wrong in the files."""

    requests: tuple[Named, ...]
    dropped: tuple[Defect, ...] = ()
    mended: tuple[Defect, ...] = ()


def listed(layouts: Layout | PathLike | Sequence[Layout | PathLike]) -> list[Layout | Path]:
    """`layouts`, of which there may be one alone, with paths as such."""
    if isinstance(layouts, (Layout, str, os.PathLike)):
        layouts = [layouts]
    return [one if isinstance(one, Layout) else Path(one) for one in layouts]


def as_quantities(number: Mapping[str, int] | Sequence[Quantity]) -> list[Quantity]:
    """How many of what: of a mapping from labels, or of pairs."""
    if isinstance(number, Mapping):
        return [(count, label) for label, count in number.items()]
    return list(number)


def read_requests(
    layouts: Sequence[Layout | Path],
    image_id: int | None,
    width: int | None,
    height: int | None,
    options: ReadOptions,
) -> Requests:
    """The named layouts, of files and others; or, without any, one on an empty canvas."""
    if not layouts:
        wrong = Problems()
        wrong.check(image_id is None, "`image_id` goes with a COCO json")
        for name, side in (("width", width), ("height", height)):
            wrong.check(side is None or side >= 1, f"`{name}` must be 1 pixel or more, not {side}")
        wrong.say()
        return Requests((("sample", LayoutRequest(Layout(width or 512, height or 512))),))
    if width is not None or height is not None:
        first = layouts[0] if isinstance(layouts[0], Path) else "a layout"
        raise InvalidOption(f"`width` and `height` are for a canvas without a file: {first} has its own")
    named: list[Named] = []
    dropped: list[Defect] = []
    mended: list[Defect] = []
    wrong = Problems()
    for one in layouts:
        if isinstance(one, Layout):
            named.append(("layout", LayoutRequest(one)))
            continue
        with wrong.noted():
            file = read_layout_file(one, image_id=image_id, options=options)
            dropped += file.dropped
            mended += file.mended
            named += _named(one, file.requests)
    wrong.say()
    return Requests(tuple(_unlike(named)), tuple(dropped), tuple(mended))


def in_words_of(
    info: ModelInfo,
    requests: Sequence[Named],
    quantities: Sequence[Quantity],
    *,
    canvas: tuple[int | None, int | None] | None,
) -> tuple[list[Named], list[Quantity]]:
    """What is asked for in the labels of the model, and without a file on a canvas on which it looks good.

    Args:
        canvas: width and height as the user gave them, None what is to be chosen; None: files have theirs.
    """
    quantities = asked_for(quantities, info.labels)
    if canvas is not None:
        side = canvas_side(sum(count for count, _ in quantities), info.size_prior, info.window)
        width, height = (given or side for given in canvas)
        requests = [(name, LayoutRequest(Layout(width, height))) for name, _ in requests]
    return [(name, one.in_words_of(info.labels)) for name, one in requests], quantities


def labels_of(requests: Sequence[Named], quantities: Sequence[Quantity]) -> set[str]:
    """All labels that are asked for."""
    labels = {label for _, label in quantities}
    for _, one in requests:
        labels.update(one.layout.labels, (group.label for group in one.groups))
    return labels


def _named(path: Path, requests: tuple[LayoutRequest, ...]) -> list[Named]:
    if path.suffix.lower() == ".png":  # its own seed comes last in its name
        return [(path.stem.rpartition("_")[0] or path.stem, requests[0])]
    stem = _stem(path)
    if len(requests) == 1:
        return [(stem, requests[0])]
    return [(f"{stem}_{index:04d}", one) for index, one in enumerate(requests, start=1)]


def _unlike(named: list[Named]) -> list[Named]:
    """The same layouts, those that share a name with an earlier one under a name of their own."""
    taken: set[str] = set()
    result = []
    for name, request in named:
        number, other = 1, name
        while other in taken:
            number += 1
            other = f"{name}-{number}"
        taken.add(other)
        result.append((other, request))
    return result


def _stem(path: Path) -> str:
    """What images of the layouts of `path` are called; never ``.`` or ``..``, which name another folder."""
    if path == STANDARD_INPUT:
        return "stdin"
    names = (path.stem, path.resolve().stem)
    return next((name for name in names if name.strip(".")), "layout")


def output_name(layouts: Sequence[Layout | Path], quantities: Sequence[Quantity]) -> str:
    """A folder name that says what was asked for."""
    asked = ["_".join([str(count), *label.split()]) for count, label in quantities]
    stems = ["layout" if isinstance(one, Layout) else _stem(one) for one in layouts[:3]]
    return "_".join(dict.fromkeys([*stems, *asked])) or "sample"
