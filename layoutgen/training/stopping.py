"""What ends a training early: Ctrl-C and SIGTERM, with a checkpoint after the step, or a lost worker.

And what ends with it: the processes that read data.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from layoutgen.data.workers import SIGNALS, heard_by
from layoutgen.errors import CannotSave

T = TypeVar("T")
_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], str | None]]:
    """Yield a function that says by what the user asked to stop; None: not yet.

    The second signal ends the program as the first would without this. Only the main thread hears signals.
    """
    heard: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(_NAMES[signal.Signals(number)])
        signal.signal(number, before[signal.Signals(number)])

    with heard_by(hear) as before:
        yield lambda: heard[0] if heard else None


def ignore_signals(worker: int) -> None:
    """In a process that reads data: the training decides when it ends, also when both get the signal."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def lost_workers() -> Iterator[None]:
    """Say in one line that a process which reads data is gone; torch raises that anywhere, at any moment.

    Raises:
        CannotSave: one is.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        problem = "one of the `workers` that read data was ended from outside, perhaps as memory ran out"
        raise CannotSave(f"{problem}: pass fewer, and the same command continues") from error


@contextmanager
def reading(loader: Iterable[T]) -> Iterator[Callable[[], T]]:
    """Yield what gives the next of the batches of `loader`, whose processes have ended afterwards.

    Where torch's word to end does not reach one, as on a busy machine, torch sends SIGTERM. These processes
    do not hear it (see :func:`ignore_signals`), and Python would wait for them for ever when it ends.
    """
    before = set(multiprocessing.active_children())
    batches = [iter(loader)]
    workers = set(multiprocessing.active_children()) - before
    try:
        yield lambda: next(batches[0])
    finally:
        batches.clear()  # torch says to its processes that they end
        for worker in workers:
            worker.kill()
            worker.join()
