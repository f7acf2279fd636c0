"""AP beside pycocotools, which is the definition."""

import contextlib
import copy
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box
from layoutgen.evaluation.average_precision import average_precision
from layoutgen.formats.coco import read_coco
from layoutgen.formats.coco_results import write_results
from tests.evaluation.conftest import dogs, grid, seen

EXCERPT = Path(__file__).parents[2] / "sample_layouts" / "coco_excerpt.json"


def disturbed(images, each, seed):
    """Detections around the annotations of `images`, `each` for every one: moved, resized, mistaken."""
    rng = np.random.default_rng(seed)
    labels = sorted({label for image in images for label in image.labels})
    found = {}
    for image in images:
        found[image.id] = []
        for one in (*image.instances, *image.ignored) * each:
            shift = rng.normal(0, 0.15, 4) * (one.box.width, one.box.height, one.box.width, one.box.height)
            x, y, right, bottom = np.array(one.box.xyxy) + shift
            label = one.label if rng.random() < 0.85 else str(rng.choice(labels))
            box = Box(x, y, max(right, x + 1), max(bottom, y + 1))
            found[image.id].append(Detection(label, box, float(np.round(rng.random(), 2))))  # scores tie
    return {number: tuple(one) for number, one in found.items()}


def pycocotools(document, results, limit):
    """pycocotools' evaluation with this limit, and the statistics that it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(document)
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.params.maxDets = [1, 10, limit]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def check(file, images, found, categories, tmp_path):
    """That we say what pycocotools says: overall, and by label."""
    write_results(tmp_path / "results.json", found, categories)
    judge = pycocotools(
        json.loads(file.read_text()), json.loads((tmp_path / "results.json").read_text()), 100
    )
    labels = sorted(categories.values())
    overall, by_label = average_precision(images, found, labels, limit=100)
    ours = (overall.ap, overall.ap50, overall.ap75, overall.small, overall.medium, overall.large)
    theirs = [None if value == -1 else value for value in judge.stats[:6]]
    assert ours == pytest.approx(theirs, abs=1e-9)
    for place, number in enumerate(judge.params.catIds):
        precision = judge.eval["precision"][:, :, place, 0, 2]
        mean = precision[precision > -1].mean() if (precision > -1).any() else None
        assert by_label[categories[number]].ap == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_an_excerpt_of_coco_with_disturbed_boxes(seed, tmp_path):
    images = read_coco(EXCERPT).images
    check(EXCERPT, images, disturbed(images, 3, seed), {17: "cat", 18: "dog"}, tmp_path)


def test_real_photos_with_all_labels_and_disturbed_boxes(data, tmp_path):
    file = data / "coco" / "instances_heldout.json"
    images = read_coco(file).images
    categories = {one["id"]: one["name"] for one in json.loads(file.read_text())["categories"]}
    found = {number: one[:100] for number, one in disturbed(images, 2, 0).items()}
    check(file, images, found, categories, tmp_path)


def test_crowds_are_ignored_as_in_pycocotools(data, tmp_path):
    file = next((data / "tiny-coco").glob("*.json"))
    images = read_coco(file).images
    assert any(image.ignored for image in images)
    categories = {one["id"]: one["name"] for one in json.loads(file.read_text())["categories"]}
    check(file, images, disturbed(images, 2, 1), categories, tmp_path)


def document(images):
    return {
        "images": [{"id": one.id, "width": one.size[0], "height": one.size[1]} for one in images],
        "categories": [{"id": 18, "name": "dog"}],
        "annotations": [
            {
                "id": number,
                "image_id": one.id,
                "category_id": 18,
                "bbox": [a.box.x0, a.box.y0, a.box.width, a.box.height],
                "area": a.box.area,
                "iscrowd": 0,
            }
            for number, (one, a) in enumerate(((i, a) for i in images for a in i.instances), start=1)
        ],
    }


def test_above_100_detections_it_differs_only_as_raising_the_limit_makes_it(tmp_path):
    images = [dogs(130, 1), dogs(90, 2)]
    found = disturbed(images, 1, 5)
    write_results(tmp_path / "results.json", found, {18: "dog"})
    results = json.loads((tmp_path / "results.json").read_text())
    capped, raised = pycocotools(document(images), results, 100), pycocotools(document(images), results, 130)
    assert average_precision(images, found, ["dog"], limit=100)[0].ap == pytest.approx(
        capped.stats[0], abs=1e-9
    )
    ours = average_precision(images, found, ["dog"])[0]
    assert raised.stats[0] == -1  # its own summary knows no other limit than 100
    assert ours.ap == pytest.approx(raised.eval["precision"][..., 0, 2].mean(), abs=1e-9)
    assert ours.ap > capped.stats[0] + 0.01


def test_101_perfect_detections():
    found = {1: tuple(seen(grid(101)))}
    assert average_precision([dogs(101)], found, ["dog"])[0].ap == pytest.approx(1)
    assert average_precision([dogs(101)], found, ["dog"], limit=100)[0].ap < 1


def test_no_detections_and_no_targets():
    assert average_precision([dogs(3)], {}, ["dog", "cat"])[0].ap == 0
    assert average_precision([dogs(3)], {}, ["dog", "cat"])[1]["cat"].ap is None
    assert average_precision([dogs(0)], {1: tuple(seen(grid(2)))}, ["dog"])[0].ap is None
