"""Worker processes: started so that no signal is lost, and never left behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import parent_process
from types import FrameType
from typing import Any, TypeVar

from layoutgen.errors import CannotSave

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""By which a user ends a command."""
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def by_workers(
    function: Callable[[_Job], _Result],
    jobs: Iterable[_Job],
    workers: int,
    *,
    start: Callable[..., None],
    arguments: tuple[Any, ...],
) -> Iterator[_Result]:
    """What `function` gives for `jobs`, in their order, by many processes, each begun by `start(*arguments)`.

    Raises:
        CannotSave: a worker was ended from outside.
    """
    try:
        with ProcessPoolExecutor(workers, initializer=_begin, initargs=(start, arguments)) as pool:
            try:
                with _signals_wait():
                    results = pool.map(function, jobs, chunksize=8)
                yield from results
            except BaseException:
                pool.shutdown(cancel_futures=True)  # else all jobs would be done before it ends
                raise
    except BrokenProcessPool as error:
        problem = f"one of {workers} `workers` was ended from outside, perhaps as memory ran out"
        raise CannotSave(f"{problem}: pass fewer, and give the same command again") from error


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block ends.

    Python swallows what a signal's handler raises while it forks, and a new process would run the handler of
    the first one before it has its own.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone hears signals
        yield
        return
    heard, first = list[int](), os.getpid()

    def hear(number: int, frame: FrameType | None) -> None:
        if os.getpid() == first:
            heard.append(number)
        elif number == signal.SIGTERM:
            os._exit(128 + number)

    try:
        with heard_by(hear):
            yield
    finally:
        if heard:
            signal.raise_signal(heard[0])


@contextmanager
def heard_by(hear: Callable[[int, FrameType | None], None]) -> Iterator[dict[signal.Signals, Any]]:
    """Let `hear` handle Ctrl-C and SIGTERM inside the block, of the main thread; yield who did before."""
    before = {number: signal.signal(number, hear) or signal.SIG_DFL for number in SIGNALS}
    try:
        yield before
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _begin(start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """The beginning of a worker."""
    # Ctrl-C reaches all processes of a terminal, and it is the first one that ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    start(*arguments)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next job for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
