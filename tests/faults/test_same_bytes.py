"""The same command gives the same bytes: in another process, with other numbers of threads and workers.

Threads of torch add numbers up in another order: what a network computes is the same for the same number of
threads only, so `sample` and `train` are compared with themselves.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.commands import WRITERS, Writer
from tests.faults.faults import Place
from tests.faults.processes import Limits, run

QUICK = ("convert",)
BY_NAME = {writer.name: writer for writer in WRITERS}


@pytest.mark.parametrize(
    "writer",
    [pytest.param(w, id=w.name, marks=[] if w.name in QUICK else [pytest.mark.slow]) for w in WRITERS],
)
def test_with_other_threads(inputs: Path, tmp_path: Path, writer: Writer) -> None:
    place = Place.of(writer, inputs, tmp_path / "place")
    place.clear()
    threads = 1 if writer.name in ("sample", "train") else 3
    assert place.command(Limits(threads=threads)).code == 0
    assert place.result().keys() == place.whole.keys()
    assert place.result() == place.whole


@pytest.mark.parametrize("workers", [1, 3])
def test_with_other_workers(inputs: Path, tmp_path: Path, workers: int) -> None:
    writer = BY_NAME["prepare scenes"]
    place = Place.of(writer, inputs, tmp_path / "place")
    place.clear()
    words = [*writer.words(inputs, place.folder / "out"), "--workers", str(workers)]
    assert run(words, tmp_path / "log").code == 0
    assert place.result() == place.whole
