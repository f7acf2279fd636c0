"""A bad entry of a COCO json costs that entry, or is mended in the one way that makes sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layoutgen.errors import InvalidFile, InvalidLayout
from layoutgen.formats.coco import NO_AREA, decode_mask, read_coco
from layoutgen.formats.read_options import ReadOptions
from tests.formats.test_coco import change, write


@pytest.mark.parametrize(
    ("content", "where", "reason"),
    [
        (change("annotations.1", 5), "annotations[1]", "entry without fields"),
        (change("images.1.id", 7), "images[1].id", "one id for two images"),
        (change("images.1.width", 0), "images[1].width", "image of unknown size"),
        (change("images.1.width", "wide"), "images[1].width", "image of unknown size"),
        (change("images.0.file_name", ...), "images[0].file_name", "image without id or name"),
        (
            change("annotations.3.image_id", 99),
            "annotations[3].image_id",
            "annotation of an image that is not listed",
        ),
        (
            change("annotations.3.category_id", 5),
            "annotations[3].category_id",
            "annotation of a category that is not listed",
        ),
        (change("annotations.3.bbox", ...), "annotations[3].bbox", "box without four finite numbers"),
        (change("annotations.3.bbox", [1, 2, 3]), "annotations[3].bbox", "box without four finite numbers"),
        (
            change("annotations.3.bbox", [1, 2, float("nan"), 4]),
            "annotations[3].bbox",
            "box without four finite numbers",
        ),
        (
            change("annotations.3.bbox", [1, 2, 10**400, 4]),
            "annotations[3].bbox",
            "box without four finite numbers",
        ),
        (
            change("annotations.3.bbox", [1, 2, True, 4]),
            "annotations[3].bbox",
            "box without four finite numbers",
        ),
        (change("annotations.3.bbox", [30, 35, 5, 5]), "annotations[3].bbox", NO_AREA),
        (change("categories.1.id", 18), "categories[1].id", "one id for two categories"),
        (change("categories.0.name", None), "categories[0].name", "category without id or name"),
    ],
)
def test_a_bad_entry_costs_that_entry_and_is_named(
    tmp_path: Path, content: Any, where: str, reason: str
) -> None:
    path = write(tmp_path / "wrong.json", content)
    assert (where, reason) in [(one.where, one.reason) for one in read_coco(path).dropped]
    if "annotations.2" not in where:  # the document itself has a box without area
        del content["annotations"][2]
    with pytest.raises(InvalidFile) as caught:
        read_coco(write(tmp_path / "strict.json", content), options=ReadOptions(strict=True))
    assert reason in str(caught.value) and caught.value.remedy == "mend or remove the entry"


@pytest.mark.parametrize(
    ("content", "box", "reason"),
    [
        (change("annotations.0.bbox", ...), (10, 5, 30, 35), "box taken from the outline"),
        (
            change("annotations.0.bbox", [30, 35, -20, -30]),
            (10, 5, 30, 35),
            "box drawn backwards, turned round",
        ),
        (change("annotations.0.bbox", [10, 5, 0, 0]), (10, 5, 30, 35), "box taken from the outline"),
        (change("annotations.0.iscrowd", "maybe"), (10, 5, 30, 35), "unclear iscrowd, taken for 0"),
        (
            change("annotations.0.segmentation", [[1, "a"]]),
            (10, 5, 30, 35),
            "mask that cannot be read, box kept",
        ),
    ],
)
def test_what_has_one_obvious_reading_is_mended(
    tmp_path: Path, content: Any, box: tuple[float, ...], reason: str
) -> None:
    data = read_coco(write(tmp_path / "odd.json", content))
    assert data.images[0].instances[0].box.xyxy == box
    assert [one.reason for one in data.mended] == [reason]
    del content["annotations"][2]
    with pytest.raises(InvalidFile, match=reason):
        read_coco(write(tmp_path / "strict.json", content), options=ReadOptions(masks=True, strict=True))


@pytest.mark.parametrize("area", [float("inf"), -1, "big", None, True])
def test_an_area_that_is_none_is_that_of_the_box(tmp_path: Path, area: Any) -> None:
    data = read_coco(write(tmp_path / "area.json", change("annotations.0.area", area)))
    assert data.images[0].area_of(0) == 600


@pytest.mark.parametrize("side", [2**63, 10**400, 1e308, 1_000_001])
def test_a_size_that_no_image_has(tmp_path: Path, side: float) -> None:
    data = read_coco(write(tmp_path / "large.json", change("images.1.width", side)))
    assert ("images[1].width", "image of unknown size") in [(one.where, one.reason) for one in data.dropped]


@pytest.mark.parametrize(
    "segmentation",
    [
        [[10, 5, 1e308, 5, 30, 35]],
        [[10, 5, 2**63, 5, 30, 35]],
        {"size": [2**31, 2**31], "counts": [2**62]},
        {"size": [48, 64], "counts": [2**62]},
        {"size": [48, 64], "counts": "0" * 50},
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_mask_that_would_take_all_memory(tmp_path: Path, segmentation: Any, compressed: bool) -> None:
    path = write(tmp_path / "large.json", change("annotations.0.segmentation", segmentation))
    image = read_coco(path, options=ReadOptions(masks=True, run_lengths=compressed)).images[0]
    assert image.instances[0].box.xyxy == (10, 5, 30, 35)
    if image.mask_of(0) is not None:  # not looked at when it was read
        with pytest.raises(InvalidLayout):
            decode_mask(image, 0)
