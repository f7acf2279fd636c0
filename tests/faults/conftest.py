"""The inputs of the commands that write, made once for each file of tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.commands import write_inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults") / "in"
    write_inputs(folder)
    return folder
