"""Help that can be read at 80 columns, examples that work, and the values that a shell offers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from layoutgen.cli import app
from layoutgen.methods.registry import METHODS


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


COMMANDS = dict(commands(get_command(app)))


def lines_of_help(path: tuple[str, ...], columns: int) -> list[str]:
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": str(columns)}, prog_name="layoutgen")
    assert done.exit_code == 0
    return done.stdout.splitlines()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("columns", [60, 80])
def test_names_are_whole(path: tuple[str, ...], columns: int) -> None:
    lines = lines_of_help(path, columns)
    assert max(map(len, lines)) <= columns
    said = "\n".join(lines)
    assert "…" not in said
    names = {n for p in COMMANDS[path].params for n in (*p.opts, *p.secondary_opts) if n.startswith("-")}
    assert not {name for name in names if not re.search(rf"(?<!\S){name}(?![\w-])", said)}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_examples_are_commands_that_there_are(path: tuple[str, ...]) -> None:
    examples = COMMANDS[path].epilog.strip().splitlines()
    shown = [line.strip("│ ") for line in lines_of_help(path, 80)]
    for line in examples:
        assert line in shown  # on one line, to be copied
        words = shlex.split(line, comments=True)
        assert words[:1] == ["layoutgen"]
        rest, command = words[1:], get_command(app)
        while rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest.pop(0)]
        if "COMMAND" not in words:
            context = command.make_context("layoutgen", rest, resilient_parsing=False)
            assert context.params


def test_options_of_sample_stand_in_groups() -> None:
    said = "\n".join(lines_of_help(("sample",), 80))
    groups = ("Options", "Which images", "Denoising and guidance", "Memory and speed")
    places = [said.index(f"─ {name} ─") for name in groups]
    assert places == sorted(places)
    assert places[1] < said.index("--seed N|N-M") < places[2] < said.index("--guidance X") < places[3]
    assert "[default: 20]" in said and "[default: seed]" in said


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sample --method ", [*METHODS, "both"]),
        ("sample --scheduler d", ["ddim", "dpm++"]),
        ("sample -n 3 do", ["dogs"]),
        ("sample --dtype b", ["bf16"]),
        ("convert a b --to y", ["yolo"]),
        ("evaluate --protocol ", ["coco-mig", "coco-position", "yolo-score"]),
        ("train d --method ", ["img2img", "text2img", "both"]),
        ("train d --schedule c", ["constant", "cosine"]),
        ("prepare coco a --masks ", ["grabcut"]),
        ("visualize a --units f", ["fraction"]),
    ],
)
def test_a_shell_offers_values(typed: str, offered: list[str]) -> None:
    words = f"layoutgen {typed}"
    environment = {
        "_LAYOUTGEN_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    done = CliRunner().invoke(app, [], env=environment, prog_name="layoutgen")
    assert done.stdout.split() == offered
