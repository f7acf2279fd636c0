"""Weights in shards (FSDP), as the recipe for 8 GPUs has them, in two processes on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.checkpoint import fill_state
from tests.training.conftest import same, train, weights
from tests.training.test_resume import curve

ROOT = Path(__file__).parents[2]


def launch(data: Path, run: Path, *options: str, images: int) -> None:
    config = f"--config_file {ROOT / 'recipes/accelerate/8_gpus_fsdp.yaml'} --num_processes 2"
    port = "--main_process_port 0"  # any
    usual = f"train {data} -o {run} --images {images} --batch-size 2 --workers 0 --save-every 8 --quiet"
    command = [
        "-m",
        "accelerate.commands.launch",
        *config.split(),
        *port.split(),
        "-m",
        "tests.training.fsdp_on_cpu",
    ]
    subprocess.run(
        [sys.executable, *command, *usual.split(), *options],
        check=True,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
    )


def test_filling_an_optimizers_state_changes_no_weight() -> None:
    layer = torch.nn.Linear(3, 5)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.5)
    fill_state(optimizer)
    assert same(before, layer.state_dict())
    assert {tuple(state["exp_avg"].shape) for state in optimizer.state.values()} == {(5, 3), (5,)}
    assert optimizer.param_groups[0]["lr"] == 0.1 and layer.weight.grad is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "way",
    [
        "--method img2img --method text2img --report-every 16",
        "--method text2img --encoding text --train-text-encoder --report-every 0",
        "--method text2img --lora-rank 2 --mixed-precision bf16 --micro-batch 1 --report-every 0",
    ],
)
def test_shards_learn_as_the_whole_model_does(
    prepared: Path, tmp_path: Path, checkpoint: list[str], way: str
) -> None:
    """And continue bit for bit: stopped after half of the steps, in another run."""
    options = [*checkpoint, *way.split(), "--warmup", "0", "--learning-rate", "0.003"]
    launch(prepared, tmp_path / "shards", *options, images=16)
    launch(prepared, tmp_path / "parts", *options, images=8)
    launch(prepared, tmp_path / "parts", *options, images=16)
    assert same(weights(tmp_path / "shards"), weights(tmp_path / "parts"))
    train(prepared, tmp_path / "whole", *options, "--batch-size", "4", "--save-every", "8", images=16)
    close = {"rtol": 2e-2, "atol": 1e-3} if "bf16" in way else {"rtol": 1e-3, "atol": 1e-4}
    torch.testing.assert_close(curve(tmp_path / "shards"), curve(tmp_path / "whole"), **close)
    assert LayoutPipeline.from_pretrained(tmp_path / "shards").unet.dtype == torch.float32
