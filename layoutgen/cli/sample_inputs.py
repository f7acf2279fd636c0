"""What `layoutgen sample` is asked to paint: its words, and the layouts of the files among them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.io.files import STANDARD_INPUT

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import Defect
    from layoutgen.domain.requests import LayoutRequest, Quantity
    from layoutgen.formats.read_options import ReadOptions


def parse_words(words: list[str], numbers: list[int]) -> tuple[list[Path], list[Quantity]]:
    """The layout files among the words, and how many of what."""
    from layoutgen.errors import InvalidOption

    files = [word for word in words if _is_layout(word)]
    if files.count(str(STANDARD_INPUT)) > 1:
        raise InvalidOption("- stands for standard input, which can be read once only")
    labels = [word for word in words if word not in files]
    if len(numbers) == 1 and labels:
        labels = [" ".join(labels)]  # -n 3 teddy bears
    if len(labels) != len(numbers):
        if not numbers:
            raise InvalidOption(f"{labels[0]} is no layout file; to ask for objects write -n 100 dogs")
        raise InvalidOption(f"{len(numbers)} numbers but {len(labels)} labels: write each as in -n 100 dogs")
    if not files and not numbers:
        raise InvalidOption("name a layout file, or ask for objects, as in: layoutgen sample -n 100 dogs")
    return [Path(file) for file in files], list(zip(numbers, labels, strict=True))


def _is_layout(word: str) -> bool:
    """Whether a word names a layout file, or standard input, and no label."""
    path = Path(word)
    return path == STANDARD_INPUT or bool(path.suffix) or path.is_file() or _is_folder(word)


def _is_folder(word: str) -> bool:
    """Whether a word names a folder of annotations: one called `dogs` may well stand beside -n 100 dogs."""
    from layoutgen.formats.registry import recognised

    return Path(word).is_dir() and recognised(Path(word)) is not None


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
