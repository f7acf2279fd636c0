"""The examples for many GPUs are what accelerate reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser

RECIPES = Path(__file__).parents[2] / "recipes/accelerate"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_reads_it(path: Path) -> None:
    config = load_config_from_file(str(path))
    assert config.num_processes == 8 * config.num_machines
    assert config.distributed_type.value in ("MULTI_GPU", "FSDP", "DEEPSPEED")


def test_the_launcher_has_nothing_to_warn_of(caplog: pytest.LogCaptureFixture) -> None:
    """What the README starts: without a file of its own the launcher prints five lines of what it assumed."""
    known = launch_command_parser().parse_args(
        ["--config_file", str(RECIPES / "8_gpus.yaml"), "-m", "layoutgen"]
    )
    _validate_launch_command(known)
    assert caplog.text == ""


def test_there_are_recipes() -> None:
    assert len(list(RECIPES.glob("*.yaml"))) == 4
