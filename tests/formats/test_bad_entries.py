"""A bad entry at any place of any list of any format costs that entry only."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from layoutgen.errors import InvalidFile
from layoutgen.formats.annotated_source import open_annotated
from tests.formats.data_sets import example, read, written_as


def edit_json(path: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def _yolo(path: Path, place: int, bad: str) -> None:
    file = path / "labels" / "a.txt"
    lines = file.read_text().splitlines()
    lines.insert(place, bad)
    file.write_text("\n".join(lines))


def _voc(path: Path, place: int, bad: str) -> None:
    file = path / "Annotations" / "a.xml"
    head, *objects = file.read_text().split("<object>")
    last, tail = objects[-1].split("</object>")
    objects[-1] = last + "</object>"
    objects.insert(place, bad + "</object>")
    file.write_text(head + "".join("<object>" + one for one in objects) + tail)


def _labelme(path: Path, place: int, bad: str) -> None:
    edit_json(path / "a.json", lambda content: content["shapes"].insert(place, json.loads(bad)))


def _createml(path: Path, place: int, bad: str) -> None:
    file = path / "_annotations.createml.json"
    edit_json(file, lambda content: content[0]["annotations"].insert(place, json.loads(bad)))


def _label_studio(path: Path, place: int, bad: str) -> None:
    def change(content: Any) -> None:
        content[0]["annotations"][0]["result"].insert(place, json.loads(bad))

    edit_json(path / "label_studio.json", change)


def _huggingface(path: Path, place: int, bad: str) -> None:
    lines = (path / "metadata.jsonl").read_text().splitlines()
    content = json.loads(lines[0])
    bbox, category = json.loads(bad)
    content["objects"]["bbox"].insert(place, bbox)
    content["objects"]["category"].insert(place, category)
    (path / "metadata.jsonl").write_text("\n".join([json.dumps(content), *lines[1:]]))


def shape(**changes: Any) -> str:
    plain = {"label": "dog", "points": [[1, 2], [9, 8]], "shape_type": "rectangle", "group_id": None}
    return json.dumps(plain | changes)


def result(**changes: Any) -> str:
    sides = {"x": 10, "y": 10, "width": 10, "height": 10, "rotation": 0, "rectanglelabels": ["dog"]}
    plain = {"type": "rectanglelabels", "original_width": 64, "original_height": 48}
    return json.dumps(plain | {"value": sides | changes})


BAD = {
    "yolo": (
        _yolo,
        ["9 .5 .5 .1 .1", "0 .5 .5 .1", "0 a b c d", "0 30 20 9 9", "0 .5 .5 0 .1", "dog .5 .5 1 1"],
    ),
    "voc": (
        _voc,
        [
            "<name>dog</name>",
            "<name>dog</name><bndbox><xmin>1</xmin></bndbox>",
            "<name>dog</name><bndbox><xmin>nan</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>",
            "<name>dog</name><bndbox><xmin>5</xmin><ymin>3</ymin><xmax>wide</xmax><ymax>1</ymax></bndbox>",
            "<name></name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>",
            "<name>dog</name><bndbox><xmin>91</xmin><ymin>1</ymin><xmax>99</xmax><ymax>9</ymax></bndbox>",
        ],
    ),
    "labelme": (
        _labelme,
        [
            shape(points=[]),
            shape(points=[[1, 2]]),
            shape(points=[["a", 2], [3, 4]]),
            shape(label=None),
            shape(shape_type="point", points=[[1, 2]]),
            shape(points=[[1, 2], [1, 8]]),
            "null",
            "7",
        ],
    ),
    "createml": (
        _createml,
        [
            "null",
            "{}",
            '{"label": "dog"}',
            '{"label": "dog", "coordinates": {"x": 1, "y": 2, "width": 3}}',
            '{"label": "dog", "coordinates": {"x": 1, "y": 2, "width": 0, "height": 3}}',
            '{"label": "", "coordinates": {"x": 9, "y": 9, "width": 3, "height": 3}}',
        ],
    ),
    "label-studio": (
        _label_studio,
        [
            result(x=None),
            result(width=0),
            result(x=300),
            result(rectanglelabels=[]),
            result(height="tall"),
            json.dumps({"type": "rectanglelabels", "value": {"points": [[1, 2]], "polygonlabels": ["dog"]}}),
        ],
    ),
    "huggingface": (
        _huggingface,
        [
            '[[1, 2, 3], "dog"]',
            '[null, "dog"]',
            '[[1, 2, 3, 0], "dog"]',
            '[[1, 2, 3, 4], ""]',
            "[[1, 2, 3, 4], null]",
            '[[90, 2, 3, 4], "dog"]',
        ],
    ),
}


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, (_, kinds) in BAD.items() for bad in kinds])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_entry_at_any_place_costs_that_entry_only(
    tmp_path: Path, name: str, bad: str, place: int
) -> None:
    data = example()
    plain = replace(data, images=tuple(replace(image, masks=()) for image in data.images))
    path = written_as(name, plain, tmp_path)
    BAD[name][0](path, place, bad)
    again = read(path)
    assert len(again.dropped) == 1
    for image in again.images:
        if Path(image.file_name).stem == "a":
            assert [(one.label, one.box.xyxy) for one in image.instances] == [
                ("dog", pytest.approx((4, 5, 24, 23))),
                ("cat", pytest.approx((30, 5, 50, 23))),
            ]
    with pytest.raises(InvalidFile):
        read(path, strict=True)


@pytest.mark.parametrize("bad", [5, "dog", True, {"a": 1}, 1.5])
@pytest.mark.parametrize(
    ("name", "file", "change"),
    [
        ("createml", "_annotations.createml.json", lambda content, bad: content[0].update(annotations=bad)),
        ("label-studio", "label_studio.json", lambda content, bad: content[0].update(annotations=bad)),
        (
            "label-studio",
            "label_studio.json",
            lambda content, bad: content[0]["annotations"][0].update(result=bad),
        ),
    ],
)
def test_what_is_no_list_costs_that_image_only(
    tmp_path: Path, name: str, file: str, change: Any, bad: Any
) -> None:
    path = written_as(name, example(), tmp_path)
    edit_json(path / file, lambda content: change(content, bad))
    again = read(path)
    assert [one.reason for one in again.dropped] == ["something that should be a list"]
    assert sorted(len(image.instances) for image in again.images) == [0, 0, 1]


@pytest.mark.parametrize("name", ["x" * 10_000, "a\0b", "\ud800", "/dev/zero", "../../etc/passwd", "."])
@pytest.mark.parametrize("kind", ["coco", "labelme", "createml", "label-studio", "huggingface"])
def test_a_name_that_is_no_path_is_a_missing_image(tmp_path: Path, kind: str, name: str) -> None:
    folder = written_as(kind, example(), tmp_path)
    for file in [*folder.rglob("*.json"), *folder.rglob("*.jsonl")]:
        text = file.read_text().replace("images/", "").replace("a.png", json.dumps(name)[1:-1])
        file.write_text(text)
    with suppress(InvalidFile):
        source = open_annotated(folder)
        found = [source.file_of(image).resolve() for image in source.images]
        assert found and all(path.is_relative_to(tmp_path) and path.is_file() for path in found)


@pytest.mark.parametrize("value", [1e308, 10**400])
def test_a_box_whose_area_is_no_number_is_dropped(tmp_path: Path, value: float) -> None:
    folder = written_as("createml", example(), tmp_path)
    (file,) = folder.glob("*.json")
    content = json.loads(file.read_text())
    content[0]["annotations"][0]["coordinates"] |= {"width": value, "height": value}
    file.write_text(json.dumps(content))
    found = read(folder)
    assert [one.reason for one in found.dropped] == ["box without four finite numbers"]
