"""FID and KID: torchmetrics' figures against the formulas, on features that need no download."""

import sys
from urllib.error import URLError

import numpy as np
import pytest
import scipy.linalg
import torch
from PIL import Image
from torch import nn

from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.features import quality
from layoutgen.features.quality import Quality, compare, compare_features, load_inception
from layoutgen.io.images import find_photos


class Means(nn.Module):
    """Mean colour and the spread of each channel: six features."""

    def forward(self, images):
        values = images.double().flatten(2) / 255
        return torch.cat([values.mean(-1), values.std(-1)], dim=1)


def write_images(folder, count, seed, brightness):
    random = np.random.default_rng(seed)
    folder.mkdir()
    for number in range(count):
        size = (12, 16, 3) if number % 3 else (9, 7, 3)
        low = random.integers(0, 60, 3)
        pixels = random.integers(low + brightness, low + brightness + 120, size)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:03d}.png")
    return find_photos(folder)


def run(images, real):
    events = list(compare(images, real, Means()))
    assert events[:-1] == sorted(set(events[:-1])) and events[-2] == len(images) + len(real)
    return events[-1]


def features(paths):
    return np.concatenate(
        [Means()(torch.from_numpy(np.array(Image.open(p))[None]).movedim(-1, 1)) for p in paths]
    )


def test_the_figures_are_those_of_the_formulas(tmp_path):
    images = write_images(tmp_path / "images", 40, 0, 20)
    real = write_images(tmp_path / "real", 30, 1, 0)
    result = run(images, real)
    a, b = features(images), features(real)
    root = scipy.linalg.sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)).real
    fid = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(
        np.cov(a, rowvar=False) + np.cov(b, rowvar=False) - 2 * root
    )
    assert isinstance(result, Quality)
    assert result.fid == pytest.approx(fid, rel=1e-4)
    assert (result.images, result.real_images) == (40, 30)
    assert result.kid > 0


def test_the_distance_of_moved_features_is_the_way_they_moved():
    features = torch.randn(500, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = compare_features(features + torch.tensor([2.0, 0.0, 1.0]), features)
    assert moved.fid == pytest.approx(5.0, abs=1e-4)  # squared, as their covariances are the same
    half = compare_features(features[:250], features[250:])
    assert half.fid < 0.1 and half.kid < 0.1 * moved.kid


def test_images_like_the_real_ones_score_better(tmp_path):
    real = write_images(tmp_path / "real", 40, 1, 0)
    alike = run(write_images(tmp_path / "alike", 40, 2, 0), real)
    other = run(write_images(tmp_path / "other", 40, 3, 60), real)
    assert alike.fid < 0.2 * other.fid
    assert abs(alike.kid) < 0.2 * other.kid
    assert run(real, real).fid == pytest.approx(0, abs=1e-6)


def test_the_same_call_gives_the_same_figures(tmp_path):
    images, real = write_images(tmp_path / "a", 20, 0, 5), write_images(tmp_path / "b", 25, 1, 0)
    torch.manual_seed(3)
    first = run(images, real)
    torch.manual_seed(4)
    assert run(images, real) == first


def test_without_the_libraries_it_says_how_to_get_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics.image.fid", None)
    with pytest.raises(
        InvalidOption, match=r"`real` needs more libraries: pip install 'layoutgen\[quality\]'"
    ):
        load_inception()


def test_without_torch_fidelity_it_says_how_to_get_it(monkeypatch):
    fid = pytest.importorskip("torchmetrics.image.fid")
    monkeypatch.setattr(fid, "_TORCH_FIDELITY_AVAILABLE", False)
    with pytest.raises(InvalidOption, match=r"pip install 'layoutgen\[quality\]'"):
        load_inception()


@pytest.mark.parametrize(
    "error", [URLError("no route to host"), OSError("disk full"), RuntimeError("bad file")]
)
def test_weights_that_cannot_be_had_are_one_line(error, monkeypatch):
    def fail(weights):
        raise error

    monkeypatch.setattr(quality, "_inception", fail)
    with pytest.raises(InvalidOption, match=r"cannot be had \(.*give them as `inception`") as caught:
        load_inception()
    assert "\n" not in str(caught.value)


def test_files_and_folders_that_are_not_there(tmp_path):
    with pytest.raises(InvalidOption, match=r"`inception` .*there is no such file"):
        load_inception(tmp_path / "nowhere.pth")
    with pytest.raises(InvalidFile, match="there is no such folder"):
        find_photos(tmp_path / "nowhere")
    write_images(tmp_path / "one", 2, 0, 0)[0].unlink()
    with pytest.raises(InvalidFile, match="holds 1 images"):
        find_photos(tmp_path / "one")
