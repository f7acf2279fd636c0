"""What a model learns from the boxes of the data, and which of them it cannot draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from layoutgen.data.dataset import open_dataset
from layoutgen.domain.size_prior import SizePrior
from layoutgen.training.config import ScratchConfig
from layoutgen.training.curves import smooth
from layoutgen.training.data_sizes import BoxesOfData
from layoutgen.training.extend_inputs import extend_inputs
from layoutgen.training.scratch import build_model
from tests.training.conftest import draw_scenes

BOXES = BoxesOfData((10.0, 20.0, 30.0, 40.0), (0.5, 1.0, 1.0, 2.0))


def test_boxes_that_the_model_cannot_draw_are_told_in_words() -> None:
    small, large = BOXES.warnings(SizePrior(15.0, 25.0), 96)
    assert "25% of the boxes are too small: below the 15 px" in small and "a resolution of 96" in small
    assert "50% of the boxes are too large: above the 25 px" in large
    assert BOXES.warnings(SizePrior(10.0, 40.0), 96) == []
    assert "no whole box" in BoxesOfData((), ()).warnings(SizePrior(), 96)[0]


def test_only_whole_boxes_count(tmp_path: Path) -> None:
    data = draw_scenes(tmp_path / "data", 6)  # boxes of 10 to 22 px in images of 48 px
    boxes = BoxesOfData.of(open_dataset(data, resolution=48, seed=0))
    assert len(boxes.sides) == len(boxes.aspects) > 0
    # A crop is at least two thirds of the image, so that boxes grow to one and a half of their size.
    assert min(boxes.sides) >= 10 and max(boxes.sides) < 33


@pytest.mark.parametrize(
    ("labels", "smallest", "largest", "aspect"),
    [
        (("dog",), 8.0, 20.0, (0.5, 0.9)),  # nothing new
        (("ship",), 12.0, 38.0, (0.57, 1.85)),  # draws what it was trained on last
        (("dog", "ship"), 8.0, 38.0, (0.5, 1.85)),  # draws both
    ],
)
def test_a_model_that_learns_a_label_draws_its_boxes(
    tmp_path: Path, labels: tuple[str, ...], smallest: float, largest: float, aspect: tuple[float, float]
) -> None:
    shape = ScratchConfig(
        window=32, smallest=8.0, largest=20.0, aspect=(0.5, 0.9), patch_size=4, latent_channels=6,
        autoencoder_images=4, autoencoder_steps=0, text_dim=32, text_layers=1, channels=(16, 32),
    )  # fmt: skip
    index = draw_scenes(tmp_path / "data", 4) / "metadata.jsonl"
    index.write_text(index.read_text().replace('"cat"', '"dog"'))
    dataset = open_dataset(tmp_path / "data", resolution=32, seed=0)
    model = build_model(shape, dataset, ("img2img",), "box", seed=0)
    extend_inputs(model, ("img2img",), "box", labels, trained_on=BOXES.prior())
    prior = model.size_prior
    assert (prior.smallest, prior.largest, prior.aspect) == (smallest, largest, aspect)


def test_a_smooth_curve_is_means_of_parts() -> None:
    images, values = np.arange(1.0, 121.0), np.arange(1.0, 121.0)
    values[:2] = np.nan
    places, means = smooth(images, values)
    assert len(places) == 59 and np.allclose(places, means)
    assert np.allclose(means[:2], [3.5, 5.5])
