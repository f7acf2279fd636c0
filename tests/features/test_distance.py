"""FID and KID: torchmetrics' figures against the formulas, on features that need no download."""

import sys

import numpy as np
import pytest
import scipy.linalg
import torch

from layoutgen.errors import InvalidOption
from layoutgen.features.distance import check_installed, compare_features


def drawn(count, seed, channels=5):
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(count, channels, generator=random, dtype=torch.float64)
    return features @ torch.randn(
        channels, channels, generator=torch.Generator().manual_seed(9), dtype=torch.float64
    )


def frechet(a, b):
    """Heusel et al. 2017, equation 6."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second).real
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root)


def kernel(a, b):
    """Bińkowski et al. 2018, equation 4: the unbiased MMD of the kernel (x y / C + 1)^3, pair by pair."""

    def mean(some, others, same):
        values = [
            (x @ y / len(x) + 1) ** 3
            for i, x in enumerate(some)
            for j, y in enumerate(others)
            if not (same and i == j)
        ]
        return sum(values) / len(values)

    return mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)


def test_the_frechet_distance_is_that_of_the_formula():
    a, b = drawn(40, 0), drawn(30, 1) + 0.5
    result = compare_features(a, b)
    assert result.fid == pytest.approx(frechet(a.numpy(), b.numpy()), rel=1e-6)
    assert (result.images, result.real_images) == (40, 30)


def test_the_kernel_distance_is_that_of_the_formula_within_its_error():
    a, b = drawn(40, 0), drawn(30, 1) + 0.5
    result = compare_features(a, b)
    whole = kernel(a.numpy(), b.numpy())
    # A mean of 100 subsets: its own error is a tenth of the deviation of one.
    assert result.kid == pytest.approx(whole, abs=0.4 * result.kid_deviation)
    few = compare_features(a[:3], b[:3])  # too few for halves: the whole sets
    assert few.kid == pytest.approx(kernel(drawn(40, 0)[:2].numpy(), b[:2].numpy()), rel=5)
    assert few.kid_deviation is None


@pytest.mark.parametrize(("apart", "low", "high"), [(0.3, 0.75, 1.33), (0.0, 1.2, 2.6)])
def test_the_deviation_is_the_standard_error_of_the_kernel_distance(apart, low, high):
    """Of sets that differ; of sets that are alike it is larger, since their distance shrinks faster."""
    figures = [
        compare_features(drawn(40, 2 * k) * 0.3 + apart, drawn(40, 2 * k + 1) * 0.3) for k in range(24)
    ]
    between = np.std([one.kid for one in figures], ddof=1)
    told = np.mean([one.kid_deviation**2 for one in figures]) ** 0.5
    assert low < told / between < high
    if not apart:
        assert abs(np.mean([one.kid for one in figures])) < between / 2  # no bias, while the other has one:
        assert min(one.fid for one in figures) > 0


def test_the_distance_of_moved_features_is_the_way_they_moved():
    features = torch.randn(500, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = compare_features(features + torch.tensor([2.0, 0.0, 1.0]), features)
    assert moved.fid == pytest.approx(5.0, abs=1e-4)  # squared, as their covariances are the same
    half = compare_features(features[:250], features[250:])
    assert half.fid < 0.1 and half.kid < 0.1 * moved.kid


def test_the_same_call_gives_the_same_figures():
    torch.manual_seed(3)
    first = compare_features(drawn(20, 0), drawn(25, 1))
    torch.manual_seed(4)
    assert compare_features(drawn(20, 0), drawn(25, 1)) == first


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics.image.fid", None)
    with pytest.raises(
        InvalidOption, match=r"`real` needs more libraries: pip install 'layoutgen\[quality\]'"
    ):
        check_installed()
