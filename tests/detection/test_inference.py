"""A detector looks at images: parts, words, sizes, limits."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from layoutgen.assets import DETECTOR
from layoutgen.detection.detectors import Detector
from layoutgen.detection.inference import run_inference
from layoutgen.detection.tiles import Tiling
from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile, InvalidOption, UnknownLabel
from layoutgen.evaluation.benchmark_protocols import find_protocol
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
from layoutgen.formats.annotated_source import AnnotatedSource, open_annotated
from layoutgen.formats.coco import write_coco
from tests.evaluation.conftest import grid


class SquareDetector(Detector):
    """Sees red rectangles on black, as "Dogs"."""

    labels = ("Dogs", "person")
    threshold = 0.5

    def __init__(self, size: int = 512, overlap: int = 64) -> None:
        self.tiling = Tiling(size, overlap)
        self.looks: list[tuple[int, int]] = []

    def detect(self, images, labels, score_threshold):
        self.looks += [image.size for image in images]
        return [tuple(Detection("Dogs", box, 0.9) for box in red(image)) for image in images]


def red(image: Image.Image) -> list[Box]:
    """The bounding boxes of the red rectangles of `image`, which do not touch."""
    left = np.array(image)[..., 0] > 127
    boxes = []
    while left.any():
        y, x = np.argwhere(left)[0]
        right = x + np.argmin(np.append(left[y, x:], False))
        bottom = y + np.argmin(np.append(left[y:, x], False))
        left[y:bottom, x:right] = False
        boxes.append(Box(x, y, right, bottom))
    return boxes


def painted(folder, layout: Layout, size: tuple[int, int] | None = None) -> AnnotatedSource:
    """A folder of samples with one image, which shows exactly `layout`, in another `size` if asked."""
    image = Image.new("RGB", (layout.width, layout.height))
    for instance in layout.instances:
        x0, y0, x1, y1 = instance.box.xyxy
        ImageDraw.Draw(image).rectangle((x0, y0, x1 - 1, y1 - 1), fill=(255, 0, 0))
    (folder / "images").mkdir(parents=True)
    (image if size is None else image.resize(size, Image.Resampling.NEAREST)).save(
        folder / "images" / "a.png"
    )
    write_coco(folder / "annotations.json", [("a.png", layout)])
    return open_annotated(folder)


def dog_layout(width: int, height: int, boxes: list[Box]) -> Layout:
    return Layout(width, height, tuple(Instance("dog", box) for box in boxes))


def test_a_large_image_is_seen_in_parts_and_each_object_once(tmp_path):
    boxes = grid(400)
    source = painted(tmp_path, dog_layout(400, 400, boxes))
    detector = SquareDetector(128, 40)
    ((image, found),) = run_inference(detector, source, score_threshold=0.1)
    assert len(detector.looks) > 9 and set(detector.looks) == {(128, 128)}
    assert sorted(d.box.xyxy for d in found) == sorted(box.xyxy for box in boxes)
    assert {d.label for d in found} == {"dog"}  # in the layout's words
    assert image.file_name == "a.png"


def test_an_image_of_another_size_than_its_layout_is_stretched(tmp_path):
    source = painted(tmp_path, dog_layout(200, 100, [Box(20, 10, 60, 50)]), size=(400, 400))
    ((_, found),) = run_inference(SquareDetector(), source, score_threshold=0.1)
    assert found[0].box.xyxy == pytest.approx((20, 10, 60, 50))


def test_a_protocol_shows_images_as_its_authors_did(tmp_path):
    source = painted(tmp_path, dog_layout(200, 100, [Box(20, 10, 60, 50)]))
    detector = SquareDetector()
    ((_, found),) = run_inference(detector, source, score_threshold=0.1, side=512)
    assert detector.looks == [(512, 512)]
    assert found[0].box.xyxy == pytest.approx((20, 10, 60, 50), abs=1)


def test_what_the_detector_does_not_know_is_refused(tmp_path):
    source = painted(tmp_path, Layout(64, 64, (Instance("zebra", Box(0, 0, 9, 9)),)))
    with pytest.raises(UnknownLabel, match="does not know 'zebra', only Dogs, person: pass `detector`"):
        list(run_inference(SquareDetector(), source, score_threshold=0.1))


def test_more_objects_than_a_detector_can_answer_are_refused(tmp_path):
    source = painted(tmp_path, dog_layout(400, 400, grid(400)))
    detector = SquareDetector()
    detector.max_detections = 100
    with pytest.raises(InvalidOption, match=r"at most 100 objects at once, and a.png asks for 400.*`tile`"):
        list(run_inference(detector, source, score_threshold=0.1))
    ((_, found),) = run_inference(detector, source, score_threshold=0.1, tiling=Tiling(160, 40))
    assert len(found) == 400


def test_the_evaluator_takes_what_the_options_say(tmp_path, monkeypatch):
    source = painted(tmp_path, dog_layout(400, 400, grid(400)))
    detector = SquareDetector()
    loaded = []
    monkeypatch.setattr(
        "layoutgen.detection.loading.load_detector", lambda *names: loaded.append(names) or detector
    )
    evaluator = Evaluator(EvaluatorOptions(detector=str(DETECTOR), device="cpu", tile=200, overlap=50))
    report = evaluator.report(source, dict(evaluator.detect(source)))
    assert loaded == [(str(DETECTOR), "cpu")]
    assert set(detector.looks) == {(200, 200)}
    assert report.to_json()["settings"]["tiles"] == {"size": 200, "overlap": 50, "whole": False}
    assert (report.scores.counts.recall, report.scores.threshold, report.scores.iou) == (1, 0.5, 0.5)


def test_thresholds_come_from_the_option_then_the_protocol_then_the_detector(monkeypatch):
    detector = SquareDetector()
    detector.threshold = 0.42
    monkeypatch.setattr("layoutgen.detection.loading.load_detector", lambda *names: detector)
    rule = find_protocol("coco-mig")
    assert Evaluator(EvaluatorOptions(threshold=0.7, protocol=rule)).threshold == 0.7
    assert Evaluator(EvaluatorOptions(protocol=rule)).threshold == 0.25
    assert Evaluator(EvaluatorOptions()).threshold == 0.42
    assert Evaluator(EvaluatorOptions(results=True)).threshold == 0.5


def test_images_are_looked_for_beside_the_file_and_in_the_folder_images(tmp_path):
    source = painted(tmp_path / "one", dog_layout(64, 64, [Box(0, 0, 9, 9)]))
    assert source.folder == tmp_path / "one" / "images"
    (tmp_path / "one" / "images" / "a.png").rename(tmp_path / "one" / "a.png")
    assert open_annotated(tmp_path / "one" / "annotations.json").folder == tmp_path / "one"
    (tmp_path / "one" / "a.png").unlink()
    assert open_annotated(tmp_path / "one", required=False).folder is None
    with pytest.raises(
        InvalidFile, match=r"a.png: there is no such image, and .*annotations.json lists it.*`images`"
    ):
        open_annotated(tmp_path / "one")
    with pytest.raises(InvalidFile, match=r"elsewhere/a.png: there is no such image"):
        open_annotated(tmp_path / "one", tmp_path / "elsewhere", required=False)
