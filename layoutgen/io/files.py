"""Reading a user's file and writing a result: no half-written file, no error without a path."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from layoutgen.errors import CannotSave, InvalidFile, first_line

UNFINISHED = ".partial"
"""In the names of files that are being written."""

STANDARD_INPUT = Path("-")
"""Names standard input where a command reads a file."""
STANDARD_INPUT_NAME = "standard input"


def read_bytes(path: Path) -> bytes:
    """The content of the file at `path`; ``-``: of standard input.

    Raises:
        InvalidFile: it is missing, a folder, or may not be read.
    """
    if path == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        check_regular(path)
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise InvalidFile(path, "there is no such file", remedy="check the path") from None
    except IsADirectoryError:
        raise InvalidFile(path, "is a folder, not a file", remedy="give a file inside it") from None
    except OSError as error:
        raise InvalidFile(path, f"cannot be read: {error.strerror}", remedy="make it readable") from None


def check_regular(path: Path) -> None:
    """Refuse what is neither file nor folder at `path`: reading a device, or from nobody, would never end.

    Pipes of the shell, ``<(command)``, are read.

    Raises:
        InvalidFile: it is a device, a socket, or a pipe with a name.
        OSError: it cannot be looked at.
    """
    mode = Path(path).stat().st_mode
    of_the_shell = stat.S_ISFIFO(mode) and str(path).startswith(("/dev/fd/", "/proc/self/fd/", "/dev/stdin"))
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or of_the_shell):
        raise InvalidFile(path, "is no file, but a device, a pipe or a socket", remedy="give a file")


def is_file(path: Path) -> bool:
    """Whether a file is at `path`, which another file names: it may be no path at all, or a forbidden one."""
    with suppress(OSError, ValueError):  # a name of 300 letters, or with a null in it
        return path.is_file()
    return False


def read_text(path: Path) -> str:
    """The content of the UTF-8 file at `path`, with or without a byte order mark.

    Raises:
        InvalidFile: it cannot be read, is empty, or is no text.
    """
    data, path = read_bytes(path), Path(STANDARD_INPUT_NAME) if path == STANDARD_INPUT else path
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        remedy = "save it as UTF-8" if error.start else "is it the right file?"
        raise InvalidFile(path, f"is not UTF-8 text (byte {error.start})", remedy=remedy) from None
    if not text.strip() and path == Path(STANDARD_INPUT_NAME):
        raise InvalidFile(
            path, "nothing came", remedy="pipe a layout into it, as in: cat layout.yaml | ... -"
        )
    if not text.strip():
        raise InvalidFile(path, "the file is empty", remedy="was it saved, or the disk full?")
    return text


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in the file at `path`.

    Raises:
        InvalidFile: it cannot be read, is truncated or otherwise no JSON, or holds no object.
    """
    return parse_json_object(path, read_text(path))


def read_json_list(path: Path) -> list[Any]:
    """The JSON list in the file at `path`.

    Raises:
        InvalidFile: it cannot be read, is truncated or otherwise no JSON, or holds no list.
    """
    content = _parse(path, read_text(path), "")
    if not isinstance(content, list):
        raise InvalidFile(
            path, f"must hold a JSON list, not {type_name(content)}", remedy="it should begin with ["
        )
    return content


def parse_json_object(path: Path, text: str, *, where: str = "") -> dict[str, Any]:
    """The JSON object written in `text`, which comes from `where` in `path`.

    Raises:
        InvalidFile: `text` is no JSON, or no object.
    """
    content = _parse(path, text, where)
    if not isinstance(content, dict):
        problem = f"must hold a JSON object, not {type_name(content)}"
        raise InvalidFile(path, problem, where=where, remedy="it should begin with {")
    return content


def _parse(path: Path, text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        remedy = "the file is cut off: copy or export it again" if cut else "mend it, or export it again"
        place = where or f"line {error.lineno}, column {error.colno}"
        raise InvalidFile(path, f"is not JSON: {error.msg}", where=place, remedy=remedy) from None
    except RecursionError:
        problem, remedy = "is not usable JSON: its brackets are nested too deeply", "export it again"
        raise InvalidFile(path, problem, where=where, remedy=remedy) from None
    except ValueError:
        problem, remedy = "holds a number with thousands of digits", "correct it, or export it again"
        raise InvalidFile(path, problem, where=where, remedy=remedy) from None


def type_name(value: object) -> str:
    """What `value` is, in the words of someone who wrote a file and no program."""
    if value is None:
        return "nothing"
    names = {bool: "true/false", int: "a whole number", float: "a number", str: "a text"}
    names |= {list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; it becomes `path` at the end, or is gone after an error.

    It is always the same name, so that what a killed process left is written over by the next one; who comes
    second meanwhile waits. It keeps the suffix, for writers that look at it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}{UNFINISHED}{path.suffix}")
    with locked(temporary):
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock on the file `path`, made if need be; it goes when the process does.

    Where the system or the file system knows no locks, nobody is kept out. Processes that were forked
    meanwhile hold it, too: they should end with this one.

    Raises:
        BlockingIOError: another process, or thread, holds it; only if not `wait`.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    while True:
        with open_own(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise
            except OSError:
                yield
                return
            if _is_at(file.fileno(), path):  # else who held it has removed or renamed it meanwhile
                yield
                return


def open_own(path: Path) -> BinaryIO:
    """The file `path`, which has a name that only layoutgen gives, to lock or to append to; made if need be.

    A link or a pipe of that name was put there by a stranger, and is removed: never write where it leads.
    """
    if path.is_symlink() or path.is_fifo():
        path.unlink()
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o666), "ab")


def _is_at(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


@contextmanager
def saving(what: str, folder: Path) -> Iterator[None]:
    """Turn a failed write below `folder` into one line about `what`; a failed read elsewhere stays as it is.

    Raises:
        CannotSave: the disk is full, the folder may not be written, or the like.
    """
    try:
        yield
    except OSError as error:
        place = str(error.filename or "")
        # Pillow's encoders fail without a number, and a full disk may be that of the temporary folder.
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "encoder error" in str(error)
        if not (full or place.startswith((str(folder), str(folder.resolve())))):
            raise
        remedy = "make room" if full else "make it writable, or choose another place"
        reason = error.strerror or first_line(error)
        raise CannotSave(
            f"{what} cannot be written: {reason}: {remedy}, and give the same command again"
        ) from error


def write_json(path: Path, content: Any, *, ensure_ascii: bool = True, indent: int | None = None) -> None:
    """Write `content` as the JSON file `path`; numbers that JSON does not have are an error.

    Raises:
        ValueError: `content` has a NaN or an infinity.
    """
    text = json.dumps(content, ensure_ascii=ensure_ascii, indent=indent, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
