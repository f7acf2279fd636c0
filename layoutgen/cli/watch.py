"""How the work of a command is shown while it runs: bars and notes, on stderr."""

from __future__ import annotations

import typer

from layoutgen.cli import console
from layoutgen.cli.options import spell_options
from layoutgen.progress import Bars


class Watch(Bars):
    """Shows a bar on a terminal, so that logs stay readable, and notes with the options of the command.

    Args:
        context: of the command.
        quiet: show nothing.
        bars: show bars, unless something else is shown in their place.
    """

    def __init__(self, context: typer.Context, *, quiet: bool = False, bars: bool = True) -> None:
        super().__init__(console.err, quiet=quiet or not bars)
        self._command, self._quiet = context.command, quiet

    def note(self, message: str) -> None:
        """See :class:`layoutgen.progress.Progress`: a line."""
        if not self._quiet:
            console.warn(f"layoutgen: note: {spell_options(message, self._command)}")
