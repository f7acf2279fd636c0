"""The script that measures every size and ground, on planted pictures."""

import numpy as np
import pytest
import torch
from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.prepared import write_prepared
from tests.benchmarks.painter_sizes import Pictures, ground_errors, look, square


def pictures(folder, kind, ground, object_colour=(250, 0, 0)):
    """One picture of 60 x 40 px on `ground` with an object of 20 x 30 px."""
    folder.mkdir()
    image = Image.new("RGB", (60, 40), ground)
    image.paste(object_colour, (10, 5, 30, 35))
    image.save(folder / "0.png")
    layout = Layout(60, 40, (Instance("dog", Box(10, 5, 30, 35)),), "1 dog on sandy ground")
    write_prepared(folder, [AnnotatedImage(0, "0.png", layout)])
    return Pictures("dog", 30, kind, open_annotated(folder))


def test_grounds_are_compared_outside_of_boxes(tmp_path):
    painted = pictures(tmp_path / "painted", "painted", (200, 140, 90), object_colour=(0, 0, 250))
    real = pictures(tmp_path / "real", "real", (194, 149, 90))
    assert ground_errors([painted, real]) == {"sandy": (pytest.approx(5), 1)}


def test_a_crop_shows_its_box_with_a_margin():
    picture = Image.new("RGB", (200, 100))
    picture.paste((255, 255, 255), (20, 10, 70, 40))
    crop = np.asarray(square(picture, Box(20, 10, 70, 40))).astype(int)
    assert crop.shape == (224, 224, 3)
    white = np.argwhere(crop[..., 0] > 127)
    pixels = 224 / 62  # 50 px and 12 % on both sides
    expected = [[112 - 15 * pixels, 112 - 25 * pixels], [112 + 15 * pixels, 112 + 25 * pixels]]
    np.testing.assert_allclose([white.min(0), white.max(0) + 1], expected, atol=2)


class Classifier:
    """Is surer of class 7 the redder an image is."""

    def classify(self, images):
        logits = torch.zeros(len(images), 10)
        logits[:, 7] = 3 * images[:, 0].mean(dim=(1, 2))
        return logits

    def __call__(self, images):
        return [None, None, images.repeat(1, 2, 1, 1), None]


def test_the_classifier_is_asked_for_all_classes_of_a_label():
    crops = [Image.new("RGB", (224, 224), (255, 0, 0)), Image.new("RGB", (224, 224))] * 10
    sure, features = look(Classifier(), crops, slice(6, 8))
    red, black = ((np.exp(v) + 1) / (np.exp(v) + 9) for v in (3, -3))
    torch.testing.assert_close(sure, torch.tensor([red, black] * 10).double(), atol=1e-6, rtol=1e-5)
    assert features.shape == (20, 6)
