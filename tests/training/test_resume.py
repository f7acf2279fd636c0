"""`kill -9` at any moment, then the same command: the weights of a run that was never stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.conftest import SCRATCH, draw_scenes, same, train, weights
from tests.training.killing import layoutgen_process

pytestmark = pytest.mark.long

MOMENTS = {
    "before the first checkpoint": ("layoutgen.training.gradients:batch_loss", 2),
    "while the first checkpoint is written": ("layoutgen.training.checkpoint:flush", 1),
    "after its weights, before its optimizer": ("accelerate.accelerator:save_accelerator_state", 1),
    "before its averages": ("torch:save", 4),
    "while it is put in its place": ("layoutgen.training.checkpoint:replace_folder", 1),
    "before an old checkpoint is removed": ("layoutgen.training.checkpoint:Checkpoints._remove_old", 3),
    "while an old checkpoint is removed": ("os:rmdir", 4),
    "between two checkpoints": ("layoutgen.training.gradients:batch_loss", 5),
    "while the model is written": ("layoutgen.training.snapshot:flush", 2),
    "after the model, before the checkpoint": ("layoutgen.training.loop:Checkpoints.save", 2),
    "while a line is noted": ("layoutgen.training.metrics:MetricsLog.log", 5),
    "while a contact sheet is painted": ("layoutgen.training.snapshot:contact_sheet", 2),
}


def arguments(data: Path, run: Path, *, images: int = 12, batch: int = 2) -> list[str]:
    options = f"train {data} -o {run} --images {images} --batch-size {batch} --save-every 4 --device cpu"
    model = f"--from-scratch {data.parent / 'scratch.yaml'} --train-text-encoder --resolution 32 --workers 1"
    rest = "--method img2img --method text2img --report-every 6 --keep-checkpoints 1 --quiet"
    return [*options.split(), *model.split(), *rest.split()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "scratch.yaml").write_text(SCRATCH)
    draw_scenes(folder / "data", 6)
    assert layoutgen_process(arguments(folder / "data", folder / "run"), folder / "printed") == 0
    return folder / "run"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_ends_bit_for_bit_the_same(whole: Path, moment: str) -> None:
    folder, run = whole.parent, whole.parent / moment.replace(" ", "_")
    command, (place, number) = arguments(folder / "data", run), MOMENTS[moment]
    assert layoutgen_process(command, folder / "printed", place=place, number=number) == -signal.SIGKILL
    assert layoutgen_process(command, folder / "printed") == 0
    assert same(weights(whole), weights(run))
    noted = [line.split("images_per_second")[0] for line in (run / "metrics.jsonl").read_text().splitlines()]
    expected = (whole / "metrics.jsonl").read_text().splitlines()
    assert noted == [line.split("images_per_second")[0] for line in expected]
    for name in ("images-0000000006.png", "images-0000000012.png"):
        assert (run / "samples" / name).read_bytes() == (whole / "samples" / name).read_bytes()
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["images-0000000012"]


def test_a_full_disk_leaves_the_checkpoint_before(whole: Path) -> None:
    folder, run = whole.parent, whole.parent / "full"
    assert layoutgen_process(arguments(folder / "data", run, images=4), folder / "printed") == 0
    command = [*arguments(folder / "data", run), "--workers", "0"]  # workers hand tensors over in files
    assert layoutgen_process(command, folder / "printed", room=20_000) == 2
    printed = (folder / "printed").read_text()
    assert "cannot be written" in printed and "images-0000000004 is whole" in " ".join(printed.split())
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["images-0000000004"]
    assert layoutgen_process(arguments(folder / "data", run), folder / "printed") == 0
    assert same(weights(whole), weights(run))


@pytest.mark.parametrize("keep", [1, 3])
def test_the_newest_checkpoints_stay(
    prepared: Path, tmp_path: Path, checkpoint: list[str], keep: int
) -> None:
    options = [*checkpoint, "--save-every", "2", "--keep-checkpoints", str(keep)]
    train(prepared, tmp_path / "run", *options, images=8)
    kept = sorted(int(p.name.removeprefix("images-")) for p in (tmp_path / "run/checkpoints").iterdir())
    assert kept == [2, 4, 6, 8][-keep:]


@pytest.mark.parametrize(
    "options",
    [
        "--method img2img --lora-rank 2",
        "--method text2img --method img2img --lora-rank 2 --train-text-encoder",
        "--method text2img --encoding text --train-text-encoder --micro-batch 1",
        "--method img2img --cache-latents --aspect-buckets",
        "--method text2img --cache-latents --mixed-precision bf16 --schedule cosine",
        "--method text2img --gradient-checkpointing --schedule warmup_stable_decay --warmup 1",
    ],
)
def test_every_way_to_train_is_continued_bit_for_bit(
    prepared: Path, tmp_path: Path, checkpoint: list[str], options: str
) -> None:
    """Stopped after each of four steps."""
    given = [*checkpoint, *options.replace("", "").split(), "--learning-rate", "0.01"]
    train(prepared, tmp_path / "whole", *given)
    for _ in range(4):
        train(prepared, tmp_path / "parts", *given, "--max-minutes", "1e-9")
    assert "Nothing left to train" in train(prepared, tmp_path / "parts", *given)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_two_processes_learn_as_one_with_twice_the_batch(whole: Path) -> None:
    """Through `accelerate launch` on the CPU (gloo); then one process continues what two began."""
    data, two, one = whole.parent / "data", whole.parent / "two", whole.parent / "one"
    silent = ["--report-every", "0"]  # a sheet of pictures every 6 images would take most of the time
    launch([*arguments(data, two, images=40, batch=2), *silent], processes=2)
    command = [*arguments(data, one, images=40, batch=4), *silent]
    assert layoutgen_process(command, whole.parent / "printed") == 0
    assert len(curve(two)) >= 10
    torch.testing.assert_close(curve(two), curve(one), rtol=1e-3, atol=1e-4)
    for run in (two, one):
        command = [*arguments(data, run, images=60, batch=4), *silent]
        assert layoutgen_process(command, whole.parent / "printed") == 0
    torch.testing.assert_close(curve(two), curve(one), rtol=1e-3, atol=1e-4)


def launch(options: list[str], *, processes: int) -> None:
    many = "--multi_gpu"  # it starts processes with or without GPUs; `--cpu` does not
    start = f"-m accelerate.commands.launch {many} --num_processes {processes} --num_machines 1"
    more = "--mixed_precision no --dynamo_backend no --main_process_port 0"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *start.split(), *more.split(), "-m", "layoutgen", *options]
    subprocess.run(command, check=True, env=environment)


def curve(run: Path) -> torch.Tensor:
    """Images and losses, a row for each line that was noted."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    keys = ("images", "loss", "loss_inside", "loss_outside")
    return torch.tensor([[float(line[key]) for key in keys] for line in lines])
