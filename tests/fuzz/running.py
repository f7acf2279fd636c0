"""Runs `layoutgen` in this process under limits of time and memory, and judges how it ended."""

from __future__ import annotations

import os
import re
import resource
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from unittest import mock

from typer.main import get_command
from typer.testing import CliRunner

from layoutgen.cli import app

SECONDS = 5  # of processor time
MEMORY = 2**30  # bytes more than before
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


_command = cache(get_command)  # it takes longer than most commands


class Hang(BaseException):
    """A command took longer than it may."""


@contextmanager
def one_command() -> Iterator[None]:
    """Let the parser of the command line be made once."""
    with mock.patch("typer.testing._get_command", _command):
        yield


def problem(arguments: list[str]) -> str | None:
    """What is wrong with how ``layoutgen`` with `arguments` ended; None: it worked, or refused in one line."""
    try:
        with _limits(), one_command():
            result = CliRunner().invoke(app, arguments)
    except Hang as hang:
        return f"hang: {hang}"
    if isinstance(result.exception, Exception):
        return _place(result.exception)
    if isinstance(result.exception, Hang):
        return f"hang: {result.exception}"
    if result.exit_code not in (0, 2):
        return f"exit code {result.exit_code}"
    if _CONTROL.search(result.output):
        return f"control characters: {result.output!r:.300}"
    lines = result.stderr.strip().splitlines()
    refusals = [line for line in lines if line.startswith("layoutgen: ")]  # warnings may come before it
    if result.exit_code == 2 and refusals != lines[-1:]:
        return f"no single line: {result.output!r:.300}"
    return None


def _place(error: BaseException) -> str:
    """The error and where it came from, so that the same fault is named the same."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "/layoutgen/" in frame.filename
    ]
    last = frames[-1] if frames else None
    where = f"{Path(last.filename).name}:{last.lineno}" if last else ""
    return f"{type(error).__name__} from {' '.join(ours[-2:])} at {where}: {str(error)[:150]!r}"


@contextmanager
def _limits() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    before = signal.signal(signal.SIGPROF, _too_long)
    resource.setrlimit(resource.RLIMIT_DATA, (_data_size() + MEMORY, hard))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        signal.signal(signal.SIGPROF, before)


def _too_long(_: int, frame: FrameType | None) -> None:
    stack = traceback.extract_stack(frame)
    raise Hang(" ".join(f"{Path(f.filename).name}:{f.lineno}" for f in stack[-4:]))


def _data_size() -> int:
    """Bytes of private memory of this process, as the limit counts them."""
    for line in Path(f"/proc/{os.getpid()}/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc has no VmData")
