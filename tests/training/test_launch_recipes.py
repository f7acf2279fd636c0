"""The examples for many GPUs are what accelerate reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file

RECIPES = Path(__file__).parents[2] / "recipes/accelerate"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_reads_it(path: Path) -> None:
    config = load_config_from_file(str(path))
    assert config.num_processes == 8 * config.num_machines
    assert config.distributed_type.value in ("MULTI_GPU", "FSDP", "DEEPSPEED")


def test_there_are_recipes() -> None:
    assert len(list(RECIPES.glob("*.yaml"))) == 4
