"""Output folders: built aside and moved into place whole; an error or a kill leaves nothing half-written.

Every folder that layoutgen fills carries a list of the files written (``.layoutgen``), so that overwriting
replaces exactly those and never touches a file that somebody else put there.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from layoutgen.errors import InvalidOption, OutputExists
from layoutgen.io.files import UNFINISHED, locked, open_own, replacing, saving, write_json
from layoutgen.io.output_path import check_folder

GRID = "grid.jpg"
"""Where several images of a layout are shown side by side."""
SAMPLES = ("images", "overlays", "annotations.json", GRID)
"""What every producer of samples writes into its output folder."""
_LIST = ".layoutgen"
_KEY = "new"  # of folders that one process fills
_INCOMPLETE = "incomplete"  # while files are exchanged, their list stands under this name


def check_output(folder: Path, names: Sequence[str], *, overwrite: bool = False) -> None:
    """Refuse `folder` if results named `names` (its direct entries) are there already.

    Raises:
        OutputExists: earlier results without `overwrite`, or entries of these names that are not ours.
        InvalidOption: `folder` can be no folder.
    """
    check_folder(folder)
    taken = [name for name in names if (folder / name).exists() or (folder / name).is_symlink()]
    if not taken:
        return
    ours = {Path(name).parts[0] for name in _written(folder)}
    foreign = [name for name in taken if name not in ours]
    if foreign:
        raise OutputExists(f"{folder / foreign[0]} was not written by layoutgen; choose another `output`")
    if not overwrite and not isinstance(_list(folder), dict):
        raise OutputExists(f"{folder} already holds {taken[0]}; choose another `output` or pass `overwrite`")


@contextmanager
def output_folder(
    folder: Path, names: Sequence[str], *, overwrite: bool = False, with_them: Sequence[str] = ()
) -> Iterator[Path]:
    """Yield an empty folder to write the entries `names` into; they move to `folder` when the block succeeds.

    A `folder` that does not exist yet appears whole, by one rename. In one that exists, the entries that are
    files (the indices, such as ``metadata.jsonl``) leave first and arrive last: what they list is there.
    What other commands wrote there stays.

    Args:
        with_them: further entries that go when those called `names` are overwritten, if layoutgen wrote them.

    Raises:
        OutputExists: see :func:`check_output`.
        InvalidOption: `folder` cannot be written, or another process writes to it.
        CannotSave: the disk is full.
    """
    check_output(folder, names, overwrite=overwrite)
    with _alone(folder), saving(f"`output` {folder}", _home(folder)):
        check_output(folder, names, overwrite=overwrite)  # another process may just have finished it
        aside = _aside(folder, _KEY)
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            yield aside
            _arrive(aside, folder.resolve(), {*names, *(with_them if overwrite else ())})
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def shared_folder(
    folder: Path, names: Sequence[str], key: str, *, overwrite: bool = False, leader: bool = True
) -> Iterator[Path]:
    """:func:`output_folder` for several processes, which survives: what is finished is there the next time.

    All who come with the same `key` get the same folder, which is in the open: what a run that is
    interrupted has finished can be looked at. Every file in it must be written aside and renamed. It moves to
    `folder` when the block of the `leader`, who waits for the others in it, succeeds.

    Raises:
        OutputExists: see :func:`check_output`; it is the leader who says so.
        InvalidOption: `folder` cannot be written, or is being written with this `key` by someone else.
    """
    if not leader:
        with saving(f"`output` {folder}", _home(folder)):
            yield _aside(folder, key, hidden=False)
        return
    check_output(folder, names, overwrite=overwrite)
    with _alone(folder), saving(f"`output` {folder}", _home(folder)):
        check_output(folder, names, overwrite=overwrite)
        aside = _aside(folder, key, hidden=False)
        try:
            yield aside
            for name in _half_written(aside):
                (aside / name).unlink(missing_ok=True)
            _arrive(aside, folder.resolve(), set(names))
        finally:
            finished = [p for p in aside.rglob("*") if p.is_file()]
            if len(finished) == len(_half_written(aside)):
                shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def added_file(folder: Path, name: str) -> Iterator[Path]:
    """Yield a path to write one more file of :func:`output_folder` to; it becomes ``folder / name``.

    Call :func:`check_output` with `name` among the others before.
    """
    with saving(str(folder / name), folder):
        with replacing(folder / name) as temporary:
            yield temporary
        _write_list(folder, sorted({*_written(folder), name}))


def name_inside(folder: str, name: str, suffix: str, taken: set[str]) -> str:
    """A path for `name` under `folder` with `suffix`, unlike those in `taken` also by case; it is added.

    Whatever `name` says (it comes from a file: an absolute path, ``..``), the result stays inside `folder`.
    """
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..")]
    path = PurePosixPath(folder, *parts)
    result, number = str(path.with_suffix(suffix)), 1
    while result.casefold() in taken:  # many file systems take A.png and a.png for one file
        number += 1
        result = str(path.with_name(f"{path.stem}-{number}{suffix}"))
    taken.add(result.casefold())
    return result


def _home(folder: Path) -> Path:
    """Where the content of `folder` is made: on the same file system as `folder`.

    Inside of a folder that exists, as its parent may be read-only.
    """
    folder = folder.resolve()
    return folder if folder.exists() else folder.parent


def unfinished_folders(folder: Path) -> list[Path]:
    """What interrupted runs of :func:`shared_folder` have finished for `folder`: beside it, or in it."""
    whole = folder.resolve()
    found = [one for home in (whole, whole.parent) for one in home.glob(f"*{UNFINISHED}")]
    name = re.compile(rf"{re.escape(whole.name)}\.[0-9a-f]{{8}}{re.escape(UNFINISHED)}")
    return sorted(one for one in found if name.fullmatch(one.name) and one.is_dir())


def _aside(folder: Path, key: str, *, hidden: bool = True) -> Path:
    """The folder in which the content of `folder` is made."""
    aside = _home(folder) / f"{'.' if hidden else ''}{folder.resolve().name}.{key}{UNFINISHED}"
    if aside.is_symlink():  # not ours
        aside.unlink()
    aside.mkdir(parents=True, exist_ok=True)
    return aside


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to `folder`; at the end, leave nothing useless beside it."""
    home, name = _home(folder), folder.resolve().name
    new = [parent for parent in (home, *home.parents) if not parent.exists()]
    lock = home / f".{name}.lock"
    try:
        home.mkdir(parents=True, exist_ok=True)
        open_own(lock).close()
    except OSError as error:
        remedy = "make it writable, or name another folder"
        raise InvalidOption(f"cannot write to `output` {folder}: {error.strerror}; {remedy}") from error
    try:
        with locked(lock, wait=False):
            try:
                yield
                # Of a command that was killed; what a shared one has finished is kept for the same command.
                shutil.rmtree(home / f".{name}.{_KEY}{UNFINISHED}", ignore_errors=True)
            finally:
                lock.unlink(missing_ok=True)
    except BlockingIOError:
        problem = f"another process is writing to `output` {folder}"
        raise InvalidOption(f"{problem}: wait for it, or choose another folder") from None
    finally:
        for parent in new:
            with suppress(OSError):  # it holds the result
                parent.rmdir()


def _arrive(aside: Path, folder: Path, replaced: set[str]) -> None:
    """Move what is complete to where it belongs, in place of the entries `replaced`."""
    files = sorted(p.relative_to(aside).as_posix() for p in aside.rglob("*") if p.is_file())
    if folder.exists():
        _replace(folder, aside, files, replaced)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        _write_list(aside, files)
        aside.rename(folder)


def _half_written(aside: Path) -> list[str]:
    """The files in `aside` that killed writers left, under the names of ``io.files.replacing``."""
    found = aside.rglob(f".*{UNFINISHED}*")
    return [path.relative_to(aside).as_posix() for path in found if path.is_file()]


def _replace(folder: Path, aside: Path, files: list[str], replaced: set[str]) -> None:
    """Exchange what `folder` lists as written, in its entries `replaced`, for `files` of `aside`."""
    written = _written(folder)
    old = [name for name in written if Path(name).parts[0] in replaced]
    for name in set(files).difference(old):
        if (folder / name).exists():
            raise OutputExists(f"{folder / name} was not written by layoutgen; choose another `output`")
    # Both lists until the exchange is complete: after a kill, the same command knows what is ours.
    _write_list(folder, sorted({*written, *files}), complete=False)
    for name in sorted(old, key=_indices_first):
        (folder / name).unlink(missing_ok=True)
    for parent in sorted({parent for name in old for parent in Path(name).parents[:-1]}, reverse=True):
        with suppress(OSError):  # something else is in it
            (folder / parent).rmdir()
    for name in sorted(files, key=_indices_first, reverse=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (aside / name).replace(folder / name)
    _write_list(folder, sorted({*set(written).difference(old), *files}))


def _indices_first(name: str) -> tuple[bool, str]:
    return "/" in name, name


def _written(folder: Path) -> list[str]:
    """The files that layoutgen wrote into `folder`, relative to it; a list that is broken counts as none."""
    names = _list(folder)
    names = names.get(_INCOMPLETE) if isinstance(names, dict) else names
    inside = [n for n in names if isinstance(n, str) and Path(n).name] if isinstance(names, list) else []
    plain = [n for n in inside if not Path(n).is_absolute() and ".." not in Path(n).parts]
    # A list from a stranger may name what a link leads to.
    links = {parent for parent in {Path(n).parent for n in plain} if _leads_out(folder, parent)}
    return [n for n in plain if Path(n).parent not in links]


def _leads_out(folder: Path, inner: Path) -> bool:
    try:
        return not (folder / inner).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # no path at all, or a link to itself
        return True


def _list(folder: Path) -> Any:
    try:
        return json.loads((folder / _LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _write_list(folder: Path, files: list[str], *, complete: bool = True) -> None:
    write_json(folder / _LIST, files if complete else {_INCOMPLETE: files}, indent=0)
