"""What an evaluation leaves on disk."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImages
from layoutgen.domain.layout import Box
from layoutgen.errors import OutputExists
from layoutgen.evaluation.match_overlay import COLORS, match_overlay
from layoutgen.evaluation.output import WRITES, write_evaluation
from layoutgen.evaluation.report import Report
from layoutgen.evaluation.scoring import score
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.coco_results import read_results
from tests.evaluation.conftest import image, seen, target

CAT, DOG, LOST, MOVED, CHANGED = (Box(x, 100, x + 60, 160) for x in (50, 150, 250, 350, 450))
DOGS = [target(box) for box in (DOG, LOST, MOVED, CHANGED)]
ASKED = image([target(CAT, "cat"), *DOGS], side=600)
FOUND = {
    1: (
        *seen([CAT, CHANGED], "cat", 0.8),
        *seen([DOG, DOG.shift(1, 0), MOVED.shift(0, 30), Box(50, 400, 110, 460)], score=0.7),
        *seen([Box(0, 0, 5, 5)], "person"),
    )
}


@pytest.fixture
def scores():
    return score([ASKED], FOUND, ["cat", "dog"])


@pytest.fixture
def source(tmp_path):
    Image.new("RGB", (600, 600), "grey").save(tmp_path / "1.png")
    data = AnnotatedImages((ASKED,), {17: "cat", 18: "dog"})
    return AnnotatedSource(tmp_path / "annotations.json", tmp_path, data)


@pytest.fixture
def report(scores):
    return Report("annotations.json", None, None, scores)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_error_is_listed_once(report):
    (listed,) = (one["errors"] for one in report.to_json()["images"])
    assert [(one["error"], one["label"], one["detected_label"]) for one in listed] == [
        ("mislabelled", "dog", "cat"),
        ("misplaced", "dog", "dog"),
        ("missed", "dog", None),
        ("duplicate", None, "dog"),
        ("extra", None, "dog"),
    ]
    assert listed[1]["iou"] == pytest.approx(1 / 3)
    assert listed[2]["box"] == LOST.xyxy


def test_the_json_and_the_tables_say_the_same(report, source, tmp_path):
    figures = report.to_json()
    overlays = list(write_evaluation(tmp_path / "out", source, report, FOUND))
    assert overlays == [tmp_path / "out" / "overlays" / "1.jpg"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.name[0] != ".") == sorted(WRITES)
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written["overall"] == json.loads(json.dumps(figures["overall"]))
    overall = written["overall"]
    assert (overall["targets"], overall["detections"], overall["matched"], overall["recall"]) == (
        5,
        6,
        2,
        0.4,
    )
    (per_image,) = rows(tmp_path / "out" / "images.csv")
    assert (per_image["image"], per_image["missed"], per_image["extra"]) == ("1.png", "3", "4")
    labels = {row["label"]: row for row in rows(tmp_path / "out" / "labels.csv")}
    assert (labels["cat"]["recall"], labels["dog"]["recall"], labels["dog"]["duplicates"]) == (
        "1.0",
        "0.25",
        "1",
    )
    assert float(labels["cat"]["AP50"]) == pytest.approx(written["labels"]["cat"]["AP50"])
    errors = rows(tmp_path / "out" / "errors.csv")
    assert len(errors) == 5 and errors[2]["box"] == "250.00 100.00 310.00 160.00"
    again = read_results(tmp_path / "out" / "detections.json", source.data)
    assert again.detections == {1: FOUND[1][:-1]}  # without the label that nothing asks for
    assert written["other_labels"] == {"person": 1}


def test_results_are_never_overwritten_in_silence(report, source, tmp_path):
    list(write_evaluation(tmp_path / "out", source, report, FOUND, overlays=False))
    assert not (tmp_path / "out" / "overlays").exists()
    with pytest.raises(OutputExists, match=r"already holds report\.json"):
        list(write_evaluation(tmp_path / "out", source, report, FOUND))
    list(write_evaluation(tmp_path / "out", source, report, FOUND, overwrite=True))
    assert (tmp_path / "out" / "overlays" / "1.jpg").exists()


def test_the_overlay_shows_each_outcome_in_its_colour(scores):
    drawn = np.asarray(match_overlay(Image.new("RGB", (600, 600), "grey"), scores.images[0]), int)
    factor = drawn.shape[1] // 600
    places = {
        "matched": CAT,
        "missed": LOST,
        "misplaced": MOVED,
        "mislabelled": CHANGED,
        "extra": Box(50, 400, 110, 460),
    }
    for outcome, box in places.items():
        x = round((box.x0 + box.x1) / 2 * factor)  # the middle of the lower side
        column = drawn[round(box.y1 * factor) - 6 : round(box.y1 * factor), x]
        assert (np.abs(column - COLORS[outcome]).sum(-1) == 0).any(), outcome


def test_only_what_is_wrong_has_its_name_in_the_overlay(scores):
    drawn = np.asarray(match_overlay(Image.new("RGB", (600, 600), "grey"), scores.images[0]), int)
    factor = drawn.shape[1] // 600

    def filled(outcome: str, box: Box) -> float:
        """How much of the corner where names stand has the colour of the outcome."""
        x, y = round(box.x0 * factor), round(box.y0 * factor)
        return float((np.abs(drawn[y + 3 : y + 12, x + 3 : x + 20] - COLORS[outcome]).sum(-1) == 0).mean())

    assert filled("matched", CAT) == 0
    assert min(filled("missed", LOST), filled("misplaced", MOVED), filled("mislabelled", CHANGED)) > 0.4
