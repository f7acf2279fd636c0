"""Annotations and images are found by one rule, and images are oriented by one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.coco import write_coco
from layoutgen.formats.png import write_png
from layoutgen.formats.prepared import write_prepared

LAYOUT = Layout(40, 30, (Instance("dog", Box(4, 5, 24, 25)),))


@pytest.fixture
def home(tmp_path: Path, picture) -> Path:
    """A folder with a COCO json, its image in a folder of another name, and json files of other kinds."""
    (tmp_path / "photos").mkdir()
    picture(40, 30).save(tmp_path / "photos" / "a.png")
    write_coco(tmp_path / "instances.json", [("a.png", LAYOUT)])
    (tmp_path / "results.json").write_text("[]")
    (tmp_path / "recipe.json").write_text("{}")
    return tmp_path


def test_the_only_coco_json_of_a_folder_and_the_folder_of_its_images(home: Path) -> None:
    source = open_annotated(home)
    assert (source.path, source.folder) == (home / "instances.json", home / "photos")
    assert [image.layout for image in source.images] == [LAYOUT]
    assert source.labels == ("dog",)


def test_images_before_beside_before_other_folders(home: Path, picture) -> None:
    for folder, found in ((home, home), (home / "images", home / "images")):
        folder.mkdir(exist_ok=True)
        picture(40, 30).save(folder / "a.png")
        assert open_annotated(home).folder == found
    assert open_annotated(home, home / "photos").folder == home / "photos"


def test_samples_before_other_coco_and_prepared_data_before_both(home: Path, picture) -> None:
    write_coco(home / "annotations.json", [("a.png", LAYOUT.flip())])
    assert open_annotated(home).images[0].layout == LAYOUT.flip()
    picture(40, 30).save(home / "b.png")
    write_prepared(home, [AnnotatedImage(1, "b.png", LAYOUT)])
    for path in (home, home / "metadata.jsonl"):
        source = open_annotated(path)
        assert (source.images[0].file_name, source.folder) == ("b.png", home)


def test_an_image_that_holds_its_layout(tmp_path: Path, picture) -> None:
    write_png(picture(40, 30), tmp_path / "one.png", LAYOUT, {})
    source = open_annotated(tmp_path / "one.png")
    assert source.images == (AnnotatedImage(1, "one.png", LAYOUT),)
    assert source.read_image(source.images[0]).size == (40, 30)


def test_several_coco_files_have_to_be_told_apart(home: Path) -> None:
    write_coco(home / "other.json", [("a.png", LAYOUT)])
    with pytest.raises(InvalidFile, match=r"holds several COCO files \(instances.json, other.json\)"):
        open_annotated(home)


def test_an_image_by_its_id(home: Path) -> None:
    write_coco(home / "instances.json", [("a.png", LAYOUT), ("missing.png", LAYOUT)])
    assert [image.id for image in open_annotated(home, image_id=1).images] == [1]
    with pytest.raises(InvalidOption, match=r"`image_id` 7: .*instances.json has no such image; it has 1, 2"):
        open_annotated(home, image_id=7)
    with pytest.raises(InvalidFile, match=r"photos/missing.png: there is no such image"):
        open_annotated(home)


def test_a_file_without_images(home: Path) -> None:
    write_coco(home / "instances.json", [])
    with pytest.raises(InvalidFile, match="holds no image"):
        open_annotated(home)


@pytest.mark.parametrize(("annotated", "stored"), [((40, 30), True), ((30, 40), False), ((64, 64), True)])
def test_a_turned_photo_is_as_it_was_annotated(
    tmp_path: Path, picture, annotated: tuple[int, int], stored: bool
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3 if annotated == (64, 64) else 6
    picture(40, 30).save(tmp_path / "a.png", exif=exif)
    write_coco(tmp_path / "annotations.json", [("a.png", Layout(*annotated))])
    source = open_annotated(tmp_path)
    pixels = np.asarray(source.read_image(source.images[0], any_size=True))
    expected = picture(40, 30) if stored else picture(40, 30).transpose(Image.Transpose.ROTATE_270)
    np.testing.assert_array_equal(pixels, np.asarray(expected))


def test_a_json_of_another_kind_is_not_taken_for_annotations(home: Path) -> None:
    (home / "instances.json").unlink()
    with pytest.raises(InvalidFile, match=r"holds no annotations.json and no metadata.jsonl"):
        open_annotated(home)
    (home / "cut.json").write_text(json.dumps({"annotations": []})[:9])
    with pytest.raises(InvalidFile, match="is not JSON"):
        open_annotated(home / "cut.json")
