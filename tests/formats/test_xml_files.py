"""XML that would take all memory, or read a file, is refused; XML that cannot be read, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from layoutgen.errors import InvalidFile
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.xml_files import read_xml

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l9;</a>', "defines entities"),
        ('<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>', "defines entities"),
        ('<?xml version="1.0" encoding="utf-7"?><a/>', "is not XML: "),
        ('<?xml version="1.0" encoding="shift_jis"?><a/>', "is not XML: "),
        ("<a><b></a>", "is not XML: mismatched tag"),
        ("<a>\0</a>", "is not XML: "),
        ("", "is not XML: no element found"),
    ],
)
def test_a_harmful_xml(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "annotations.xml"
    file.write_text(content)
    with pytest.raises(InvalidFile) as caught:
        read_xml(file)
    assert f"{file}: {problem}" in str(caught.value) and caught.value.remedy


def test_a_harmful_xml_of_cvat_is_one_line(tmp_path: Path) -> None:
    content = '<?xml version="1.0" encoding="utf-7"?><annotations><image name="a"/></annotations>'
    (tmp_path / "annotations.xml").write_text(content)
    with pytest.raises(InvalidFile, match="is not XML"):
        open_annotated(tmp_path)


def test_deep_xml_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a>" * 20_000 + "</a>" * 20_000)
    assert read_xml(tmp_path / "a.xml").tag == "a"
