"""Annotations that a command line names, of any format: one or several, each with or without its images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.io.files import STANDARD_INPUT

if TYPE_CHECKING:
    from layoutgen.formats.annotated_source import AnnotatedSource
    from layoutgen.formats.read_options import ReadOptions

PathLike = str | os.PathLike[str]


def as_path(path: PathLike | None) -> Path | None:
    """`path` as such."""
    return None if path is None else Path(path)


def as_paths(paths: PathLike | Sequence[PathLike]) -> list[Path]:
    """`paths` as such, of which there may be one alone."""
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    return [Path(path) for path in paths]


def as_name(source: PathLike | None) -> str | None:
    """A file, a folder or a hub id as it is written."""
    return None if source is None else os.fspath(source)


def as_names(sources: PathLike | Sequence[PathLike] | None) -> tuple[str, ...]:
    """`sources` as they are written, of which there may be one alone."""
    if sources is None or isinstance(sources, (str, os.PathLike)):
        sources = [] if sources is None else [sources]
    return tuple(os.fspath(source) for source in sources)


def read_options(strict: bool, units: str, *, masks: bool = False, run_lengths: bool = True) -> ReadOptions:
    """How the options say that annotations are read; masks, where wanted, as run lengths or as they are.

    Raises:
        InvalidOption: unknown units.
    """
    from layoutgen.errors import InvalidOption
    from layoutgen.formats.read_options import ReadOptions

    if units not in ("pixels", "fraction"):
        raise InvalidOption(f"`units` must be pixels or fraction, not {units}")
    return ReadOptions(
        masks=masks, run_lengths=masks and run_lengths, strict=strict, fraction=units == "fraction"
    )


def read_inputs(paths: Sequence[Path], options: ReadOptions) -> AnnotatedSource:
    """All annotations that `paths` name, merged; whether the images are there is not looked at.

    Raises:
        InvalidFile: one of them is missing, broken, or of no known format.
    """
    from dataclasses import replace

    from layoutgen.formats.annotated_source import merged, read_annotated

    pairs = list(_pairs(paths))
    return merged([read_annotated(path, replace(options, images=images)) for images, path in pairs])


def beside(path: Path, ending: str) -> Path:
    """Where what is made of `path` goes when the user names no place: its name with `ending`, beside it.

    Beside the folder, if that is one of nothing but images: programs that read it would find strangers there.
    """
    if path == STANDARD_INPUT:
        return Path(f"stdin{ending}")
    whole = path.resolve()
    name = f"{whole.stem if whole.is_file() else whole.name}{ending}"
    if whole.parent.name == "images" and whole.is_file():
        return (path.parent.parent if path.parent.name == "images" else whole.parent.parent) / name
    return path.parent / name if path.name else whole.parent / name


def _pairs(paths: Sequence[Path]) -> Iterator[tuple[Path | None, Path]]:
    """Each path of annotations with the folder that stands before it, if that is not annotations itself."""
    waiting: Path | None = None
    swapped: set[Path] = set()  # folders of images that stand behind their annotations
    for index, path in enumerate(paths):
        following = paths[index + 1] if index + 1 < len(paths) else None
        if waiting is None and following is not None and _is_folder_of(path, following):
            waiting = path
        elif path in swapped:
            continue
        elif path.is_file() and following is not None and index + 2 == len(paths) and _is_bare(following):
            swapped.add(following)
            yield following, path
        else:
            yield waiting, path
            waiting = None


def _is_bare(path: Path) -> bool:
    """Whether `path` is a folder without annotations."""
    from layoutgen.formats.registry import recognised

    return path.is_dir() and recognised(path) is None


def _is_folder_of(path: Path, following: Path) -> bool:
    """Whether `path` is the folder of the images of `following`."""
    from layoutgen.formats.registry import recognised

    if path.is_file() or (not path.exists() and path.suffix):
        return False
    if following.is_file() or following.suffix:
        return True
    return path.is_dir() and recognised(path) is None
