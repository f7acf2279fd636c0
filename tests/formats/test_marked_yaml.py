"""YAML 1.2: numbers and words are what they look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from layoutgen.domain.layout import Box
from layoutgen.errors import InvalidFile
from layoutgen.formats.layout_file import write_yaml
from layoutgen.formats.marked_yaml import read_marked_yaml
from tests.formats.test_layout_file import HEAD, arranged, file


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("040", 40),
        ("0100", 100),
        ("0009", 9),
        ("007.50", 7.5),
        ("0x1F", 31),
        ("0o17", 15),
        ("1e2", 100),
        ("+12", 12),
        (".5", 0.5),
        ("60.", 60),
    ],
)
def test_numbers_are_what_they_look_like(tmp_path: Path, written: str, value: float) -> None:
    text = HEAD + f"instances: [{{label: dog, xyxy: [0, 0, {written}, 90]}}]"
    (dog,) = arranged(file(tmp_path, text)).instances
    assert dog.box == Box(0, 0, value, 90)


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "off", "y", "N", "Yes", "OFF", "1:10", "2026-01-01", "2026-13-77", "<<", "="]
)
def test_words_are_words(tmp_path: Path, word: str) -> None:
    text = HEAD + f"prompt: {word}\ninstances: [{{label: {word}, xyxy: [1, 2, 3, 4]}}]"
    layout = arranged(file(tmp_path, text))
    assert (layout.prompt, layout.labels) == (word, (word,))
    write_yaml(tmp_path / "again.yaml", layout)
    assert arranged(tmp_path / "again.yaml") == layout


def test_a_yaml_that_would_take_an_hour_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "layout.yaml"
    path.write_text(
        "canvas: {width: 64, height: 64}\ninstances:\n" + "- {label: dog, xyxy: [1, 1, 9, 9]}\n" * 240_000
    )
    with pytest.raises(InvalidFile, match=r"has 8,400,043 characters, .* is the most \(write it as JSON\)"):
        read_marked_yaml(path)
