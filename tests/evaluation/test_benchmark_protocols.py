"""The rules of benchmarks, and what is wrong with them."""

import json

import pytest

from layoutgen.domain.layout import Box
from layoutgen.errors import InvalidOption
from layoutgen.evaluation.benchmark_protocols import coco_mig, find_protocol, yolo_score
from layoutgen.evaluation.scoring import score
from layoutgen.formats.coco_results import write_results
from tests.evaluation.conftest import dogs, grid, image, seen, target
from tests.evaluation.test_average_precision import disturbed, document, pycocotools


def test_coco_mig_lets_two_targets_claim_one_detection():
    asked = image([target(Box(0, 0, 20, 20)), target(Box(4, 0, 24, 20)), target(Box(60, 0, 80, 20))])
    found = {1: tuple(seen([Box(2, 0, 22, 20)]))}
    figures = coco_mig([asked], found)
    overlap = 18 / 22
    assert figures["instance_success"] == pytest.approx(2 / 3)
    assert figures["image_success"] == 0
    assert figures["mean_iou"] == pytest.approx(2 * overlap / 3)
    assert score([asked], found, ["dog"]).counts.recall == pytest.approx(1 / 3)


def test_coco_mig_counts_images_in_which_all_succeed_and_forgives_what_is_too_much():
    found = {1: tuple(seen(grid(9))), 2: tuple(seen(grid(2)))}
    figures = coco_mig([dogs(4, 1), dogs(3, 2), image([], 3)], found)
    assert (figures["instance_success"], figures["image_success"]) == (pytest.approx(6 / 7), 0.5)


def test_coco_mig_does_not_take_another_label():
    figures = coco_mig([dogs(2)], {1: tuple(seen(grid(2), "cat"))})
    assert figures == {"instance_success": 0, "image_success": 0, "mean_iou": 0}
    assert coco_mig([image([])], {}) == {"instance_success": None, "image_success": None, "mean_iou": None}


def test_yolo_score_is_what_pycocotools_prints(tmp_path):
    images = [dogs(130, 1), dogs(20, 2)]
    found = disturbed(images, 1, 3)
    write_results(tmp_path / "results.json", found, {18: "dog"})
    judge = pycocotools(document(images), json.loads((tmp_path / "results.json").read_text()), 100)
    figures = yolo_score(images, found)
    assert list(figures.values()) == pytest.approx(list(judge.stats[:3]), abs=1e-9)


def test_coco_position_is_success_and_ap():
    found = {1: tuple(seen(grid(3)))}
    figures = find_protocol("coco-position").metrics([dogs(4)], found)
    assert (figures["instance_success"], figures["image_success"]) == (0.75, 0)
    assert figures["AP50"] == pytest.approx(76 / 101)


def test_a_protocol_has_the_threshold_of_its_authors():
    found = {1: (*seen(grid(2)[:1], score=0.3), *seen(grid(2)[1:], score=0.2))}
    assert find_protocol("coco-mig").metrics([dogs(2)], found)["instance_success"] == 0.5
    assert find_protocol("yolo-score").metrics([dogs(2)], found)["AP50"] == pytest.approx(51 / 101)


def test_an_unknown_protocol():
    with pytest.raises(
        InvalidOption, match="`protocol` must be one of coco-mig, coco-position, yolo-score, not best"
    ):
        find_protocol("best")
