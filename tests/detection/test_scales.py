"""An image is searched at the sizes at which a detector sees what the image asks for."""

from __future__ import annotations

import pytest

from layoutgen.detection.inference import run_inference
from layoutgen.detection.loading import load_detector
from layoutgen.detection.scales import scales_for
from layoutgen.domain.layout import Box
from tests.detection.test_inference import SquareDetector, dog_layout, painted


class LimitedDetector(SquareDetector):
    """Does not see what is larger than it has learnt."""

    sizes = (24.0, 130.0)

    def detect(self, images, labels, score_threshold):
        found = super().detect(images, labels, score_threshold)
        return [tuple(d for d in some if max(d.box.width, d.box.height) <= self.sizes[1]) for some in found]


@pytest.mark.parametrize(
    ("longer", "scale"), [(24, 1), (130, 1), (23.9, 2), (16, 2), (5, 8), (131, 0.5), (300, 0.25), (260, 0.5)]
)
def test_an_object_comes_into_the_range_that_was_learnt(longer: float, scale: float) -> None:
    assert scales_for([Box(0, 0, 3, longer)], (24, 130)) == (scale,)
    assert scales_for([Box(0, 0, longer, 3)], None) == (1.0,)


def test_several_sizes_are_several_scales() -> None:
    boxes = [Box(0, 0, side, side) for side in (300, 40, 16, 50)]
    assert scales_for(boxes, (24, 130)) == (2.0, 1.0, 0.25)
    assert scales_for([], (24, 130)) == (1.0,)


def test_what_is_found_at_another_scale_is_where_the_image_has_it(tmp_path) -> None:
    detector = LimitedDetector()
    boxes = [Box(40, 40, 340, 280), Box(360, 8, 376, 24)]
    source = painted(tmp_path / "both", dog_layout(400, 320, boxes))
    ((_, found),) = run_inference(detector, source, score_threshold=0.1)
    assert detector.looks == [(512, 512)] * 4 + [(100, 80)]
    assert len(found) == 2
    for one, box in zip(sorted(found, key=lambda d: d.box.x0), boxes, strict=True):
        assert one.box.xyxy == pytest.approx(box.xyxy, abs=2)  # four pixels are one there


def test_a_protocol_shows_images_at_its_own_size_only(tmp_path) -> None:
    detector = LimitedDetector()
    source = painted(tmp_path, dog_layout(400, 400, [Box(0, 0, 300, 300)]))
    list(run_inference(detector, source, score_threshold=0.1, side=512))
    assert detector.looks == [(512, 512)]


def test_the_detector_in_the_package_says_what_it_has_learnt() -> None:
    assert load_detector(None, "cpu").sizes == (32.0, 140.0)
