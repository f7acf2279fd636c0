"""What a detector sees in a folder of images of any tool, and what that is worth; kept image by image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.hundred.layouts import LABELS, Cell
from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Detection
from layoutgen.domain.layout import Box, Layout
from layoutgen.errors import InvalidFile, InvalidOption, OutputExists
from layoutgen.evaluation.benchmark_protocols import Metrics
from layoutgen.evaluation.evaluator import Evaluator
from layoutgen.evaluation.scoring import Scores
from layoutgen.features.neighbours import nearest, thumbnails
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.io.files import read_json, write_json
from layoutgen.io.images import read_photo
from layoutgen.io.output_path import check_folder

_ALL_LABELS = tuple(sorted({label for labels in LABELS.values() for label in labels}))
_CATEGORIES = dict(enumerate(_ALL_LABELS, start=1))
_EQUAL = 2.0  # RMSE in grey levels of thumbnails of one image, saved twice
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True)
class Looked:
    """The image of a cell, its layout, and what is seen in it.

    Attributes:
        image: the file; None: there is none, and nothing is seen.
        small: its :func:`~layoutgen.features.neighbours.thumbnails` (3072,).
    """

    cell: Cell
    target: AnnotatedImage
    image: Path | None
    seen: tuple[Detection, ...]
    small: torch.Tensor | None


def look(evaluator: Evaluator, folder: Path, cells: Sequence[Cell], kept: Path) -> Iterator[Looked]:
    """Detect in the images in `folder`, of any tool, that are called as the `cells`; see :func:`look_at`.

    Raises:
        InvalidFile: there is no such folder, no image of any cell, two of one, or one that cannot be read.
        InvalidOption: `kept` can be no folder.
    """
    check_folder(kept)
    if not folder.is_dir():
        raise InvalidFile(folder, "there is no such folder", remedy="name the folder of the images")
    if cells and not [cell for cell in cells if find_image(folder, cell)]:  # all of them: two of one are told
        remedy = f"call them as the layouts, such as {cells[0].name}.png"
        raise InvalidFile(folder, "holds no image of any layout", remedy=remedy)
    return (look_at(evaluator, folder, cell, cell.layout(), kept) for cell in cells)


def look_at(evaluator: Evaluator, folder: Path, cell: Cell, layout: Layout, kept: Path) -> Looked:
    """Detect in the image of `cell` in `folder`; an image of another size is as if it were the layout's.

    Args:
        layout: what should be in it.
        kept: the folder of what was seen before: it counts where image, layout and detector are the same.

    Raises:
        InvalidFile: it cannot be read.
    """
    image = find_image(folder, cell)
    target = AnnotatedImage(1, f"{cell.name}.png" if image is None else image.name, layout)
    if image is None:
        return Looked(cell, target, None, (), None)
    seen = _seen(evaluator, target, image, kept / f"{cell.name}.json")
    return Looked(cell, target, image, seen, thumbnails([read_photo(image)])[0])


def find_image(folder: Path, cell: Cell) -> Path | None:
    """The image of `cell` in `folder`, of any usual format; None: there is none.

    Raises:
        InvalidFile: there are several: any choice could be wrong.
    """
    names = {f"{cell.name}{ending}" for suffix in _SUFFIXES for ending in (suffix, suffix.upper())}
    found = sorted({path.resolve(): path for name in names if (path := folder / name).is_file()}.values())
    if len(found) > 1:
        raise InvalidFile(found[0], f"there is {found[1].name}, too", remedy="keep one image of each layout")
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Score:
    """What a set of images is worth.

    Attributes:
        scores: one to one; an image that is missing shows nothing.
        missing: images that are not there.
        protocol: the figures of the published protocol that was asked for.
    """

    scores: Scores
    missing: int
    protocol: Metrics | None = None


def score(evaluator: Evaluator, looked: Sequence[Looked]) -> Score:
    """Score the images of some cells; all labels of the benchmark count, asked for or not.

    Raises:
        InvalidOption: there are no cells.
    """
    if not looked:
        raise InvalidOption("there are no images to score")
    targets = [replace(one.target, id=number) for number, one in enumerate(looked, start=1)]
    found = {number: one.seen for number, one in enumerate(looked, start=1)}
    protocol = evaluator.options.protocol
    return Score(
        evaluator.score(targets, _ALL_LABELS, found),
        sum(one.image is None for one in looked),
        None if protocol is None else protocol.metrics(targets, found),
    )


def repeated(looked: Sequence[Looked]) -> frozenset[Cell]:
    """The cells whose image is that of a cell before them again, whatever their layouts."""
    there = [(one.cell, one.small) for one in looked if one.small is not None]
    every = torch.stack([small for _, small in there]) if there else torch.zeros(0, 1)
    return frozenset(
        there[number][0]
        for number in range(1, len(every))
        if float(nearest(every[number : number + 1], every[:number])[0]) <= _EQUAL
    )


def _seen(evaluator: Evaluator, target: AnnotatedImage, image: Path, file: Path) -> tuple[Detection, ...]:
    """What is seen in `image`, now or before; it is kept in `file`.

    Raises:
        OutputExists: `file` holds something else, such as the layout.
    """
    options = evaluator.options
    how = {
        "image": hashlib.sha256(image.read_bytes()).hexdigest(),
        "layout": hashlib.sha256(repr(target.layout).encode()).hexdigest(),
        "detector": options.detector or "the one in the package",
        "protocol": None if options.protocol is None else options.protocol.name,
    }
    if file.is_file():
        content = read_json(file)
        if "detections" not in content:
            raise OutputExists(f"{file} does not hold what was seen in an image; choose another folder")
        if {key: content.get(key) for key in how} == how:
            return tuple(Detection(one[0], Box(*one[1:5]), one[5]) for one in content["detections"])
    source = AnnotatedSource(image, image.parent, AnnotatedImages((target,), _CATEGORIES))
    ((_, seen),) = evaluator.detect(source)
    write_json(file, how | {"detections": [[one.label, *one.box.xyxy, one.score] for one in seen]})
    return seen
