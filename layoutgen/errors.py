"""The exception tree: everything a user can cause and mend is a :class:`LayoutgenError`.

    LayoutgenError
    ├── InvalidLayout      a box, instance or layout that cannot exist
    ├── InvalidFile        a file that cannot be read, with its path and the place inside it
    ├── InvalidOption      an option, or a pair of options, that cannot work
    ├── DoesNotFit         more instances than the canvas has room for
    ├── UnknownLabel       a label that the model has not learnt
    ├── OutputExists       a result that would be overwritten
    ├── CannotSave         a result that cannot be written
    ├── Diverged           a training whose loss is not finite any more
    └── NotFinite          a model that computes NaN or infinity

The command line turns these, and only these, into one line and exit code 2. Every message says what is
wrong, where, and what to do about it. It names a setting by its parameter, in backquotes: "`batch_size` must
be at least 1"; the command line spells it as its option, --batch-size (:mod:`layoutgen.cli.options`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


class LayoutgenError(Exception):
    """Something the user can mend; the message is one line for the user."""


_LONGEST = 300  # characters of another library's error


def first_line(error: BaseException) -> str:
    """What another library's `error` says, in one line; its name if it says nothing.

    Where the first line only announces what comes, that is said, too.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    line = " ".join(lines[: 2 if lines[0].endswith(":") else 1])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."  # some list all tensors


class InvalidLayout(LayoutgenError, ValueError):
    """A box, an instance or a layout with values that cannot exist."""


@dataclass(eq=False)
class InvalidFile(LayoutgenError):
    """A file that cannot be read: names the file, the place inside it and the remedy."""

    path: Path | str
    problem: str
    where: str = field(default="", kw_only=True)
    remedy: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        place = f"{self.path}, {self.where}" if self.where else str(self.path)
        return f"{place}: {self.problem}" + (f" ({self.remedy})" if self.remedy else "")


class InvalidOption(LayoutgenError):
    """An option, or a combination of options, that cannot work."""


class DoesNotFit(LayoutgenError):
    """More instances were asked for than the canvas has room for."""


class UnknownLabel(LayoutgenError):
    """A label that the model has not learnt."""


class OutputExists(LayoutgenError):
    """A result is already there and would be overwritten."""


class CannotSave(LayoutgenError):
    """A result cannot be written, for example because the disk is full."""


class Diverged(LayoutgenError):
    """A training whose loss is not finite any more."""


class NotFinite(LayoutgenError):
    """A model computes numbers that are not finite."""


class Problems:
    """Collects what is wrong, so that all of it is said at once."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._errors: list[LayoutgenError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note what the block cannot do, and go on."""
        try:
            yield
        except LayoutgenError as error:
            self._errors.append(error)
            self.found.append(str(error))

    def check(self, valid: bool, problem: str) -> None:
        """Note the `problem` unless all is `valid`."""
        if not valid:
            self.found.append(problem)

    def say(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            LayoutgenError: the only one, as it was; or all of them in one line, each once.
        """
        if len(self.found) == len(self._errors) == 1:
            raise self._errors[0]
        if self.found:
            raise InvalidOption("; ".join(dict.fromkeys(self.found)))
