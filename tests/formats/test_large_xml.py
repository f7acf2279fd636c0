"""The time that Pascal VOC takes grows with the file, not with its square."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest

from layoutgen.formats import pascal_voc
from layoutgen.formats.pascal_voc import read
from layoutgen.formats.read_options import ReadOptions

BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"


def objects(count: int) -> str:
    return f"<object><name>dog</name>{BOX}</object>" * count


def outline(count: int) -> str:
    points = (f"<x{n}>{n % 7 * 5}</x{n}><y{n}>{n % 11 * 3}</y{n}>" for n in range(1, count + 1))
    return f"<object><name>dog</name><polygon>{''.join(points)}</polygon></object>"


@pytest.mark.parametrize("body", [objects, outline])
def test_ten_times_as_much_takes_about_ten_times_as_long(body: Callable[[int], str], tmp_path: Path) -> None:
    seconds = []
    for count in (1_000, 10_000):
        file = tmp_path / f"{count}.xml"
        size = "<size><width>64</width><height>64</height></size>"
        file.write_text(f"<annotation><filename>a.png</filename>{size}{body(count)}</annotation>")
        tries = []
        for _ in range(3):  # the fastest: others met garbage collections of what earlier tests left
            begun = process_time()
            data = read(file, ReadOptions())[0]
            tries.append(process_time() - begun)
        seconds.append(min(tries))
        assert len(data.images[0].instances) == (count if body is objects else 1)
    assert seconds[1] < 40 * seconds[0]


def test_the_source_is_looked_for_once_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(pascal_voc, "_counts_from_one", lambda annotation: bool(calls.append(annotation)))
    size = "<size><width>64</width><height>64</height></size>"
    (tmp_path / "a.xml").write_text(f"<annotation><filename>a.png</filename>{size}{objects(5)}</annotation>")
    assert len(read(tmp_path / "a.xml", ReadOptions())[0].images[0].instances) == 5
    assert len(calls) == 1
