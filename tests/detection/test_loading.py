"""Any detector of transformers, opened from a folder, and what it answers."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForObjectDetection, AutoProcessor, CLIPTextConfig, CLIPTextModel

from layoutgen.detection.detectors import ClosedDetector
from layoutgen.detection.loading import load_detector
from layoutgen.detection.tiles import Tiling
from layoutgen.detection.zero_shot import GroundingDetector, OwlDetector
from layoutgen.errors import InvalidOption
from tests.detection.checkpoints import NAMES, conditional_detr, grounding_dino, owlv2, yolos


@pytest.fixture
def noise():
    """Two images of another width than height."""
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 255, (48, 80, 3), np.uint8)) for _ in range(2)]


def inside(detections, image):
    return all(
        0 <= d.box.x0 < d.box.x1 <= image.width and 0 <= d.box.y0 < d.box.y1 <= image.height
        for d in detections
    )


def test_a_closed_detector_says_what_transformers_says(tmp_path, noise):
    folder = yolos(tmp_path / "yolos")
    detector = load_detector(str(folder), "cpu")
    assert isinstance(detector, ClosedDetector)
    assert (detector.labels, detector.max_detections, detector.threshold) == (("Dog", "teddy bear"), 10, 0.5)
    assert detector.tiling == Tiling(64, 16, whole=True)
    model, processor = (
        AutoModelForObjectDetection.from_pretrained(folder),
        AutoProcessor.from_pretrained(folder),
    )
    with torch.no_grad():
        outputs = model(**processor(images=noise, return_tensors="pt"))
    expected = processor.post_process_object_detection(outputs, threshold=0.1, target_sizes=[(48, 80)] * 2)
    for found, theirs, image in zip(detector.detect(noise, [], 0.1), expected, noise, strict=True):
        assert len(found) == len(theirs["scores"]) > 0 and inside(found, image)
        assert [d.score for d in found] == pytest.approx(theirs["scores"].tolist(), abs=1e-6)
        assert [d.label for d in found] == [NAMES[n] for n in theirs["labels"].tolist()]
        np.testing.assert_allclose([d.box.xyxy for d in found], theirs["boxes"], atol=1e-3)


def test_more_than_100_answers_are_kept(tmp_path, noise):
    detector = load_detector(str(conditional_detr(tmp_path / "detr")), "cpu")
    assert detector.max_detections == 150
    assert len(detector.detect(noise[:1], [], 0.0)[0]) == 150


def test_owl_looks_for_any_words(tmp_path, noise):
    detector = load_detector(str(owlv2(tmp_path / "owl")), "cpu")
    assert isinstance(detector, OwlDetector)
    assert (detector.labels, detector.tiling.size) == (None, 64)
    found = detector.detect(noise, ["zebra", "teddy bear"], 0.0)
    assert all(found) and all(inside(one, image) for one, image in zip(found, noise, strict=True))
    assert {d.label for one in found for d in one} <= {"zebra", "teddy bear"}


def test_grounding_dino_gives_each_box_the_label_whose_words_fit_best(tmp_path, noise):
    detector = load_detector(str(grounding_dino(tmp_path / "dino")), "cpu")
    assert isinstance(detector, GroundingDetector)
    assert (detector.labels, detector.max_detections, detector.tiling.size) == (None, 30, 64)
    labels = ["cat", "teddy bear", "dog"]
    found = detector.detect(noise, labels, 0.0)
    assert {d.label for one in found for d in one} <= set(labels)
    processor = AutoProcessor.from_pretrained(tmp_path / "dino")
    inputs = processor(text=["cat. teddy bear. dog."] * 2, images=noise, return_tensors="pt")
    assert inputs["input_ids"][0].tolist() == [2, 7, 5, 8, 9, 5, 6, 5, 3]
    with torch.no_grad():
        outputs = detector._model(**inputs)
    fits = outputs.logits.sigmoid()[0]
    by_hand = torch.stack([fits[:, 1], fits[:, 3:5].amax(-1), fits[:, 6]], dim=-1).amax(-1)
    assert sorted(d.score for d in found[0]) == pytest.approx(
        sorted(by_hand.tolist())[-len(found[0]) :], abs=1e-5
    )


def test_labels_that_do_not_fit_into_one_sentence_are_asked_for_one_after_the_other(tmp_path, noise):
    detector = load_detector(str(grounding_dino(tmp_path / "dino", longest=7)), "cpu")
    assert list(detector._sentences(["cat", "teddy bear", "dog"])) == [["cat", "teddy bear"], ["dog"]]
    found = detector.detect(noise, ["cat", "teddy bear", "dog"], 0.0)
    assert "dog" in {d.label for d in found[0]}


def test_what_is_no_detector_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    CLIPTextModel(CLIPTextConfig(vocab_size=9, **sizes)).save_pretrained(tmp_path / "text")
    (tmp_path / "empty").mkdir()
    refusals = {
        "text": "is a CLIPTextModel: give an object-detection model",
        "empty": "cannot be loaded on cpu: .+",
    }
    for name, said in refusals.items():
        with pytest.raises(InvalidOption, match=f"`detector` {tmp_path / name} {said}") as caught:
            load_detector(str(tmp_path / name), "cpu")
        assert "\n" not in str(caught.value)
    with pytest.raises(InvalidOption, match="there is no such folder, and a hub id looks like"):
        load_detector("nowhere", "cpu")


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InvalidOption, match="`device` cuda: this machine has no CUDA device"):
        load_detector(None, "cuda")
