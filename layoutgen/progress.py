"""What a long call tells of itself while it runs: to nobody, to a terminal, or to whom a program likes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")


class LayoutgenWarning(UserWarning):
    """Something that stops nothing, but that a user wants to know."""


class Progress:
    """Is told what is being done, and how far it is; this one shows nothing.

    Subclasses show it: they override what they need. Used as a context manager around the work.
    """

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def begin(self, what: str, total: int | None = None) -> None:
        """Now `what` is done, in `total` pieces; None: nobody knows how many."""

    def advance(self, done: int, total: int | None = None) -> None:
        """So many pieces are done; `total` is given where it was not known before."""

    def note(self, message: str) -> None:
        """Say something that stops nothing; here as a warning of Python."""
        warnings.warn(message, LayoutgenWarning, stacklevel=2)

    def track(self, what: str, pieces: Iterable[T], total: int | None = None) -> Iterator[T]:
        """Hand on `pieces`, and tell how many there were."""
        self.begin(what, total)
        for number, piece in enumerate(pieces, start=1):
            yield piece
            self.advance(number)


class Bars(Progress):
    """Shows a live bar with count and time left on a terminal, nothing anywhere else."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichProgress

        console = console or Console(stderr=True)
        self._bar = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("elapsed"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._task: Any = None

    def __enter__(self) -> Bars:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, what: str, total: int | None = None) -> None:
        """See :class:`Progress`: a bar takes the place of the one before."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(what, total=total)

    def advance(self, done: int, total: int | None = None) -> None:
        """See :class:`Progress`."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total)  # None: as it was


def progress_of(wanted: bool | Progress) -> Progress:
    """The progress that a caller wants: bars for True, none for False, or one of their own."""
    if isinstance(wanted, Progress):
        return wanted
    return Bars() if wanted else Progress()
