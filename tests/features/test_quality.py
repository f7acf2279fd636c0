"""Sets of images beside real ones: what is alike, copied, collapsed or of another kind is told apart."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from layoutgen.errors import InvalidFile
from layoutgen.features.image_quality import NearDuplicate, quality_header, quality_rows, remarks
from layoutgen.features.quality import ImageSet, compare, embed
from layoutgen.io.images import find_photos
from tests.features.conftest import Means, write_images


def test_images_are_embedded_one_by_one_as_in_batches(tmp_path):
    paths = write_images(tmp_path / "real", 20, 1)
    told = []
    found = embed(paths, Means(), told.append)
    expected = [Means()(torch.from_numpy(np.array(Image.open(p))[None]).movedim(-1, 1))[0] for p in paths]
    torch.testing.assert_close(found.features, torch.stack(expected))
    assert found.names == tuple(f"{k:03d}.png" for k in range(20))
    assert told == sorted(set(told)) and told[-1] == 20


def test_images_like_the_real_ones_score_better(image_set):
    real = image_set("real", 40, 1)
    alike = compare(image_set("alike", 40, 2), real, "means")
    other = compare(image_set("other", 40, 3, 60), real, "means")
    assert alike.fid < 0.2 * other.fid
    assert abs(alike.kid) < 0.2 * other.kid
    assert alike.precision > 0.7 and alike.recall > 0.7
    assert other.precision < 0.3 and other.recall < 0.3
    assert compare(real, real, "means").fid == pytest.approx(0, abs=1e-6)


def test_a_wrong_set_is_worse_than_half_of_the_real_one(image_set):
    real = image_set("real", 60, 1)
    wrong = compare(image_set("wrong", 30, 3, 60), real, "means")
    assert (wrong.halves.images, wrong.halves.real_images) == (30, 30)
    assert wrong.halves.halves is None
    assert wrong.fid > 10 * wrong.halves.fid
    assert wrong.kid > 10 * abs(wrong.halves.kid) and wrong.kid > 5 * wrong.kid_deviation
    assert wrong.precision < wrong.halves.precision / 2


def test_copies_are_caught_straight_mirrored_and_as_jpeg(image_set, tmp_path):
    real, folder = image_set("real", 40, 1), tmp_path / "copied"
    folder.mkdir()
    for number in range(12):
        photo = Image.open(tmp_path / "real" / f"{number:03d}.png")
        photo = ImageOps.mirror(photo) if number % 2 else photo
        photo.save(folder / f"c{number:02d}.jpg", quality=97, subsampling=0)
    quality = compare(embed(find_photos(folder), Means()), real, "means")
    assert quality.copies == tuple(NearDuplicate(f"c{k:02d}.jpg", f"{k:03d}.png") for k in range(12))
    assert quality.nearest < 0.1 and quality.too_near > 0.9
    assert quality.repeats == ()
    assert "12 of 12 images are near-duplicates of real ones: c00.jpg of 000.png." in remarks(quality)


def test_new_images_are_no_copies(image_set):
    quality = compare(image_set("new", 40, 2), image_set("real", 40, 1), "means")
    assert quality.copies == () and quality.repeats == ()
    assert quality.nearest == pytest.approx(1, abs=0.3)
    assert quality.too_near < 0.1
    assert len(remarks(quality)) == 1  # of the bias of few images


def test_a_collapse_is_caught(image_set):
    real, new = image_set("real", 40, 1), image_set("new", 2, 2)
    quality = compare(new.only(torch.zeros(20, dtype=torch.long)), real, "means")
    assert quality.variety == pytest.approx(0, abs=1e-6)
    assert quality.recall < 0.1
    assert len(quality.repeats) == 19 and quality.copies == ()
    said = " ".join(remarks(quality))
    assert "19 of 20 images are near-duplicates of others of them" in said
    assert "differ 0% as much" in said


def test_crops_of_real_images_are_too_near_though_no_duplicates():
    real = torch.randn(100, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    small = torch.randn(100, 3072, generator=torch.Generator().manual_seed(1))
    names = tuple(map(str, range(100)))
    near = ImageSet(names, real + 1e-3, small + 1)
    quality = compare(near, ImageSet(names, real, small), "means")
    assert quality.copies == () and quality.too_near == 1
    assert any("100% of the images are nearer to a real one" in text for text in remarks(quality))


def test_photos_of_snow_are_no_copies_of_each_other():
    """Alike as thumbnails, but not in features."""
    random = torch.Generator().manual_seed(0)
    features = torch.randn(40, 4, generator=random, dtype=torch.float64)
    white = torch.full((40, 3072), 250 / 3072**0.5)
    names = tuple(map(str, range(40)))
    made = ImageSet(names, features + 2.0, white)
    quality = compare(made, ImageSet(names, features, white), "means")
    assert len(quality.copies) < 20


def test_the_bias_is_said_and_the_names_are_those_of_the_features(image_set):
    real, new = image_set("real", 40, 1), image_set("new", 20, 2)
    for features, name, kernel in (
        ("inception", "FID", "KID"),
        ("means", "Fréchet distance", "kernel distance"),
    ):
        quality = compare(new, real, features)
        assert f"The {name} of 20 images is too high by what few images add" in remarks(quality)[0]
        assert f"The {kernel} has no such bias" in remarks(quality)[0]
        columns = {"samples": quality}
        assert quality_header(columns) == (f"quality by {features}", "samples", "real, by halves")
        rows = {row[0]: row[1:] for row in quality_rows(columns)}
        assert rows["images / real images"] == ("20 / 40", "20 / 20")
        assert rows[kernel][0] == f"{quality.kid:.4f} ± {quality.kid_deviation:.4f}"
        assert rows[name][0] == f"{quality.fid:.3f}"


def test_of_few_real_images_there_are_no_halves(image_set):
    quality = compare(image_set("new", 3, 2), image_set("real", 7, 1), "means")
    assert quality.halves is None and quality.precision is None
    rows = {row[0]: row[1:] for row in quality_rows({"samples": quality})}
    assert rows["recall of what is real"] == ("-",)


def test_folders_that_are_not_there(tmp_path):
    with pytest.raises(InvalidFile, match="there is no such folder"):
        find_photos(tmp_path / "nowhere")
    write_images(tmp_path / "one", 2, 0)[0].unlink()
    with pytest.raises(InvalidFile, match="holds 1 images"):
        find_photos(tmp_path / "one")


def test_hidden_files_are_no_photos(tmp_path):
    photos = write_images(tmp_path / "photos", 2, 0)
    (tmp_path / "photos" / "._000.png").write_bytes(b"\0\5\x16\7Mac OS X")
    write_images(tmp_path / "photos" / ".thumbnails", 2, 1)
    assert find_photos(tmp_path / "photos") == photos
