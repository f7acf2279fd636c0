"""Ctrl-C and SIGTERM stop with a checkpoint, and `layoutgen train -o RUN` goes on from there."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from pathlib import Path

import pytest
from PIL import Image
from torch.utils.data import DataLoader, _utils
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter
from typer.testing import CliRunner

from layoutgen.cli import app
from layoutgen.training import loop
from layoutgen.training.curves import draw_curves
from layoutgen.training.gradients import Gradients
from layoutgen.training.stopping import ignore_signals, reading, stop_on_signals
from tests.training.conftest import invoke, same, train, weights


@pytest.mark.parametrize(
    ("number", "name", "code"), [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "SIGTERM", 143)]
)
def test_a_signal_saves_and_the_run_goes_on_by_its_name_alone(
    number: signal.Signals,
    name: str,
    code: int,
    prepared: Path,
    tmp_path: Path,
    checkpoint: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = [*checkpoint, "--learning-rate", "0.01", "--warmup", "0", "--save-every", "100"]
    train(prepared, tmp_path / "whole", *options)
    add, calls = Gradients.add, []

    def interrupted(self, batch, step):
        calls.append(step)
        if len(calls) == 2:
            os.kill(os.getpid(), number)
        return add(self, batch, step)

    with monkeypatch.context() as patch:
        patch.setattr(Gradients, "add", interrupted)
        patch.setattr(loop, "draw_curves", draw_curves)
        done = invoke(prepared, tmp_path / "run", *options)
    assert done.exit_code == code
    assert f"Stops after this step ({name}) and saves" in done.output
    assert re.search(rf"Stopped after 4 of 8 images, in \d+ s: {name} asked for it", done.output)
    assert f"To go on: layoutgen train -o {tmp_path / 'run'}" in done.output
    assert [p.name for p in (tmp_path / "run/checkpoints").iterdir()] == ["images-0000000004"]
    with Image.open(tmp_path / "run/curves.png") as curves:
        assert curves.size == (880, 660)

    again = CliRunner().invoke(app, ["train", "-o", str(tmp_path / "run"), "--device", "cpu"])
    assert again.exit_code == 0, again.output
    assert f"Continues {tmp_path / 'run'} after 4 of 8 images" in again.output
    assert "Finished: 8 images" in again.output
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_the_second_signal_does_not_wait() -> None:
    def before(number: int, frame: object) -> None:
        raise InterruptedError

    usual = signal.signal(signal.SIGTERM, before)
    try:
        with stop_on_signals() as asked:
            assert asked() is None
            os.kill(os.getpid(), signal.SIGTERM)
            assert asked() == "SIGTERM"
            with pytest.raises(InterruptedError):
                os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is before
    finally:
        signal.signal(signal.SIGTERM, usual)


def test_a_process_that_does_not_hear_that_it_is_over_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a busy machine, where torch's word to a worker may be lost; the worker ignores SIGTERM."""
    monkeypatch.setattr(_utils, "MP_STATUS_CHECK_INTERVAL", 0.2)
    monkeypatch.setattr(_MultiProcessingDataLoaderIter, "_mark_worker_as_unavailable", lambda *_, **__: None)
    before = set(multiprocessing.active_children())
    loader = DataLoader(range(100), batch_size=4, num_workers=2, worker_init_fn=ignore_signals)
    with reading(loader) as next_batch:
        assert [next_batch().tolist(), next_batch().tolist()] == [[0, 1, 2, 3], [4, 5, 6, 7]]
        assert len(set(multiprocessing.active_children()) - before) == 2
    assert set(multiprocessing.active_children()) <= before
