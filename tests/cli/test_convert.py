"""`layoutgen convert`: any format in, another out, and what is lost is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.registry import WRITABLE

IMAGES = [("a.png", 64, 48), ("sub/a.jpg", 80, 40), ("c.png", 30, 20)]
OBJECTS = [
    (1, "dog", [4.0, 5.0, 20.0, 18.0]),
    (1, "cat", [30.0, 5.0, 20.0, 18.0]),
    (2, "dog", [10.0, 10.0, 30.0, 20.0]),
]


def found(path: Path) -> dict[str, list[tuple[str, list[float]]]]:
    """The objects of each image, by its size, which no format changes."""
    return {
        f"{image.size}": [(one.label, np.round(one.box.xyxy, 4).tolist()) for one in image.instances]
        for image in open_annotated(path).images
    }


@pytest.mark.parametrize("last", WRITABLE)
@pytest.mark.parametrize("first", WRITABLE)
def test_there_and_back(run, coco, tmp_path: Path, first: str, last: str) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    result = run("convert", photos, file, tmp_path / "one", "--to", first)
    assert result.exit_code == 0, result.stderr
    assert f"3 images with 3 objects as {'COCO' if first == 'coco' else ''}" in result.stdout
    assert run("convert", tmp_path / "one", tmp_path / "two", "--to", last, "-q").exit_code == 0
    assert found(tmp_path / "two") == {
        "(64, 48)": [("dog", [4, 5, 24, 23]), ("cat", [30, 5, 50, 23])],
        "(80, 40)": [("dog", [10, 10, 40, 30])],
        "(30, 20)": [],
    }


def test_losses_and_defects_are_said(run, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, [*OBJECTS, (1, "dog", [1.0, 1.0, 0.0, 5.0])])
    document = json.loads(file.read_text())
    document["annotations"][0]["iscrowd"] = 1
    document["annotations"][1]["segmentation"] = [[30, 5, 50, 5, 50, 23]]
    document["images"][0]["prompt"] = "a dog"
    file.write_text(json.dumps(document))
    said = run("convert", photos, file, tmp_path / "out", "--to", "createml").stdout
    assert "dropped: 1 x no area inside the image: annotations[3].bbox" in said
    assert (
        "CreateML cannot hold everything; lost or changed: 1 outlines, 1 regions to ignore, 1 captions"
        in said
    )
    assert "3 images with 2 objects as CreateML" in said
    said = run("convert", photos, file, tmp_path / "same", "--to", "coco").stdout
    assert "cannot hold" not in said
    said = run("convert", photos, file, tmp_path / "boxes", "--to", "yolo", "--boxes-only").stdout
    assert "outlines" not in said
    assert (tmp_path / "boxes" / "labels" / "sub_a.txt").read_text() == "1 0.3125 0.5 0.375 0.5\n"


def test_images_are_copied_or_turned_as_they_were_annotated(run, coco, tmp_path: Path, picture) -> None:
    photos, file = coco([("a.png", 40, 30), ("b.png", 40, 30)], [(1, "dog", [1.0, 2.0, 9.0, 9.0])])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    picture(40, 30).save(photos / "b.png", exif=exif)
    assert run("convert", photos, file, tmp_path / "out", "--to", "voc", "-q").exit_code == 0
    images = tmp_path / "out" / "JPEGImages"
    assert (images / "a.png").read_bytes() == (photos / "a.png").read_bytes()
    with Image.open(images / "b.png") as turned:
        assert ExifTags.Base.Orientation not in turned.getexif()
        np.testing.assert_array_equal(np.asarray(turned), np.asarray(picture(40, 30)))


def test_images_of_one_name_stay_apart(run, coco, tmp_path: Path) -> None:
    photos, file = coco([("x.png", 40, 30), ("x.jpg", 50, 30), ("images/x.png", 60, 30)], OBJECTS)
    assert run("convert", photos, file, tmp_path / "out", "--to", "labelme", "-q").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("x*")) == [
        *("x-2.jpg", "x-2.json", "x-3.json", "x-3.png", "x.json", "x.png")
    ]
    assert found(tmp_path / "out")["(40, 30)"][0] == ("dog", [4, 5, 24, 23])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["out", "--to", "yolo"], "name what to read and the folder to write to"),
        (["{file}", "out", "--to", "tfrecord"], "tfrecord is no format that can be written"),
        (["nowhere", "out", "--to", "yolo"], "nowhere: there is no such file or folder"),
        (["{file}", "{file}", "--to", "yolo"], "is a file; name a folder"),
        (["{file}", "out", "--to", "yolo", "--units", "mm"], "--units must be pixels or fraction, not mm"),
    ],
)
def test_what_cannot_work_is_one_line(
    refused, coco, tmp_path: Path, tree, monkeypatch, arguments, said
) -> None:
    _, file = coco(IMAGES, OBJECTS)
    monkeypatch.chdir(tmp_path)
    before = tree()
    assert said in refused("convert", *(one.format(file=file) for one in arguments))
    assert tree() == before


def test_results_are_not_overwritten_in_silence(run, refused, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    arguments = ["convert", photos, file, tmp_path / "out", "--to", "yolo", "-q"]
    assert run(*arguments).exit_code == 0
    assert "already holds images" in refused(*arguments)
    assert run(*arguments, "--overwrite").exit_code == 0
