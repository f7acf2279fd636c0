"""What `layoutgen sample` is asked to paint: its words, and the layouts of the files among them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.io.files import STANDARD_INPUT

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import Defect
    from layoutgen.domain.requests import LayoutRequest, Quantity
    from layoutgen.formats.read_options import ReadOptions
    from layoutgen.model_info import ModelInfo


def read_requests(
    paths: list[Path], image_id: int | None, width: int | None, height: int | None, options: ReadOptions
) -> tuple[list[tuple[str, LayoutRequest]], tuple[list[Defect], list[Defect]]]:
    """The named layouts of the files, still to be arranged, and what is wrong in them; or an empty canvas."""
    from layoutgen.domain.layout import Layout
    from layoutgen.domain.requests import LayoutRequest
    from layoutgen.errors import InvalidOption
    from layoutgen.formats import read_layout_file

    if not paths:
        if image_id is not None:
            raise InvalidOption("--image-id goes with a COCO json")
        return [("sample", LayoutRequest(Layout(width or 512, height or 512)))], ([], [])
    if width is not None or height is not None:
        raise InvalidOption(f"--width and --height are for a canvas without a file: {paths[0]} has its own")
    named: list[tuple[str, LayoutRequest]] = []
    dropped: list[Defect] = []
    mended: list[Defect] = []
    for path in paths:
        file = read_layout_file(path, image_id=image_id, options=options)
        dropped += file.dropped
        mended += file.mended
        named += _named(path, file.requests)
    return _unlike(named), (dropped, mended)


def in_words_of(
    info: ModelInfo,
    requests: list[tuple[str, LayoutRequest]],
    quantities: list[Quantity],
    *,
    canvas: tuple[int | None, int | None] | None,
) -> tuple[list[tuple[str, LayoutRequest]], list[Quantity]]:
    """What is asked for in the labels of the model, and without a file on a canvas on which it looks good.

    Args:
        canvas: width and height as the user gave them, None what is to be chosen; None: files have theirs.
    """
    from layoutgen.domain.canvas import canvas_side
    from layoutgen.domain.layout import Layout
    from layoutgen.domain.requests import LayoutRequest, asked_for

    quantities = asked_for(quantities, info.labels)
    if canvas is not None:
        side = canvas_side(sum(count for count, _ in quantities), info.size_prior, info.window)
        width, height = (given or side for given in canvas)
        requests = [(name, LayoutRequest(Layout(width, height))) for name, _ in requests]
    return [(name, one.in_words_of(info.labels)) for name, one in requests], quantities


def _named(path: Path, requests: tuple[LayoutRequest, ...]) -> list[tuple[str, LayoutRequest]]:
    if path.suffix.lower() == ".png":  # its own seed comes last in its name
        return [(path.stem.rpartition("_")[0] or path.stem, requests[0])]
    stem = _stem(path)
    if len(requests) == 1:
        return [(stem, requests[0])]
    return [(f"{stem}_{index:04d}", one) for index, one in enumerate(requests, start=1)]


def _unlike(named: list[tuple[str, LayoutRequest]]) -> list[tuple[str, LayoutRequest]]:
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
    """What images of the layouts of `path` are called."""
    return "stdin" if path == STANDARD_INPUT else path.stem or path.resolve().stem


def output_name(paths: list[Path], quantities: list[Quantity]) -> str:
    """A folder name that says what was asked for."""
    asked = ["_".join([str(count), *label.split()]) for count, label in quantities]
    stems = [_stem(path) for path in paths[:3]]
    return "_".join(dict.fromkeys([*stems, *asked])) or "sample"
