"""The command line: one file per command; a command parses, calls and prints, and nothing else prints.

Modules that import torch are imported inside the command functions, so that ``--help`` answers at once.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from layoutgen import __version__
from layoutgen.cli import (
    augment,
    console,
    convert,
    design,
    distill,
    doctor,
    evaluate,
    examples,
    inspect,
    layouts,
    prepare,
    prepare_scenes,
    sample,
    train,
    train_options,
    visualize,
)
from layoutgen.cli.help import HelpfulCommand, HelpfulGroup
from layoutgen.cli.options import spell_options
from layoutgen.errors import LayoutgenError

_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM  # the exit codes that shells give
_NO_MEMORY = re.compile("out of memory|not enough memory|can't allocate memory", re.IGNORECASE)  # of torch


@contextmanager
def _ending_on_request() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that nothing unfinished is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise SystemExit(_TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _OneLineErrors(HelpfulGroup):
    """Turns what the user can mend into one line and exit code 2; everything else keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except LayoutgenError as error:
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            console.error(str(error) if command is None else spell_options(str(error), command))
            raise typer.Exit(2) from error
        except KeyboardInterrupt as stop:
            console.error("interrupted")
            raise typer.Exit(_INTERRUPTED) from stop
        except (MemoryError, RuntimeError) as error:
            if not (isinstance(error, MemoryError) or _NO_MEMORY.search(str(error))):
                raise
            remedy = "ask for less at once (a smaller image or batch, fewer workers), or end other programs"
            console.error(f"there is not enough memory: {remedy}")
            raise typer.Exit(2) from error


class _App(typer.Typer):
    """Ends in one line also where it is interrupted before a command has begun, or nobody takes its words."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            with _ending_on_request():
                return super().__call__(*args, **kwargs)
        except KeyboardInterrupt as stop:
            console.error("interrupted")
            raise SystemExit(_INTERRUPTED) from stop
        except OSError as error:
            unbuffered = getattr(sys.stdout, "write_through", False)  # then it holds nothing
            if not _dropped(sys.stdout) and not (unbuffered and error.errno == errno.ENOSPC):
                raise
            with suppress(OSError):  # the errors may go the same way
                console.error(f"standard output cannot be written: {error.strerror}: send it elsewhere")
            _dropped(sys.stderr)
            raise SystemExit(2) from error


def _dropped(stream: TextIO) -> bool:
    """Whether `stream` holds words that cannot be written, as on a full disk; they are dropped then."""
    try:
        stream.flush()
    except OSError:
        with Path(os.devnull).open("w") as nowhere, suppress(OSError, ValueError):
            os.dup2(nowhere.fileno(), stream.fileno())  # else Python fails once more as it ends
        return True
    return False


app = _App(
    name="layoutgen",
    cls=_OneLineErrors,
    no_args_is_help=True,
    epilog=examples.LAYOUTGEN,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.out.print(f"layoutgen {__version__}", highlight=False)
        raise typer.Exit()


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Objects exactly where you say: a layout goes in, an image comes out."""


prepare.app.command(cls=HelpfulCommand, epilog=examples.SCENES)(prepare_scenes.scenes)
for command, shown in (
    (sample.sample, examples.SAMPLE),
    (visualize.visualize, examples.VISUALIZE),
    (design.design, examples.DESIGN),
    (evaluate.evaluate, examples.EVALUATE),
    (inspect.inspect, examples.INSPECT),
    (convert.convert, examples.CONVERT),
    (layouts.layouts, examples.LAYOUTS),
    (augment.augment, examples.AUGMENT),
    (distill.distill, examples.DISTILL),
    (doctor.doctor, examples.DOCTOR),
):
    app.command(cls=HelpfulCommand, epilog=shown)(command)
app.command(cls=train_options.TrainCommand, epilog=examples.TRAIN)(train.train)
app.add_typer(prepare.app, name="prepare")
