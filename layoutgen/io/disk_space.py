"""A disk on which a result cannot have room, said before the work begins."""

from __future__ import annotations

import shutil
from pathlib import Path

from layoutgen.errors import CannotSave


def check_space(output: Path, needed: int, remedy: str) -> None:
    """Refuse to begin what takes at least `needed` bytes at `output`, if there are fewer.

    Raises:
        CannotSave: how much it takes, how much there is, and the `remedy`.
    """
    home = output.resolve()
    while not home.exists() and home != home.parent:
        home = home.parent
    try:
        free = shutil.disk_usage(home).free
    except OSError:  # whoever writes says what is wrong
        return
    if needed > free:
        problem = f"`output` {output} takes at least {_megabytes(needed)}, and {_megabytes(free)} are free"
        raise CannotSave(f"{problem} on its disk: make room, or {remedy}")


def _megabytes(count: int) -> str:
    return f"{count / 10**6:,.1f} MB" if count < 10**9 else f"{count / 10**9:,.1f} GB"
