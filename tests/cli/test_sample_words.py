"""The words of `sample`: what is meant is found, and what is not meant gets a hint that can be typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from layoutgen.cli.sample_words import parse_words
from layoutgen.errors import InvalidOption


@pytest.mark.parametrize(
    ("words", "numbers", "files", "quantities"),
    [
        (["dogs"], ["100"], [], [(100, "dogs")]),
        (["a.yaml", "dogs", "cats"], ["3", "4"], ["a.yaml"], [(3, "dogs"), (4, "cats")]),
        ([], ["100dogs"], [], [(100, "dogs")]),
        ([], ["100 teddy bears"], [], [(100, "teddy bears")]),
        (["cats"], ["3dogs", "1,000"], [], [(3, "dogs"), (1000, "cats")]),
        (["dogs"], ["100x"], [], [(100, "dogs")]),
        (["dogs"], ["1_000"], [], [(1000, "dogs")]),
        (["teddy", "bears"], ["3"], [], [(3, "teddy bears")]),
        (["St. Bernard"], ["3"], [], [(3, "St. Bernard")]),
        (["l.yml", "St.", "Bernard"], ["3"], ["l.yml"], [(3, "St. Bernard")]),
        (["v1.5"], ["3"], [], [(3, "v1.5")]),
        (["layout.yam"], [], ["layout.yam"], []),
        (["data/pets", "dogs"], ["3"], ["data/pets"], [(3, "dogs")]),
    ],
)
def test_what_is_meant(
    words: list[str], numbers: list[str], files: list[str], quantities: list[tuple[int, str]]
) -> None:
    assert parse_words(words, numbers) == ([Path(file) for file in files], quantities)


@pytest.mark.parametrize(
    ("words", "numbers", "said"),
    [
        (["dogs"], ["2.5"], "whole number of objects from 1, not 2.5"),
        (["dogs"], ["1e3"], "whole number of objects from 1, not 1e3"),
        (["dogs"], ["0"], "whole number of objects from 1, not 0"),
        (["dogs"], ["1,00"], "whole number of objects from 1, not 1,00"),
        (["100"], ["dogs"], "-n takes a number first, not 'dogs'"),
        (["big", "dogs", "cats"], ["3", "4"], 'several words in quotes: -n 3 "teddy bears"'),
        ([], ["3"], "1 number but 0 labels"),
        (["many", "dogs"], [], "-n 100 dogs"),
    ],
)
def test_what_cannot_be_meant(words: list[str], numbers: list[str], said: str) -> None:
    with pytest.raises(InvalidOption) as error:
        parse_words(words, numbers)
    assert said in str(error.value)


def test_a_folder_beside_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dogs").mkdir()
    assert parse_words(["dogs"], ["3"]) == ([], [(3, "dogs")])
    for name in ("dogs", "pets"):
        Path(name).mkdir(exist_ok=True)
        Path(name, "annotations.json").write_text(
            json.dumps({"images": [], "annotations": [], "categories": []})
        )
    assert parse_words(["dogs"], ["3"]) == ([], [(3, "dogs")])  # the label that is needed
    assert parse_words(["pets", "dogs"], ["3"]) == ([Path("pets")], [(3, "dogs")])
    assert parse_words(["pets"], []) == ([Path("pets")], [])
    with pytest.raises(InvalidOption, match=r"pets/ is a folder, and -n 3 needs a label after it"):
        parse_words(["pets/"], ["3"])
