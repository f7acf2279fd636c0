"""A few faults of the commands that write; `python -m tests.faults` has a hundred of each kind and more."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.commands import WRITERS, Writer
from tests.faults.faults import Place
from tests.faults.processes import Limits

QUICK = ("convert", "endless scenes")
BY_NAME = {writer.name: writer for writer in WRITERS}


@pytest.mark.parametrize(
    "writer",
    [pytest.param(w, id=w.name, marks=[] if w.name in QUICK else [pytest.mark.slow]) for w in WRITERS],
)
def test_after_a_fault_the_same_command_gives_the_same(inputs: Path, tmp_path: Path, writer: Writer) -> None:
    place = Place.of(writer, inputs, tmp_path / "place")
    for limits in (Limits(after=0.6 * place.seconds), Limits(file_size=200)):
        place.clear()
        ended = place.command(limits)
        assert ended.code != 1, ended.printed
        assert place.problem(ended=ended, left_behind=True) is None


def test_the_workers_of_a_killed_command_end_with_it(inputs: Path, tmp_path: Path) -> None:
    place = Place.of(BY_NAME["prepare scenes"], inputs, tmp_path / "place")
    before = {process.pid for process in psutil.process_iter()}
    place.clear()
    assert place.command(Limits(after=0.7 * place.seconds)).code in (-signal.SIGKILL, 0)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _started_since(before, place.folder):
        time.sleep(0.1)
    assert not _started_since(before, place.folder)


def _started_since(before: set[int], folder: Path) -> list[int]:
    """Processes of ours that were not there `before` and write below `folder`."""
    new = []
    for process in psutil.process_iter():
        try:
            if process.pid not in before and any(
                str(folder.parent) in file.path for file in process.open_files()
            ):
                new.append(process.pid)
        except psutil.Error:
            continue
    return new
