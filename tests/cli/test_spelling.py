"""Inner code names options as Python does; only the command line spells them."""

import re
from pathlib import Path

import pytest

import layoutgen

PACKAGE = Path(layoutgen.__file__).parent
ROOMS = ("domain", "io", "formats", "drawing", "data", "detection", "features", "evaluation")
ALLOWED = {("data/scene_recipe.py", "--endless")}  # a whole command, to be copied


@pytest.mark.parametrize("room", ROOMS)
def test_inner_code_spells_no_options(room):
    options = {
        (path.relative_to(PACKAGE).as_posix(), option)
        for path in (PACKAGE / room).rglob("*.py")
        for option in re.findall(r"(?<!\S)[\"'(]?(--[a-z][a-z-]+)", path.read_text(encoding="utf-8"))
    }
    assert options - ALLOWED == set()
