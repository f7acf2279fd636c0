"""Bad input to every command: one line that says what, where and what to do, exit code 2, nothing written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

IMAGES = [("a.png", 200, 100), ("b.png", 100, 300)]
OBJECTS = [(1, "dog", [10.0, 20.0, 50.0, 40.0]), (2, "cat", [5.0, 5.0, 90.0, 290.0])]


def change(where: str, entry: int, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document[where][entry].update(values)


def remove(where: str, entry: int, key: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document[where][entry].pop(key)


DOCUMENTS = {
    "inverted box": (change("annotations", 1, bbox=[50, 50, -10, 20]), "annotations[1].bbox"),
    "NaN": (change("annotations", 1, bbox=[float("nan"), 0, 10, 20]), "annotations[1].bbox"),
    "infinite": (change("annotations", 0, bbox=[0, 0, float("inf"), 20]), "annotations[0].bbox"),
    "three numbers": (change("annotations", 0, bbox=[0, 0, 1]), "annotations[0].bbox"),
    "text for a number": (change("annotations", 0, bbox=["zero", 0, 1, 1]), "annotations[0].bbox"),
    "no box": (remove("annotations", 0, "bbox"), "annotations[0].bbox"),
    "orphan annotation": (change("annotations", 1, image_id=77), "annotations[1].image_id"),
    "unknown category": (change("annotations", 0, category_id=77), "annotations[0].category_id"),
    "no file name": (remove("images", 1, "file_name"), "images[1].file_name"),
    "no width": (remove("images", 1, "width"), "images[1].width"),
    "flat image": (change("images", 0, height=0), "images[0].height"),
    "an id twice": (change("images", 1, id=1), "images[1].id"),
    "no images": (lambda document: document.pop("images"), "images"),
    "captions instead": (lambda document: document.pop("categories"), "categories"),
}


@pytest.fixture(params=["prepare", "visualize"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path, Path], list[object]]:
    """The command line that reads a COCO json and its images."""
    if request.param == "prepare":
        return lambda photos, file: ["prepare", "coco", photos, file, "-o", tmp_path / "out"]
    return lambda photos, file: ["visualize", file, "--images", photos, "-o", tmp_path / "out"]


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_bad_document(refused, coco, command, tree, case: str) -> None:
    spoil, place = DOCUMENTS[case]
    photos, file = coco(IMAGES, OBJECTS)
    document = json.loads(file.read_text())
    spoil(document)
    file.write_text(json.dumps(document))
    before = tree()
    line = refused(*command(photos, file), "--strict")
    assert str(file) in line and place in line
    assert tree() == before


@pytest.mark.parametrize(
    "case", [name for name in DOCUMENTS if name not in ("no images", "captions instead")]
)
def test_a_bad_entry_costs_that_entry_only(run, coco, command, case: str) -> None:
    spoil, place = DOCUMENTS[case]
    photos, file = coco([*IMAGES, ("c.png", 60, 40)], [*OBJECTS, (3, "dog", [5.0, 5.0, 20.0, 30.0])])
    document = json.loads(file.read_text())
    spoil(document)
    file.write_text(json.dumps(document))
    result = run(*command(photos, file))
    assert result.exit_code == 0, result.stderr
    assert place in result.stdout and ("dropped: 1 x" in result.stdout or "mended: 1 x" in result.stdout)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"images": [{"id": 1, ', "cut off"),
        (b"[1, 2]", "must hold a JSON object"),
        (b"images: []", "not JSON"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not UTF-8"),
        (None, "no such file"),
    ],
)
def test_a_file_that_is_no_coco_json(
    refused, coco, command, tree, content: bytes | None, problem: str
) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    file.unlink() if content is None else file.write_bytes(content)
    before = tree()
    line = refused(*command(photos, file))
    assert str(file) in line and problem in line
    assert tree() == before


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n\0\0", None])
def test_an_image_that_is_none(refused, coco, command, tree, content: bytes | None) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    (photos / "b.png").unlink() if content is None else (photos / "b.png").write_bytes(content)
    before = tree()
    assert str(photos / "b.png") in refused(*command(photos, file))
    assert tree() == before


def test_an_image_of_another_size(refused, coco, command, picture, tree) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    picture(101, 300).save(photos / "b.png")
    before = tree()
    line = refused(*command(photos, file))
    assert "has 101 x 300 pixels, but the annotations say 100 x 300" in line
    assert tree() == before


@pytest.mark.parametrize("kind", ["file", "foreign results"])
def test_an_output_that_cannot_be_used(refused, coco, command, tmp_path: Path, tree, kind: str) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    if kind == "file":
        (tmp_path / "out").write_text("mine")
    else:
        for name in ("images", "overlays"):
            (tmp_path / "out" / name).mkdir(parents=True)
            (tmp_path / "out" / name / "holiday.jpg").write_text("mine")
    before = tree()
    assert str(tmp_path / "out") in refused(*command(photos, file), "--overwrite")
    assert tree() == before


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--min-area", "nan"], "--min-area"),
        (["--min-area", "32"], "fraction of the image"),
        (["--max-instances", "0"], "--max-instances"),
        (["--category", "dgo"], "did you mean 'dog'"),
        (["--category", "dog", "--min-area", "0.9"], "no image is left"),
        (["--captions", "nowhere.json"], "nowhere.json"),
    ],
)
def test_prepare_options_that_cannot_work(refused, coco, tmp_path: Path, tree, options, problem: str) -> None:
    written = coco(IMAGES, OBJECTS)
    before = tree()
    assert problem in refused("prepare", "coco", *written, "-o", tmp_path / "out", *options)
    assert tree() == before


def test_prepare_with_an_instances_json_as_captions(refused, coco, tmp_path: Path, tree) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    before = tree()
    line = refused("prepare", "coco", photos, file, "-o", tmp_path / "out", "--captions", file)
    assert "caption" in line
    assert tree() == before


METADATA = {"file_name": "a.png", "text": "a dog", "objects": {"bbox": [[0, 0, 9, 9]], "category": ["dog"]}}


@pytest.mark.parametrize(
    "entry",
    [
        '{"file_name": "a.png", "objects": {"bbox": [[0, 0',
        json.dumps(METADATA | {"objects": {"bbox": [[0, 0, 9, 9]], "category": []}}),
        json.dumps(METADATA | {"objects": {"bbox": [[0, 0, -9, 9]], "category": ["dog"]}}),
        json.dumps(METADATA | {"objects": {"bbox": [[0, 0, float("nan"), 9]], "category": ["dog"]}}),
        json.dumps(METADATA | {"objects": {"bbox": [[0, 0, 9, 9]], "category": [""]}}),
        json.dumps(METADATA | {"objects": 3}),
        json.dumps({"text": "a dog"}),
        json.dumps(METADATA | {"file_name": "gone.png"}),
        "",
    ],
)
def test_broken_prepared_data(refused, picture, tmp_path: Path, tree, entry: str) -> None:
    (tmp_path / "data").mkdir()
    picture(20, 20).save(tmp_path / "data" / "a.png")
    (tmp_path / "data" / "metadata.jsonl").write_text(entry + "\n")
    before = tree()
    assert str(tmp_path / "data") in refused("visualize", tmp_path / "data", "--strict")
    assert tree() == before


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_an_image_without_a_layout(refused, picture, tmp_path: Path, tree, content: bytes | None) -> None:
    if content is None:
        picture(20, 20).save(tmp_path / "a.png")
    else:
        (tmp_path / "a.png").write_bytes(content)
    before = tree()
    assert str(tmp_path / "a.png") in refused("visualize", tmp_path / "a.png")
    assert tree() == before
