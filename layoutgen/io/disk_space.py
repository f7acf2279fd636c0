"""A disk on which a result cannot have room, said before the work begins."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from layoutgen.errors import CannotSave


def check_space(output: Path, needed: int, remedy: str) -> None:
    """Refuse to begin what takes at least `needed` bytes at `output`, if there are fewer.

    Raises:
        CannotSave: how much it takes, how much there is, and the `remedy`.
    """
    home = next(parent for parent in (output.resolve(), *output.resolve().parents) if parent.exists())
    try:
        disk = shutil.disk_usage(home)
    except OSError:  # whoever writes says what is wrong
        return
    free = disk.free
    # What is read-only has no room, either, which is no reason to make room.
    if needed > free and disk.total and os.access(home, os.W_OK):
        problem = f"`output` {output} takes at least {_megabytes(needed)}, and {_megabytes(free)} are free"
        raise CannotSave(f"{problem} on its disk: make room, or {remedy}")


def _megabytes(count: int) -> str:
    return f"{count / 10**6:,.1f} MB" if count < 10**9 else f"{count / 10**9:,.1f} GB"
