"""Where the command line prints: results go to stdout, progress and errors to stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from layoutgen.io.files import STANDARD_INPUT

_KEPT = "\n\t\u200c\u200d"  # joiners are inside of words of some scripts, and of emoji
_ESCAPED = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format, half characters, line and paragraph separators
_LONGEST = 1_000  # characters of an error


def printable(text: str) -> str:
    """`text` with everything escaped, as in JSON, that would change how the terminal shows the rest of it.

    Names and labels come from files: a terminal obeys control characters, and a mark of writing from right
    to left turns the rest of the line round.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one in _KEPT or unicodedata.category(one) not in _ESCAPED else json.dumps(one)[1:-1]
        for one in text
    )


class _Printable(Console):
    """A console on which brackets are no markup, and no text commands the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        """What every string passes through on its way out, also those in tables."""
        return super().render_str(printable(text), **options)


out = _Printable(markup=False, emoji=False)
err = _Printable(markup=False, emoji=False, stderr=True)


def error(message: str) -> None:
    """Print one line for the user, as it is: brackets are no markup, and long lines are not wrapped."""
    line = " ".join(message.splitlines())
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST * 2 // 3]} ... {line[-_LONGEST // 3 :]}"
    err.print(f"layoutgen: {line}", markup=False, highlight=False, soft_wrap=True, style="red")


def say(message: str) -> None:
    """Print one line of a result, as it is, not wrapped (paths can be copied)."""
    out.print(message, markup=False, highlight=False, soft_wrap=True)


def print_json(content: Any) -> None:
    """Print `content` as one JSON document."""
    say(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))


def note_typing(paths: Sequence[Path]) -> None:
    """Say that a layout is waited for, where standard input is one of `paths` and somebody sits before it."""
    if STANDARD_INPUT in paths and sys.stdin.isatty():
        warn("layoutgen: reading a layout from the terminal, in YAML or JSON; Ctrl-D ends it")


def warn(message: str) -> None:
    """Print one line beside the result, as it is, not wrapped."""
    err.print(message, markup=False, highlight=False, soft_wrap=True)


def progress(quiet: bool = False) -> Progress:
    """A bar with count and time left, for ``with progress() as bar: for x in bar.track(...)``.

    It shows nothing with `quiet` or when stderr is no terminal, so that logs stay readable.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
        disable=quiet or not err.is_terminal,
    )
