"""A disk that will not suffice is said before the work begins."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from PIL import Image

from layoutgen.errors import CannotSave
from layoutgen.io.disk_space import check_space

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**6, 0, 500))


def test_what_has_room_is_not_refused(tmp_path: Path) -> None:
    check_space(tmp_path / "not" / "there" / "yet", 1, "wait")


def test_what_has_none_is(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(
        CannotSave, match=r"out takes at least .* GB, and .* are free on its disk: make room, or wait"
    ):
        check_space(tmp_path / "out", 2 * free + 10**9, "wait")


def test_commands_say_it_before_they_write(
    tmp_path: Path, small_disk: None, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("torch")
    from typer.testing import CliRunner

    from layoutgen.cli import app
    from tests.faults.commands import write_inputs

    write_inputs(tmp_path / "in")
    Image.effect_noise((128, 96), 90).convert("RGB").save(tmp_path / "in" / "images" / "1.png")
    before = sorted(tmp_path.rglob("*"))
    for arguments, said in {
        "convert IN/images IN/coco.json OUT --to yolo": "choose another folder",
        "prepare coco IN/images IN/coco.json -o OUT": "let images be smaller by --size",
        "prepare scenes IN/coco.json --backgrounds IN/grounds -o OUT --size 40 50": "ask for fewer by",
        "sample IN/layouts.json -o OUT --model IN/painter --method regional": "ask for fewer or smaller",
        "train IN/data -o OUT --model IN/painter --resolution 64": "choose another place",
    }.items():
        words = arguments.replace("IN", str(tmp_path / "in")).replace("OUT", str(tmp_path / "out")).split()
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 2, result.output
        assert "out takes at least " in result.stderr and f"make room, or {said}" in result.stderr
        assert sorted(tmp_path.rglob("*")) == before
