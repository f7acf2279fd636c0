"""Precision, recall, diversity and nearest neighbours, against the definitions written down plainly."""

import numpy as np
import pytest
import torch
from PIL import Image

from layoutgen.features import neighbours
from layoutgen.features.neighbours import (
    diversity,
    mirrored,
    nearest,
    nearest_other,
    precision_recall,
    thumbnails,
)


def drawn(count, seed, middle=0.0):
    random = torch.Generator().manual_seed(seed)
    return middle + torch.randn(count, 4, generator=random, dtype=torch.float64)


def covered(points, centres, k):
    """Equation 2 of Kynkäänniemi et al. 2019, by loops."""
    radius = [sorted(float((c - d).norm()) for d in centres)[k] for c in centres]  # the first is itself
    inside = [any(float((p - c).norm()) <= r for c, r in zip(centres, radius, strict=True)) for p in points]
    return sum(inside) / len(inside)


@pytest.fixture(params=[1024, 7])
def block(request, monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", request.param)


@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall_are_those_of_the_paper(k, block):
    images, real = drawn(30, 0, 1.2), drawn(25, 1)
    found = precision_recall(images, real, k)
    assert found == (pytest.approx(covered(images, real, k)), pytest.approx(covered(real, images, k)))
    assert 0.1 < found[0] < 0.9 and 0.1 < found[1] < 0.9


def test_too_few_have_no_manifold():
    assert precision_recall(drawn(3, 0), drawn(9, 1)) is None
    assert precision_recall(drawn(4, 0), drawn(4, 1)) is not None


def test_a_collapse_keeps_precision_and_loses_recall():
    real = drawn(200, 1)
    precision, recall = precision_recall(real[:1].repeat(50, 1), real)
    assert precision == 1
    assert recall <= 1 / 200


def test_diversity_and_neighbours(block):
    features = drawn(30, 0)
    distances = np.array([[float((a - b).norm()) for b in features] for a in features])
    assert diversity(features) == pytest.approx(distances.sum() / (30 * 29))
    np.fill_diagonal(distances, np.inf)
    found, which = nearest_other(features)
    np.testing.assert_allclose(found, distances.min(1))
    assert which.tolist() == distances.argmin(1).tolist()
    others = drawn(11, 2)
    found, which = nearest(features, others)
    expected = np.array([[float((a - b).norm()) for b in others] for a in features])
    np.testing.assert_allclose(found, expected.min(1))
    assert which.tolist() == expected.argmin(1).tolist()
    assert diversity(features[:1]) == 0


def test_a_mirrored_thumbnail_is_that_of_the_mirrored_image():
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 255, (48, 64, 3)).astype(np.uint8))
    turned = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    torch.testing.assert_close(mirrored(thumbnails([image])), thumbnails([turned]))
    assert float((thumbnails([image]) - thumbnails([turned])).norm()) > 5
