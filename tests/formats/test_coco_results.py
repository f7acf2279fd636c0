import json

import pytest
from pycocotools.coco import COCO

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile, InvalidLayout
from layoutgen.formats.coco import write_coco
from layoutgen.formats.coco_results import read_results, write_results

NAMES = {17: "cat", 18: "dog"}
FOUND = {
    1: (Detection("dog", Box(0.5, 2, 30.25, 40), 0.875), Detection("cat", Box(3, 4, 5, 6), 0.5)),
    3: (Detection("dog", Box(-2, -3, 8, 9), 0.125),),
}


def test_what_is_written_is_read(tmp_path):
    write_results(tmp_path / "results.json", FOUND, NAMES)
    assert read_results(tmp_path / "results.json", NAMES, {1, 2, 3}) == FOUND
    write_results(tmp_path / "empty.json", {}, NAMES)
    assert read_results(tmp_path / "empty.json", NAMES, {1}) == {}


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
        ([entry(), entry(image_id=9)], "[1].image_id: the annotations have no image with id 9"),
        ([entry(category_id=1)], "[0].category_id: the annotations have no category with id 1"),
        ([entry(bbox=[1, 2, 3])], "[0].bbox: must be 4 finite numbers"),
        ([entry(score="high")], "[0].score: must be a number"),
        ([entry(score=float("nan"))], "[0].score: must be a number"),
        ([{k: v for k, v in entry().items() if k != "score"}], "[0].score: is missing"),
        ([7], "[0]: must hold fields"),
        ({"annotations": []}, "must hold a JSON list, not an object"),
    ],
)
def test_a_broken_file_is_named_with_its_place(tmp_path, content, problem):
    (tmp_path / "results.json").write_text(json.dumps(content))
    with pytest.raises(InvalidFile) as caught:
        read_results(tmp_path / "results.json", NAMES, {1})
    assert str(caught.value).startswith(f"{tmp_path / 'results.json'}")
    assert problem in str(caught.value)


def test_boxes_without_area_are_no_objects(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps([entry(bbox=[1, 2, 0, 4]), entry()]))
    assert len(read_results(tmp_path / "results.json", NAMES, {1})[1]) == 1


def test_a_score_is_a_number():
    with pytest.raises(InvalidLayout, match="score must be a finite number"):
        Detection("dog", Box(0, 0, 1, 1), float("nan"))
