"""`kill -9` at any moment, then the same command: the weights of a run that was never stopped."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.conftest import SCRATCH, draw_scenes, same, weights

# Runs `layoutgen train` and kills itself when the n-th call of a function begins.
DRIVER = """
import importlib, os, signal, sys
place, number = sys.argv[1], int(sys.argv[2])
sys.argv = ["layoutgen", *sys.argv[3:]]
if place:
    module, name = place.split(":")
    *owners, function = name.split(".")
    owner = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    real, calls = getattr(owner, function), [0]
    def killing(*arguments, **named):
        calls[0] += 1
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    setattr(owner, function, killing)
from layoutgen.cli import app
app()
"""

MOMENTS = {
    "before the first checkpoint": ("layoutgen.training.gradients:batch_loss", 2),
    "while the first checkpoint is written": ("layoutgen.training.checkpoint:flush", 1),
    "after its weights, before its optimizer": ("accelerate.accelerator:save_accelerator_state", 1),
    "while an old checkpoint is removed": ("layoutgen.training.checkpoint:Checkpoints._remove_old", 3),
    "between two checkpoints": ("layoutgen.training.gradients:batch_loss", 5),
    "while the model is written": ("layoutgen.training.export:flush", 2),
    "while a line is noted": ("layoutgen.training.monitor:Monitor.note", 5),
}


def command(data: Path, run: Path, place: str = "", number: int = 0) -> list[str]:
    options = f"train {data} -o {run} --images 12 --batch-size 2 --save-every 4 --workers 1 --device cpu"
    model = f"--from-scratch {data.parent / 'scratch.yaml'} --train-text-encoder --resolution 32"
    rest = "--method img2img --method text2img --report-every 6 --keep-checkpoints 1 --quiet"
    return [sys.executable, "-c", DRIVER, place, str(number), *options.split(), *model.split(), *rest.split()]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "scratch.yaml").write_text(SCRATCH)
    draw_scenes(folder / "data", 6)
    subprocess.run(command(folder / "data", folder / "run"), check=True, env=environment())
    return folder / "run"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_ends_bit_for_bit_the_same(whole: Path, moment: str) -> None:
    run = whole.parent / moment.replace(" ", "_")
    killed = subprocess.run(command(whole.parent / "data", run, *MOMENTS[moment]), env=environment())
    assert killed.returncode == -signal.SIGKILL
    subprocess.run(command(whole.parent / "data", run), check=True, env=environment())
    assert same(weights(whole), weights(run))
    noted = [line.split("images_per_second")[0] for line in (run / "metrics.jsonl").read_text().splitlines()]
    expected = (whole / "metrics.jsonl").read_text().splitlines()
    assert noted == [line.split("images_per_second")[0] for line in expected]
    for name in ("images-0000000006.png", "images-0000000012.png"):
        assert (run / "samples" / name).read_bytes() == (whole / "samples" / name).read_bytes()
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["images-0000000012"]


def test_a_full_disk_leaves_the_checkpoint_before(whole: Path) -> None:
    run = whole.parent / "full"
    first = command(whole.parent / "data", run)
    first[first.index("12")] = "4"
    subprocess.run(first, check=True, env=environment())

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    full = subprocess.run(
        [*command(whole.parent / "data", run), "--workers", "0"],  # workers hand tensors over in files
        env=environment(),
        preexec_fn=no_room,
        capture_output=True,
        text=True,
    )
    assert full.returncode == 2
    assert "cannot be written" in full.stderr and "images-0000000004 is whole" in " ".join(
        full.stderr.split()
    )
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["images-0000000004"]
    subprocess.run(command(whole.parent / "data", run), check=True, env=environment())
    assert same(weights(whole), weights(run))


def test_two_processes_learn_as_one_with_twice_the_batch(whole: Path) -> None:
    """Through `accelerate launch` on the CPU (gloo)."""
    data, curves = whole.parent / "data", []
    for name, processes, batch in (("two", 2, 2), ("one", 1, 4)):
        run = whole.parent / name
        options = command(data, run)[5:]
        options[options.index("--batch-size") + 1] = str(batch)
        options[options.index("12")] = "40"
        many = (
            "--multi_gpu" if processes > 1 else "--cpu"
        )  # the one that starts processes, with or without GPUs
        launch = f"-m accelerate.commands.launch {many} --num_processes {processes} --num_machines 1"
        more = f"--mixed_precision no --dynamo_backend no --main_process_port {29500 + os.getpid() % 500}"
        subprocess.run(
            [sys.executable, *launch.split(), *more.split(), "-m", "layoutgen", *options],
            check=True,
            env=environment(),
        )
        lines = (run / "metrics.jsonl").read_text().splitlines()
        curves.append(torch.tensor([[float(v) for v in _numbers(line)] for line in lines]))
    assert len(curves[0]) >= 10
    torch.testing.assert_close(curves[0], curves[1], rtol=1e-3, atol=1e-4)


def _numbers(line: str) -> list[float]:
    import json

    values = json.loads(line)
    return [values[key] for key in ("images", "loss", "loss_inside", "loss_outside")]
