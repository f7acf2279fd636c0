"""Where the command line prints: results go to stdout, progress and errors to stderr."""

from __future__ import annotations

import json
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

out = Console()
err = Console(stderr=True)


def error(message: str) -> None:
    """Print one line for the user, as it is: brackets are no markup, and long lines are not wrapped."""
    line = " ".join(message.splitlines())
    err.print(f"layoutgen: {line}", markup=False, highlight=False, soft_wrap=True, style="red")


def say(message: str) -> None:
    """Print one line of a result, as it is, not wrapped (paths can be copied)."""
    out.print(message, markup=False, highlight=False, soft_wrap=True)


def print_json(content: Any) -> None:
    """Print `content` as one JSON document."""
    say(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))


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
