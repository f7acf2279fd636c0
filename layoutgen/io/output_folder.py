"""Output folders: built aside and moved into place whole; an error or a kill leaves nothing half-written.

Every folder that layoutgen fills carries a list of the files written (``.layoutgen``), so that overwriting
replaces exactly those and never touches a file that somebody else put there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from layoutgen.errors import InvalidOption, OutputExists
from layoutgen.io.files import replacing

GRID = "grid.jpg"
"""Where several images of a layout are shown side by side."""
SAMPLES = ("images", "overlays", "annotations.json", GRID)
"""What every producer of samples writes into its output folder."""
_LIST = ".layoutgen"
_LOCK = ".lock"


def check_output(folder: Path, names: Sequence[str], *, overwrite: bool = False) -> None:
    """Refuse `folder` if results named `names` (its direct entries) are there already.

    Raises:
        OutputExists: earlier results without `overwrite`, or entries of these names that are not ours.
        InvalidOption: `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidOption(f"`output` {folder} is a file; name a folder")
    taken = [name for name in names if (folder / name).exists() or (folder / name).is_symlink()]
    if not taken:
        return
    ours = {Path(name).parts[0] for name in _written(folder)}
    foreign = [name for name in taken if name not in ours]
    if foreign:
        raise OutputExists(f"{folder / foreign[0]} was not written by layoutgen; choose another `output`")
    if not overwrite:
        raise OutputExists(f"{folder} already holds {taken[0]}; choose another `output` or pass `overwrite`")


@contextmanager
def output_folder(folder: Path, names: Sequence[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder to write the entries `names` into; they move to `folder` when the block succeeds.

    A `folder` that does not exist yet appears whole, by one rename. In one that exists, the entries that are
    files (the indices, such as ``metadata.jsonl``) leave first and arrive last: what they list is there.

    Raises:
        OutputExists: see :func:`check_output`.
        InvalidOption: `folder` cannot be written.
    """
    check_output(folder, names, overwrite=overwrite)
    aside = _aside(folder, uuid.uuid4().hex[:8])
    try:
        yield aside
        _arrive(aside, folder.resolve())
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def shared_folder(
    folder: Path, names: Sequence[str], key: str, *, overwrite: bool = False, leader: bool = True
) -> Iterator[Path]:
    """:func:`output_folder` for several processes, which survives: what is finished is there the next time.

    All who come with the same `key` get the same folder; every file in it must be written aside and renamed.
    It moves to `folder` when the block of the `leader`, who waits for the others in it, succeeds.

    Raises:
        OutputExists: see :func:`check_output`; it is the leader who says so.
        InvalidOption: `folder` cannot be written, or is being written with this `key` by someone else.
    """
    if leader:
        check_output(folder, names, overwrite=overwrite)
    aside = _aside(folder, key)
    if not leader:
        yield aside
        return
    with _locked(aside / _LOCK, folder):
        try:
            yield aside
            for name in [_LOCK, *_half_written(aside)]:
                (aside / name).unlink(missing_ok=True)
            _arrive(aside, folder.resolve())
        finally:
            finished = [p for p in aside.rglob("*") if p.is_file() and p.name != _LOCK]
            if len(finished) == len(_half_written(aside)):
                shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def added_file(folder: Path, name: str) -> Iterator[Path]:
    """Yield a path to write one more file of :func:`output_folder` to; it becomes ``folder / name``.

    Call :func:`check_output` with `name` among the others before.
    """
    with replacing(folder / name) as temporary:
        yield temporary
    _write_list(folder, sorted({*_written(folder), name}))


def name_inside(folder: str, name: str, suffix: str, taken: set[str]) -> str:
    """A path for `name` under `folder` with `suffix`, unlike those in `taken`, to which it is added.

    Whatever `name` says (it comes from a file: an absolute path, ``..``), the result stays inside `folder`.
    """
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..")]
    path = PurePosixPath(folder, *parts)
    result, number = str(path.with_suffix(suffix)), 1
    while result in taken:
        number += 1
        result = str(path.with_name(f"{path.stem}-{number}{suffix}"))
    taken.add(result)
    return result


def _aside(folder: Path, key: str) -> Path:
    """The folder in which the content of `folder` is made."""
    folder = folder.resolve()
    # The same file system either way; the parent of a folder that exists may be read-only.
    home = folder if folder.exists() else folder.parent
    aside = home / f".{folder.name}.{key}.partial"
    try:
        aside.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidOption(f"cannot write to `output` {folder}: {error.strerror}") from error
    return aside


def _arrive(aside: Path, folder: Path) -> None:
    """Move what is complete to where it belongs."""
    files = sorted(p.relative_to(aside).as_posix() for p in aside.rglob("*") if p.is_file())
    if folder.exists():
        _replace(folder, aside, files)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        _write_list(aside, files)
        aside.rename(folder)


def _half_written(aside: Path) -> list[str]:
    """The files in `aside` that killed writers left, under the names of ``io.files.replacing``."""
    return [
        path.relative_to(aside).as_posix()
        for path in aside.rglob(".*")
        if re.fullmatch(r"\.[0-9a-f]{8}\..+", path.name)
    ]


@contextmanager
def _locked(path: Path, folder: Path) -> Iterator[None]:
    """Hold a lock that goes when the process does; where the system has none, trust."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InvalidOption(
                f"another process is writing to `output` {folder}: wait for it, or choose another folder"
            ) from None
        yield


def _replace(folder: Path, aside: Path, files: list[str]) -> None:
    """Exchange the files that `folder` lists as written for `files` of `aside`."""
    old = _written(folder)
    for name in set(files).difference(old):
        if (folder / name).exists():
            raise OutputExists(f"{folder / name} was not written by layoutgen; choose another `output`")
    # Both lists until the exchange is complete: after a kill here, overwriting still knows what is ours.
    _write_list(folder, sorted({*old, *files}))
    for name in sorted(old, key=_indices_first):
        (folder / name).unlink(missing_ok=True)
    for name in sorted(files, key=_indices_first, reverse=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (aside / name).replace(folder / name)
    _write_list(folder, files)


def _indices_first(name: str) -> tuple[bool, str]:
    return "/" in name, name


def _written(folder: Path) -> list[str]:
    """The files that layoutgen wrote into `folder`, relative to it; a list that is broken counts as none."""
    try:
        names = json.loads((folder / _LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    inside = [n for n in names if isinstance(n, str)] if isinstance(names, list) else []
    return [n for n in inside if not Path(n).is_absolute() and ".." not in Path(n).parts]


def _write_list(folder: Path, files: list[str]) -> None:
    partial = folder / f"{_LIST}.{os.getpid()}"
    partial.write_text(json.dumps(files, indent=0), encoding="utf-8")
    partial.replace(folder / _LIST)
