"""Inner code names options as Python does, and the command line as it spells them."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

import layoutgen
from layoutgen.cli import app
from layoutgen.cli.spelling import spelled

COMMANDS = get_command(app).commands
PACKAGE = Path(layoutgen.__file__).parent


@pytest.mark.parametrize(
    ("command", "message", "said"),
    [
        ("evaluate", "`batch_size` is 0, see `tile`", "--batch-size is 0, see --tile"),
        ("visualize", "`path` is none of ours", "PATH is none of ours"),
        ("prepare", "pass `skip_missing` or `min_area`", "pass --skip-missing or --min-area"),
        (
            "sample",
            "make one with `layoutgen train` or `nothing`",
            "make one with `layoutgen train` or `nothing`",
        ),
        ("visualize", "`steps` belongs to another command", "`steps` belongs to another command"),
    ],
)
def test_names_in_backquotes_that_are_options_are_spelled_as_such(command, message, said):
    assert spelled(message, COMMANDS[command]) == said


@pytest.mark.parametrize(
    "room", ["domain", "io", "formats", "drawing", "data", "detection", "features", "evaluation"]
)
def test_inner_code_spells_no_options(room):
    options = {
        (path.relative_to(PACKAGE).as_posix(), option)
        for path in (PACKAGE / room).rglob("*.py")
        for option in re.findall(r"(?<!\S)[\"'(]?(--[a-z][a-z-]+)", path.read_text(encoding="utf-8"))
    }
    assert options - {("data/scene_recipe.py", "--endless")} == set()
