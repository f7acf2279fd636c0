"""What files say is shown as text: it is no markup, and no command for the terminal."""

from __future__ import annotations

import json

import pytest

from layoutgen.cli.console import error, printable

HOSTILE = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\r",
    "\u202egod",
    "\u2028",
    "\ud800",
    "[/]",
    "[bold]b[/bold]",
]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dog", "dog"),
        ("Hündin 犬 🐕\u200d🦺", "Hündin 犬 🐕\u200d🦺"),
        ("a\tb\n", "a\tb\n"),
        ("\x1b[2J", "\\u001b[2J"),
        ("\x9b", "\\u009b"),
        ("a\u202eb", "a\\u202eb"),
        ("\u2028\ud800", "\\u2028\\ud800"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("label", HOSTILE)
def test_a_label_commands_no_terminal(run, coco, label: str) -> None:
    photos, file = coco([("a.png", 60, 40)], [(1, "dog", [5.0, 5.0, 20.0, 30.0])])
    document = json.loads(file.read_text())
    for category in document["categories"]:
        category["name"] = category["name"].replace("dog", f"x{label}y")
    file.write_text(json.dumps(document))
    result = run("inspect", photos, file)
    assert result.exit_code == 0
    assert not set(result.output) & {"\x1b", "\x9b", "\x07", "\r", "\u202e", "\u2028", "\ud800"}
    # Line ends are spaces in a label already when it is read.
    assert printable(f"x{label}y") in result.output or "x y" in result.output


def test_a_long_error_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    error("data.json: " + "x" * 10_000 + ": unknown field (remove it)")
    line = capsys.readouterr().err
    assert line.startswith("layoutgen: data.json: xxx") and line.endswith("x: unknown field (remove it)\n")
    assert len(line) < 1_100 and " ... " in line
