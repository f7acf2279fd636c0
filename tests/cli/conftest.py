"""The command line as a user meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from layoutgen.cli import app


@pytest.fixture
def run() -> Callable[..., Result]:
    """Runs `layoutgen` with the arguments given; an exception that is a bug comes out as it is.

    `code` is the exit code that it must have, None any.
    """

    def invoke(*arguments: object, code: int | None = None) -> Result:
        result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
        assert code in (None, result.exit_code), result.output
        return result

    return invoke


@pytest.fixture
def refused(run: Callable[..., Result]) -> Callable[..., str]:
    """Runs `layoutgen`, which must refuse in one line with exit code 2; returns the line."""

    def invoke(*arguments: object) -> str:
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("layoutgen: ") and result.stderr.count("\n") == 1
        return result.stderr

    return invoke


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[], dict[str, bytes]]:
    """Takes stock of all files, hidden ones too."""
    return lambda: {str(p): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
