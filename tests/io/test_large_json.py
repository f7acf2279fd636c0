"""What is read piece by piece is what json reads whole, and broken files say what they always say."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layoutgen.errors import InvalidFile
from layoutgen.formats.coco import read_coco
from layoutgen.io import large_json
from layoutgen.io.files import read_json
from layoutgen.io.large_json import LargeList, read_large_json

WHOLE = st.integers(1 - 2**63, 2**63 - 1)  # a file with larger ones is read whole
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_json, "_LARGE", 0)


def whole(content: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, LargeList) else value for key, value in content.items()}


@pytest.mark.usefixtures("everything_is_large")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.dictionaries(st.text(max_size=3), VALUES, max_size=5),
    listed=st.lists(VALUES),
    indent=st.none() | st.integers(0, 2),
    ascii_only=st.booleans(),
)
def test_it_reads_what_json_reads(
    tmp_path: Path, content: dict[str, Any], listed: list[Any], indent: int | None, ascii_only: bool
) -> None:
    file = tmp_path / "file.json"
    text = json.dumps(content | {"annotations": listed}, indent=indent, ensure_ascii=ascii_only)
    file.write_text(text, encoding="utf-8", newline="")
    read = read_large_json(file, "annotations")
    assert isinstance(read["annotations"], LargeList)
    assert whole(read) == whole(read) == json.loads(text)  # the list can be read again


@pytest.mark.usefixtures("everything_is_large")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "{",
        '{"a": 1',
        '{"a": [1, 2',
        '{"a": [1 2]}',
        '{"a": [1,]}',
        '{"a": 1,}',
        '{"a" 1}',
        '{"a": 1} x',
        '{"a": nope}',
        "{3: 1}",
        '{"a": [1}',
        '{"a": 1]',
    ],
)
def test_broken_files_say_the_same_as_small_ones(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(text)
    messages = []
    for read in (read_json, lambda path: read_large_json(path, "a")):
        with pytest.raises(InvalidFile) as caught:
            read(file)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.usefixtures("everything_is_large")
def test_a_number_at_the_end_of_what_was_read_is_not_cut(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text(
        '{"a": [1234567890123456789012345678901234567890, -1.5e-300, true, 7 ], "b": 12345678901234567890}'
    )
    assert whole(read_large_json(file, "a")) == json.loads(file.read_text())


def test_a_large_coco_file_is_read_as_a_small_one(coco: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = [(1 + k % 2, "dog", [k, 2, 10 + k, 20]) for k in range(20)]
    _, file = coco([("a.jpg", 90, 60), ("b.jpg", 80, 70)], objects)
    expected = read_coco(file)
    monkeypatch.setattr(large_json, "_LARGE", 0)
    assert read_coco(file) == expected


def test_memory_does_not_hold_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_json, "_LARGE", 0)
    file = tmp_path / "file.json"
    file.write_text(json.dumps({"a": [{"polygon": [0.5] * 1000}] * 800}))  # 4 MB
    list(read_large_json(file, "a"))  # what the library loads once does not count
    tracemalloc.start()
    assert sum(1 for _ in read_large_json(file, "a")["a"]) == 800
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < file.stat().st_size / 2
