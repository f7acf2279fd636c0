"""Whether something can be written where the user says, told before the work begins."""

from __future__ import annotations

import stat
from pathlib import Path

from layoutgen.errors import InvalidOption, OutputExists

_HEAD = 1024  # bytes in which a file says who wrote it


def check_folder(folder: Path) -> None:
    """Refuse `folder` for results if it is something else than a folder, or can never be one.

    A link to a folder is one; so is a link to nothing, whose end will be made.

    Raises:
        InvalidOption: it is a file or below one, a link to itself, or has an impossible name.
    """
    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise InvalidOption(f"`output` {folder} is a file; name a folder")
    except FileNotFoundError:
        return
    except NotADirectoryError:
        file = next(parent for parent in folder.parents if parent.exists())
        raise InvalidOption(
            f"cannot write to `output` {folder}, as {file} is a file; name another folder"
        ) from None
    except (OSError, ValueError) as error:  # a link to itself, a name of 300 letters, a null
        raise InvalidOption(
            f"cannot write to `output` {folder}: {_reason(error)}; name another folder"
        ) from None


def check_file(path: Path, mark: bytes, setting: str) -> Path:
    """Where to write the file `path`, which may be a link: its end, so that the link stays.

    Args:
        mark: what a file that layoutgen wrote for this purpose holds near its beginning; it is written over.
        setting: the name of the parameter that `path` is.

    Raises:
        InvalidOption: `path` is a folder, a device or the like, or can never be a file.
        OutputExists: a file is there that layoutgen did not write for this purpose.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a device, a pipe or a socket"
            raise InvalidOption(f"`{setting}` {path} is {kind}; name a file")
        with path.open("rb") as file:
            ours = mark in file.read(_HEAD)
    except FileNotFoundError:
        return path.resolve()
    except (OSError, ValueError) as error:
        raise InvalidOption(
            f"`{setting}` {path} cannot be written: {_reason(error)}; name another file"
        ) from None
    if not ours:
        raise OutputExists(f"`{setting}` {path} was not written by layoutgen for this; name another file")
    return path.resolve()


def _reason(error: OSError | ValueError) -> object:
    """What the system says of a path; of an impossible one, what Python says."""
    return getattr(error, "strerror", None) or error
