"""Images as people have them: names, sizes, fractions, several inputs, through `prepare coco`."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.coco_case import BOX, Case, annotation, image


@pytest.fixture
def case(tmp_path: Path, run) -> Case:
    return Case(tmp_path, run)


@pytest.mark.parametrize(
    "size", [{}, {"width": None, "height": None}, {"width": 0, "height": 0}, {"width": 64}, {"height": "?"}]
)
def test_a_size_that_is_absent_is_read_from_the_image(case: Case, size: dict[str, Any]) -> None:
    case.write([annotation()], [{"id": 1, "file_name": "a.jpg"} | size])
    assert "mended: 1 x size of the image read from its file: images[0]" in case.prepare()
    assert (case.lines[0]["width"], case.lines[0]["height"]) == (64, 48)


@pytest.mark.parametrize("size", [{"width": "64", "height": "48"}, {"width": 64.0, "height": 48.0}])
def test_a_size_in_text_or_floats(case: Case, size: dict[str, Any]) -> None:
    case.write([annotation()], [image(**size)])
    assert "mended" not in case.prepare()
    assert case.lines[0]["width"] == 64


@pytest.mark.parametrize(
    "name",
    [
        "images\\a.jpg",
        "images/a.jpg",
        "..\\..\\ls\\media\\upload\\4\\a.jpg",
        "../images/a.jpg",
        "sub/../a.jpg",
        "./a.jpg",
        "C:\\Users\\me\\photos\\a.jpg",
        "/home/me/photos/a.jpg",
        "images/images/a.jpg",
        "A.JPG",
        "%61.jpg",
        "images%2Fa.jpg",
        "images%5Ca.jpg",
        "/data/upload/1/a.jpg",
    ],
)
def test_names_of_images_as_other_tools_write_them(case: Case, name: str) -> None:
    case.write([annotation()], [image(file_name=name)])
    assert "dropped" not in case.prepare()
    assert case.boxes == [BOX] and case.lines[0]["file_name"] == "images/a.jpg"


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("named", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Hündin.jpg", "café/chien é.jpg", "ä ö ü.jpg"])
def test_composed_and_decomposed_letters_are_the_same(case: Case, stored: str, named: str, name: str) -> None:
    path = case.folder / "images" / unicodedata.normalize(stored, name)
    path.parent.mkdir(exist_ok=True)
    case.photo.save(path)
    case.write([annotation()], [image(file_name=unicodedata.normalize(named, name))])
    case.prepare()
    assert case.boxes == [BOX]


def test_a_name_that_two_files_answer_to_is_not_guessed(case: Case, refused) -> None:
    for folder in ("x", "y"):
        (case.folder / "images" / folder).mkdir()
        case.photo.save(case.folder / "images" / folder / "b.jpg")
    case.write([annotation()], [image(file_name="z/b.jpg")])
    arguments = ["prepare", "coco", case.folder / "images", case.folder / "coco.json"]
    assert "z/b.jpg: there is no such image" in refused(*arguments, "-o", case.folder / "out")
    case.write([annotation()], [image(file_name="z/y/b.jpg")])
    case.prepare()
    assert case.lines[0]["file_name"] == "images/y/b.jpg"


@pytest.mark.parametrize("name", ["/etc/passwd", "../../secret.jpg", "..", "a\0.jpg", "x" * 300 + ".jpg"])
def test_a_name_never_leads_out_of_the_folder(case: Case, refused, name: str) -> None:
    case.write([annotation()], [image(file_name=name)])
    arguments = ["prepare", "coco", case.folder / "images", case.folder / "coco.json"]
    assert "there is no such image" in refused(*arguments, "-o", case.folder / "out")


@pytest.mark.parametrize("folder", ["images", "", "img", "train2017", "data/raw", "JPEGImages"])
def test_images_beside_the_json_or_in_any_usual_folder(case: Case, folder: str) -> None:
    (case.folder / "images" / "a.jpg").unlink()
    (case.folder / "images").rmdir()
    (case.folder / folder).mkdir(parents=True, exist_ok=True)
    case.photo.save(case.folder / folder / "a.jpg")
    file = case.write([annotation()])
    result = case.run("prepare", "coco", file, "-o", case.folder / "out")
    assert result.exit_code == 0, result.stderr
    assert case.boxes == [BOX]


FRACTIONS = [
    [[0.1, 0.1, 0.4, 0.5]],
    [[0, 0, 1, 1]],
    [[0.5, 0.5, 0.5, 0.5], [0.0, 0.1, 0.2, 0.3]],
    [[0.1, 0.1, 1.2, 0.2]],
    [["0.1", "0.1", "0.4", "0.5"]],
    [{"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}],
]


@pytest.mark.parametrize("boxes", FRACTIONS)
def test_boxes_in_fractions_are_refused_or_read_as_such(case: Case, refused, boxes: list[Any]) -> None:
    file = case.write([annotation(id=k, bbox=box) for k, box in enumerate(boxes, 1)])
    arguments = ["prepare", "coco", case.folder / "images", file, "-o", case.folder / "out"]
    line = refused(*arguments)
    assert "fractions of the image, not pixels (read them as such: --units fraction)" in line
    case.prepare("--units", "fraction")
    numbers = [float(v) for v in (boxes[0].values() if isinstance(boxes[0], dict) else boxes[0])]
    x, y, w, h = (number * side for number, side in zip(numbers, (64, 48, 64, 48), strict=True))
    assert case.boxes[0] == pytest.approx([x, y, min(w, 64 - x), min(h, 48 - y)])


@pytest.mark.parametrize("bbox", [[-5, 5, 20, 18], [50, 5, 20, 18], [4, 40, 20, 18], [-9, -9, 99, 99]])
def test_boxes_cut_to_the_image_are_counted_apart(case: Case, bbox: list[float]) -> None:
    case.write([annotation(), annotation(id=2, bbox=bbox)])
    assert "kept 1 2 of these, cut to the image - 1 " in case.prepare()


@pytest.mark.parametrize(
    "values", [np.int32([0, 61420]), np.float32([0, 1]), np.int32([0, 255]), np.float32([-3, 7])]
)
def test_images_of_more_bits_are_not_cut_white(case: Case, values: np.ndarray) -> None:
    ramp = np.linspace(values[0], values[1], 64 * 48).reshape(48, 64).astype(values.dtype)
    Image.fromarray(ramp).save(case.folder / "images" / "a.tif")
    case.write([annotation()], [image(file_name="a.tif")])
    case.prepare()
    grey = np.asarray(Image.open(case.folder / "out" / "images" / "a.png"))[..., 0].astype(float)
    assert 110 < grey.mean() < 135 and grey.max() > 230
    assert np.all(np.diff(grey.reshape(-1)) >= 0)


@pytest.mark.parametrize("name", ["dgo", "Dog", "dogs", " DOG ", "Dogs"])
def test_a_category_in_other_words_gets_a_hint(case: Case, refused, name: str) -> None:
    file = case.write([annotation()])
    arguments = ["prepare", "coco", case.folder / "images", file, "-o", case.folder / "out"]
    assert "did you mean 'dog'?" in refused(*arguments, "--category", name)


def test_several_inputs_are_merged_with_ids_of_their_own(case: Case, tmp_path: Path) -> None:
    first = case.write([annotation()])
    other = tmp_path / "other"
    (other / "images").mkdir(parents=True)
    Image.new("RGB", (30, 20)).save(other / "images" / "a.jpg")
    document = {
        "images": [image(width=30, height=20)],
        "annotations": [annotation(bbox=[1, 2, 3, 4]), annotation(image_id=5)],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (other / "coco.json").write_text(json.dumps(document))
    result = case.run(
        "prepare", "coco", case.folder / "images", first, other / "coco.json", "-o", case.folder / "out"
    )
    assert result.exit_code == 0, result.stderr
    assert f"{other / 'coco.json'}, annotations[1].image_id" in result.stdout
    assert [line["objects"]["category"] for line in case.lines] == [["dog"], ["cat"]]
    assert [line["width"] for line in case.lines] == [64, 30]
    assert len({line["file_name"] for line in case.lines}) == 2


def test_nobody_is_told_to_loosen_filters(case: Case, refused) -> None:
    case.write([annotation(id=k, bbox=[k, 5, 40, 40]) for k in range(1, 9)])
    said = case.prepare()
    assert "Masks: 8 boxes, none with a mask; --masks grabcut makes them" in said
    line = refused("prepare", "scenes", case.folder / "out", "-o", case.folder / "scenes")
    assert "8 boxes, none with a mask (make masks from the boxes" in line
