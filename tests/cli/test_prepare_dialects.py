"""Annotation files as people have them: each kind of oddity with several inputs, through `prepare coco`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.coco_case import BOX, OUTLINE, RLE, Case, annotation, image


@pytest.fixture
def case(tmp_path: Path, run) -> Case:
    return Case(tmp_path, run)


@pytest.mark.parametrize(
    "bbox",
    [
        {"x": 4, "y": 5, "width": 20, "height": 18},
        {"x": 4, "y": 5, "w": 20, "h": 18},
        {"left": 4, "top": 5, "width": 20, "height": 18},
        {"xmin": 4, "ymin": 5, "xmax": 24, "ymax": 23},
        {"x_min": 4, "y_min": 5, "x_max": 24, "y_max": 23},
        {"X": "4", "Y": "5", "Width": "20", "Height": "18"},
        {"x1": 4, "y1": 5, "x2": 24, "y2": 23},
        ["4", "5", "20", "18"],
        ["4.0", 5, " 20 ", 18.0],
    ],
)
def test_boxes_in_other_shapes(case: Case, bbox: Any) -> None:
    case.write([annotation(bbox=bbox)])
    assert "dropped" not in case.prepare()
    assert case.boxes == [BOX]


@pytest.mark.parametrize(
    "changes",
    [
        {"iscrowd": None, "area": None, "segmentation": None},
        {"iscrowd": "0"},
        {"iscrowd": False},
        {"iscrowd": 0.0},
        {"iscrowd": "false"},
        {"iscrowd": ""},
        {"area": "360"},
        {"segmentation": []},
        {"segmentation": {}},
        {"id": None},
        {"id": "first"},
        {"attributes": {"occluded": False}, "score": None},
    ],
)
def test_optional_fields_that_say_nothing(case: Case, changes: dict[str, Any]) -> None:
    case.write([annotation(**changes)])
    assert "dropped" not in (said := case.prepare()) and "mended" not in said
    assert case.boxes == [BOX]


@pytest.mark.parametrize("field", ["id", "area", "iscrowd", "segmentation"])
def test_optional_fields_that_are_absent(case: Case, field: str) -> None:
    one = annotation()
    one.pop(field, None)
    case.write([one, {**one, "bbox": [30, 5, 20, 18]}])
    assert "dropped" not in case.prepare()
    assert case.boxes == [BOX, [30, 5, 20, 18]]


@pytest.mark.parametrize("crowd", [1, True, "1", 1.0, "true", "True"])
def test_crowds_however_they_are_written(case: Case, crowd: Any) -> None:
    case.write([annotation(), annotation(id=2, bbox=[30, 5, 20, 18], iscrowd=crowd)])
    assert "dropped: crowd region" in case.prepare()
    assert case.boxes == [BOX]


@pytest.mark.parametrize(
    ("image_id", "category_id", "listed_image", "listed_category"),
    [
        ("1", "1", "1", "1"),
        ("1", "1", 1, 1),
        (1, 1, "1", "1"),
        (1.0, 1.0, 1, 1),
        ("scene_a", 1, "scene_a", 1),
        ("0001", 1, "1", 1),
        ("b1f7-4e", "k9", "b1f7-4e", "k9"),
        (0, 0, 0, 0),
        (-5, 1, -5, 1),
        (1, "dog", 1, 7),
    ],
)
def test_ids_of_any_kind(
    case: Case, image_id: Any, category_id: Any, listed_image: Any, listed_category: Any
) -> None:
    one = annotation(image_id=image_id, category_id=category_id)
    case.write([one], [image(id=listed_image)], [{"id": listed_category, "name": "dog"}])
    assert "dropped" not in case.prepare()
    assert case.boxes == [BOX] and case.lines[0]["objects"]["category"] == ["dog"]


def test_text_ids_beside_numbers_stay_apart(case: Case) -> None:
    case.photo.save(case.folder / "images" / "b.jpg")
    case.write(
        [annotation(image_id="two"), annotation(image_id=1, bbox=[30, 5, 20, 18])],
        [image(), image(id="two", file_name="b.jpg")],
    )
    case.prepare()
    assert {line["file_name"]: line["objects"]["bbox"] for line in case.lines} == {
        "images/a.jpg": [[30, 5, 20, 18]],
        "images/b.jpg": [BOX],
    }


@pytest.mark.parametrize(
    "segmentation",
    [
        [OUTLINE],
        OUTLINE,
        [[str(value) for value in OUTLINE]],
        [[[x, y] for x, y in zip(OUTLINE[::2], OUTLINE[1::2], strict=True)]],
        [[x, y] for x, y in zip(OUTLINE[::2], OUTLINE[1::2], strict=True)],
        [[{"x": x, "y": y} for x, y in zip(OUTLINE[::2], OUTLINE[1::2], strict=True)]],
        [OUTLINE, [1, 1]],
        RLE,
        RLE | {"counts": [float(run) for run in RLE["counts"]]},
        RLE | {"size": [48.0, 64.0]},
        {"size": ["48", "64"], "counts": [str(run) for run in RLE["counts"]]},
    ],
)
@pytest.mark.parametrize("bbox", [BOX, None, [], [0, 0, 0, 0], [float("inf"), 5, 20, 18]])
def test_outlines_in_other_shapes_are_kept_and_give_the_box(case: Case, segmentation: Any, bbox: Any) -> None:
    case.write([annotation(bbox=bbox, segmentation=segmentation)])
    said = case.prepare()
    assert "of these, with a mask - 1" in said and "dropped" not in said
    assert ("mended: 1 x box taken from the outline: annotations[0]" in said) == (bbox != BOX)
    assert case.boxes == [BOX]
    result = case.run("prepare", "scenes", case.folder / "out", "-o", case.folder / "s", "--size", 8, 24)
    assert "1 box, none to cut out: 1 smaller than 32 px" in result.stderr  # the mask was read back


@pytest.mark.parametrize(
    "bbox",
    [
        [float("inf"), float("inf"), float("-inf"), float("-inf")],
        [float("nan"), 5, 20, 18],
        [4, 5, 0, 18],
        [4, 5, 20, 0.0],
        [100, 5, 20, 18],
        [-30, 5, 20, 18],
        [4, 5, 20],
        [4, 5, 20, 18, 1],
        [],
        None,
        "4 5 20 18",
        [4, 5, "wide", 18],
        [4, 5, None, 18],
        [[4, 5], [20, 18]],
        {"x": 4, "y": 5},
        10**400,
        [4, 5, 10**400, 18],
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_box_that_is_none_costs_that_entry_only(case: Case, bbox: Any, place: int) -> None:
    entries = [annotation(id=7), annotation(id=8, bbox=[30, 5, 20, 18])]
    entries.insert(place, annotation(id=9, bbox=bbox))
    case.write(entries)
    assert f": annotations[{place}].bbox" in case.prepare()
    assert case.boxes == [BOX, [30, 5, 20, 18]]


@pytest.mark.parametrize(
    ("bbox", "turned"),
    [
        ([24, 23, -20, -18], True),
        ([24, 5, -20, 18], True),
        ([4, 23, 20, -18], True),
        (["24", 23, -20.0, "-18"], True),
        ({"x": 24, "y": 23, "width": -20, "height": -18}, True),
        ({"xmin": 24, "ymin": 23, "xmax": 4, "ymax": 5}, True),
        (BOX, False),
    ],
)
def test_a_box_drawn_backwards_is_turned(case: Case, bbox: Any, turned: bool) -> None:
    case.write([annotation(bbox=bbox)])
    said = case.prepare()
    assert case.boxes == [BOX]
    assert ("mended: 1 x box drawn backwards, turned round: annotations[0].bbox" in said) == turned


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (annotation(image_id=99), "annotation of an image that is not listed"),
        (annotation(image_id=None), "annotation of an image that is not listed"),
        (annotation(image_id="none"), "annotation of an image that is not listed"),
        (annotation(image_id=[1]), "annotation of an image that is not listed"),
        (annotation(category_id=99), "annotation of a category that is not listed"),
        (annotation(category_id="cat"), "annotation of a category that is not listed"),
        (annotation(category_id=None), "no label"),
        (annotation(category_id=[1]), "no label"),
        ({"bbox": BOX}, "annotation of an image that is not listed"),
        (None, "entry without fields"),
        (3, "entry without fields"),
        ([BOX], "entry without fields"),
        ("dog", "entry without fields"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_orphan_costs_that_entry_only(case: Case, bad: Any, reason: str, place: int) -> None:
    entries: list[Any] = [annotation(id=7), annotation(id=8, bbox=[30, 5, 20, 18])]
    entries.insert(place, bad)
    case.write(entries)
    assert f"dropped: 1 x {reason}: annotations[{place}]" in case.prepare()
    assert case.boxes == [BOX, [30, 5, 20, 18]]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_same_annotation_again_counts_once(case: Case, count: int) -> None:
    case.write([annotation()] * count + [annotation(id=2)])
    assert f"dropped: {count - 1} x the same entry twice: annotations[1]" in case.prepare()
    assert case.boxes == [BOX, BOX]


@pytest.mark.parametrize(
    ("second", "kept"),
    [(image(), True), (image(id="1"), True), (image(id=1.0), True), (image(license=3), True)],
)
def test_the_same_image_again_counts_once(case: Case, second: Any, kept: bool) -> None:
    case.write([annotation()], [image(), second])
    assert "dropped: 1 x the same entry twice: images[1].id" in case.prepare()
    assert case.boxes == [BOX]


def test_one_id_for_two_images_drops_both_and_what_is_theirs(case: Case) -> None:
    case.photo.save(case.folder / "images" / "b.jpg")
    images = [image(), image(file_name="b.jpg"), image(id=2)]
    case.write([annotation(), annotation(id=2, image_id=2, bbox=[30, 5, 20, 18])], images)
    said = case.prepare()
    assert "2 x one id for two images: images[1].id, annotations[0].image_id" in said
    assert case.boxes == [[30, 5, 20, 18]]


@pytest.mark.parametrize("bad", [None, 5, {}, image(id=None), {"id": 9}, image(id=9, file_name=""), []])
@pytest.mark.parametrize("place", [0, 1])
def test_a_bad_image_entry_costs_that_image_only(case: Case, bad: Any, place: int) -> None:
    images: list[Any] = [image()]
    images.insert(place, bad)
    case.write([annotation()], images)
    assert f"dropped: 1 x image without id or name: images[{place}]" in case.prepare()
    assert case.boxes == [BOX]


@pytest.mark.parametrize("bad", [None, 5, {}, {"id": 9}, {"name": "cat"}, {"id": 9, "name": " "}])
@pytest.mark.parametrize("place", [0, 1])
def test_a_bad_category_costs_that_category_only(case: Case, bad: Any, place: int) -> None:
    categories: list[Any] = [{"id": 1, "name": "dog"}]
    categories.insert(place, bad)
    case.write([annotation()], None, categories)
    assert f"dropped: 1 x category without id or name: categories[{place}]" in case.prepare()
    assert case.boxes == [BOX]
