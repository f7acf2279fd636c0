"""A run folder from a stranger runs no code, and a process that reads data may die: one line."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path

import psutil
import pytest
import torch
from typer.testing import CliRunner

from layoutgen.cli import app
from layoutgen.training.gradients import Gradients
from tests.test_model_files import Bomb
from tests.training.conftest import invoke, same, train, weights


def go_on(run: Path) -> tuple[int, str]:
    done = CliRunner().invoke(
        app, ["train", "-o", str(run), "--device", "cpu", "--images", "8"], catch_exceptions=False
    )
    return done.exit_code, done.stderr


@pytest.mark.parametrize("write", [torch.save, lambda bomb, path: path.write_bytes(pickle.dumps(bomb))])
def test_a_pickle_that_would_run_code_is_refused(
    write, prepared: Path, tmp_path: Path, checkpoint: list[str]
) -> None:
    train(prepared, tmp_path / "run", *checkpoint, images=4)
    (newest,) = (tmp_path / "run/checkpoints").iterdir()
    pickles = sorted(path.name for path in newest.iterdir() if path.suffix != ".safetensors")
    assert pickles == ["averaged_0.pt", "optimizer.bin", "random_states_0.pkl"]
    for name in pickles:
        content = (newest / name).read_bytes()
        write(Bomb(tmp_path / "ran"), newest / name)
        code, said = go_on(tmp_path / "run")
        assert code == 2, f"{name}: {said}"
        (line,) = [line for line in said.splitlines() if line.startswith("layoutgen: ")]
        assert f"{newest}: is damaged: a pickle in it is cut off, or would run code (delete" in line
        assert said.count("\n") == 1 and not (tmp_path / "ran").exists(), name
        (newest / name).write_bytes(content)
    for name in ("scheduler.bin", "custom_checkpoint_0.pkl", "scaler.pt"):  # no run of ours has these
        write(Bomb(tmp_path / "ran"), newest / name)
    code, said = go_on(tmp_path / "run")
    assert code == 0 or said.count("\n") == 1, said
    assert not (tmp_path / "ran").exists()


def test_a_process_that_reads_data_and_dies_alone_is_one_line(
    prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(prepared, tmp_path / "whole", *checkpoint)
    # Tests before this one may have left a browser, or a server of processes.
    others = set(psutil.Process().children())
    add, calls = Gradients.add, []

    def killing(self, batch, step):
        calls.append(step)
        if len(calls) == 4:
            (worker,) = set(psutil.Process().children()) - others
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait(10)
        return add(self, batch, step)

    with monkeypatch.context() as patch:
        patch.setattr(Gradients, "add", killing)
        done = invoke(prepared, tmp_path / "run", *checkpoint, "--workers", "1")
    assert done.exit_code == 2, done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("layoutgen: ")]
    assert "one of the --workers that read data was ended from outside, perhaps as memory ran out" in line
    started = set(psutil.Process().children()) - others
    left = [one for one in started if one.status() != psutil.STATUS_ZOMBIE]
    assert "Error" not in done.output and not left
    assert [path.name for path in (tmp_path / "run/checkpoints").iterdir()] == ["images-0000000004"]
    train(prepared, tmp_path / "run", *checkpoint, "--workers", "1")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))
