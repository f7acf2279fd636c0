import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Detection
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile, InvalidLayout
from layoutgen.formats.coco import read_coco, write_coco
from layoutgen.formats.coco_reading import FROM_OUTLINE
from layoutgen.formats.coco_results import FROM_POINTS, Results, read_results, write_results
from layoutgen.formats.collector import TURNED
from layoutgen.formats.masks import encode_mask
from layoutgen.formats.read_options import ReadOptions

NAMES = {17: "cat", 18: "dog"}
DATA = AnnotatedImages(tuple(AnnotatedImage(k, f"{k}.png", Layout(64, 48)) for k in (1, 2, 3)), NAMES)
STRICT = ReadOptions(strict=True)
FOUND = {
    1: (Detection("dog", Box(0.5, 2, 30.25, 40), 0.875), Detection("cat", Box(3, 4, 5, 6), 0.5)),
    3: (Detection("dog", Box(-2, -3, 8, 9), 0.125),),
}


def test_what_is_written_is_read(tmp_path):
    write_results(tmp_path / "results.json", FOUND, NAMES)
    assert read_results(tmp_path / "results.json", DATA) == Results(FOUND)
    write_results(tmp_path / "empty.json", {}, NAMES)
    assert read_results(tmp_path / "empty.json", DATA) == Results({})


def test_pycocotools_loads_what_is_written(tmp_path):
    dog = Layout(64, 64, (Instance("dog", Box(0, 0, 9, 9)), Instance("cat", Box(20, 20, 30, 30))))
    write_coco(tmp_path / "truth.json", [(f"{k}.png", dog) for k in range(3)])
    write_results(tmp_path / "results.json", FOUND, NAMES)
    loaded = COCO(tmp_path / "truth.json").loadRes(str(tmp_path / "results.json"))
    assert [one["score"] for one in loaded.dataset["annotations"]] == [0.875, 0.5, 0.125]
    assert loaded.dataset["annotations"][0]["bbox"] == [0.5, 2, 29.75, 38]


def entry(**changes):
    return {"image_id": 1, "category_id": 18, "bbox": [1, 2, 3, 4], "score": 0.5} | changes


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([entry(), entry(image_id=9)], "[1].image_id 9: the annotations have no such image"),
        ([entry(category_id=1)], "[0].category_id 1: the annotations have no such category"),
        ([entry(bbox=[1, 2, 3])], "[0].bbox: box without four finite numbers"),
        ([entry(bbox=[1, 2, 0, 4])], "[0].bbox: no area inside the image"),
        ([entry(score="high")], "[0].score: result without a score"),
        ([entry(score=float("nan"))], "[0].score: result without a score"),
        ([{k: v for k, v in entry().items() if k != "score"}], "[0].score: result without a score"),
        ([7], "[0].image_id null: the annotations have no such image"),
        ({"annotations": []}, "must hold a JSON list, not an object"),
    ],
)
def test_a_broken_file_is_named_with_its_place(tmp_path, content, problem):
    (tmp_path / "results.json").write_text(json.dumps(content))
    with pytest.raises(InvalidFile) as caught:
        read_results(tmp_path / "results.json", DATA, STRICT)
    assert str(caught.value).startswith(f"{tmp_path / 'results.json'}")
    assert problem in str(caught.value)


BAD = [
    entry(image_id=9),
    entry(image_id=None),
    entry(category_id=1),
    entry(category_id="unicorn"),
    entry(bbox=[1, 2, 3]),
    entry(bbox=None),
    entry(bbox=[1, 2, float("inf"), 4]),
    entry(bbox=[1, 2, 0, 4]),
    entry(score="high"),
    entry(score=None),
    {},
    7,
    None,
    [1, 2],
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_entry_at_any_place_costs_that_entry_only(tmp_path, bad, place):
    entries = [entry(), entry(image_id=2, score=0.25)]
    entries.insert(place, bad)
    (tmp_path / "results.json").write_text(json.dumps(entries))
    results = read_results(tmp_path / "results.json", DATA)
    assert {image: len(found) for image, found in results.detections.items()} == {1: 1, 2: 1}
    assert [one.where.split(".")[0].split(" ")[0] for one in results.dropped] == [
        f"[{place}]"
    ] and results.mended == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"image_id": "1", "category_id": "18", "score": "0.5"},
        {"image_id": 1.0, "category_id": "dog"},
        {"bbox": {"x": 1, "y": 2, "width": 3, "height": 4}},
        {"bbox": ["1", "2", "3.0", 4]},
        {"id": None, "area": "x", "segmentation": None},
    ],
)
def test_harmless_dialects_are_read(tmp_path, changes):
    (tmp_path / "results.json").write_text(json.dumps([entry(**changes)]))
    results = read_results(tmp_path / "results.json", DATA)
    assert results == Results({1: (Detection("dog", Box(1, 2, 4, 6), 0.5),)})


def test_a_backward_box_is_turned_and_a_mask_gives_the_box(tmp_path):
    runs = encode_mask(np.pad(np.ones((4, 3), bool), ((2, 42), (1, 60))))
    entries = [entry(bbox=[4, 6, -3, -4]), entry(bbox=None, segmentation=runs)]
    (tmp_path / "results.json").write_text(json.dumps(entries))
    results = read_results(tmp_path / "results.json", DATA)
    assert results.detections == {1: (Detection("dog", Box(1, 2, 4, 6), 0.5),) * 2}
    assert [one.reason for one in results.mended] == [TURNED, FROM_OUTLINE]


def test_key_points_give_the_box_as_in_pycocotools(tmp_path):
    points = [1, 6, 2, 4, 2, 2, 3, 3, 1]
    (tmp_path / "results.json").write_text(json.dumps([entry(bbox=None, keypoints=points)]))
    results = read_results(tmp_path / "results.json", DATA)
    assert results.detections == {1: (Detection("dog", Box(1, 2, 4, 6), 0.5),)}
    assert [one.reason for one in results.mended] == [FROM_POINTS]


def test_reasons_of_one_kind_are_counted_together(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps([entry(), entry(image_id=8), entry(image_id=9)]))
    dropped = read_results(tmp_path / "results.json", DATA).dropped
    assert {one.reason for one in dropped} == {"the annotations have no such image"}
    assert [one.where for one in dropped] == ["[1].image_id 8", "[2].image_id 9"]


def test_ids_that_are_texts_mean_the_images_of_the_annotations(tmp_path):
    images = [{"id": "scene_a", "file_name": "a.png", "width": 64, "height": 48}]
    document = {"images": images, "annotations": [], "categories": [{"id": "d", "name": "dog"}]}
    (tmp_path / "truth.json").write_text(json.dumps(document))
    data = read_coco(tmp_path / "truth.json")
    (tmp_path / "results.json").write_text(json.dumps([entry(image_id="scene_a", category_id="dog")]))
    assert read_results(tmp_path / "results.json", data).detections == {
        data.images[0].id: (Detection("dog", Box(1, 2, 4, 6), 0.5),)
    }


def test_results_in_fractions_are_refused_or_read_as_such(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps([entry(bbox=[0.25, 0.5, 0.5, 0.25])]))
    with pytest.raises(InvalidFile, match=r"1 box lies within 1.5 pixels: fractions .*`units` fraction"):
        read_results(tmp_path / "results.json", DATA)
    results = read_results(tmp_path / "results.json", DATA, ReadOptions(fraction=True))
    assert results.detections[1][0].box == Box(16, 24, 48, 36)


def test_results_of_other_annotations_are_refused(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps([entry(image_id=9), entry(image_id=10)]))
    with pytest.raises(InvalidFile, match=r"none of its 2 entries can be used.*same annotations"):
        read_results(tmp_path / "results.json", DATA)


def test_a_score_is_a_number():
    with pytest.raises(InvalidLayout, match="score must be a finite number"):
        Detection("dog", Box(0, 0, 1, 1), float("nan"))
