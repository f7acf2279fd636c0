from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.domain.requests import arrange_request
from layoutgen.domain.size_prior import SizePrior
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.formats import read_layout_file, read_layouts
from layoutgen.formats.coco import write_coco
from layoutgen.formats.collector import NO_AREA
from layoutgen.formats.layout_file import write_yaml
from layoutgen.formats.png import write_png
from layoutgen.formats.read_options import ReadOptions

SAMPLES = Path(__file__).parents[2] / "sample_layouts"
LAYOUT = Layout(
    512, 384, (Instance("dog", Box(10, 20, 110, 90)), Instance("cat", Box(200, 20, 300, 90))), "a dog"
)


@pytest.fixture(params=["a.yaml", "a.YML", "a.json", "a.png"])
def path(request: pytest.FixtureRequest, tmp_path: Path, picture: Callable[[int, int], Image.Image]) -> Path:
    """The same layout in each of the formats."""
    path: Path = tmp_path / request.param
    if path.suffix == ".json":
        write_coco(path, [("a.png", LAYOUT)])
    elif path.suffix == ".png":
        write_png(picture(512, 384), path, LAYOUT, {})
    else:
        write_yaml(path, LAYOUT)
    return path


def test_each_format_gives_the_layout(path: Path) -> None:
    assert [request.layout for request in read_layouts(path)] == [LAYOUT]


def test_each_format_can_be_asked_for_more(path: Path) -> None:
    (request,) = read_layouts(path)
    ask = partial(arrange_request, request, [(30, "dogs")], size_prior=SizePrior(20))
    layout = ask(seed=2)
    assert Counter(i.label for i in layout.instances) == {"dog": 30, "cat": 1}
    assert layout.instances[:2] == LAYOUT.instances
    assert ask(seed=2) == layout != ask(seed=3)


def test_files_of_no_known_format(tmp_path: Path) -> None:
    for name in ("none.yaml", "none.json", "none.png"):
        with pytest.raises(InvalidFile, match=f"{name}: there is no such file"):
            read_layouts(tmp_path / name)
    for name in ("layout.txt", "layout"):
        (tmp_path / name).write_text("canvas: {width: 9, height: 9}")
        with pytest.raises(InvalidFile, match=r"give a .yaml or .json layout, a COCO .json"):
            read_layouts(tmp_path / name)
    with pytest.raises(InvalidFile, match="no such file"):
        read_layouts(tmp_path / "dogs")


def two_images(tmp_path: Path, bbox: list[float], **changes: Any) -> Path:
    path = tmp_path / "two.json"
    write_coco(path, [("a.png", LAYOUT), ("b.png", Layout(64, 64, (Instance("dog", Box(4, 4, 9, 9)),)))])
    content = json.loads(path.read_text())
    content["annotations"][0] |= {"bbox": bbox, **changes}
    path.write_text(json.dumps(content))
    return path


def test_an_image_of_a_coco_json(tmp_path: Path) -> None:
    path = two_images(tmp_path, [10, 20, 100, 70])
    assert [request.layout.width for request in read_layouts(path)] == [512, 64]
    assert [request.layout.width for request in read_layouts(path, image_id=2)] == [64]
    with pytest.raises(InvalidOption, match=r"`image_id` 5: .*two.json has no such image; it has 1, 2"):
        read_layouts(path, image_id=5)


def test_an_image_id_goes_with_a_coco_json_only(tmp_path: Path) -> None:
    write_yaml(tmp_path / "a.yaml", LAYOUT)
    with pytest.raises(InvalidOption, match="`image_id` goes with a COCO json"):
        read_layouts(tmp_path / "a.yaml", image_id=1)


def test_boxes_of_coco_that_leave_the_picture(tmp_path: Path) -> None:
    (request, _) = read_layouts(two_images(tmp_path, [-0.3, 20, 512.5, 70]))
    assert request.layout.instances[0].box.xyxy == (0, 20, 512, 90)
    path, strict = two_images(tmp_path, [500, 20, 40, 70]), ReadOptions(strict=True)
    with pytest.raises(
        InvalidFile, match=r"two.json, image id 1: instances\[0\] \(dog\): .*outside the 512 x 384"
    ):
        read_layouts(path, options=strict)
    assert len(read_layouts(path, image_id=2, options=strict)) == 1
    file = read_layout_file(path)
    assert file.requests[0].layout.instances[0].box.xyxy == (500, 20, 512, 90)
    assert [(one.reason, one.image_id) for one in file.mended] == [("box cut to the image", 1)]


def test_boxes_without_area_are_dropped_and_named(tmp_path: Path) -> None:
    for bbox in ([10, 20, 0, 70], [600, 20, 50, 50]):
        path = two_images(tmp_path, bbox, segmentation=[])
        file = read_layout_file(path)
        assert [len(one.layout.instances) for one in file.requests] == [len(LAYOUT.instances) - 1, 1]
        assert [(one.where, one.reason) for one in file.dropped] == [("annotations[0].bbox", NO_AREA)]
        with pytest.raises(InvalidFile, match=r"annotations\[0\].bbox: no area inside the image"):
            read_layouts(path, options=ReadOptions(strict=True))


def test_a_coco_json_without_images(tmp_path: Path) -> None:
    write_coco(tmp_path / "none.json", [])
    with pytest.raises(InvalidFile, match="holds no image"):
        read_layouts(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("name", "size", "counts"),
    [
        ("100_dogs.yaml", (512, 512), {"dog": 100}),
        ("300_dogs.yaml", (1024, 1024), {"dog": 300}),
        ("dogs_and_cats.yaml", (512, 512), {"dog": 5, "cat": 4}),
        ("wide.yaml", (768, 384), {"dog": 13, "cat": 9}),
    ],
)
def test_sample_layouts(name: str, size: tuple[int, int], counts: dict[str, int]) -> None:
    (request,) = read_layouts(SAMPLES / name)
    layout = arrange_request(request)
    assert (layout.width, layout.height) == size
    assert Counter(i.label for i in layout.instances) == counts
    assert layout.prompt
    for instance in layout.instances:
        assert max(instance.box.width, instance.box.height) >= 32
    assert all(one.box.intersection(two.box) == 0 for one, two in combinations(layout.instances, 2))


def test_the_sample_of_coco() -> None:
    layouts = [request.layout for request in read_layouts(SAMPLES / "coco_excerpt.json")]
    assert len(layouts) == 5
    assert {label for layout in layouts for label in layout.labels} == {"cat", "dog"}
    assert all(min(i.box.width, i.box.height) >= 32 for layout in layouts for i in layout.instances)
    content = json.loads((SAMPLES / "coco_excerpt.json").read_text())
    assert "CC BY 4.0" in content["licenses"][0]["name"]


def test_every_sample_layout_is_tested() -> None:
    tested = {"100_dogs.yaml", "300_dogs.yaml", "dogs_and_cats.yaml", "wide.yaml", "coco_excerpt.json"}
    assert {path.name for path in SAMPLES.iterdir()} == tested


@pytest.mark.parametrize("count", [1, 100, 120, 300])
def test_100_dogs_can_be_asked_for_any_number(count: int) -> None:
    (request,) = read_layouts(SAMPLES / "100_dogs.yaml")
    layout = arrange_request(request, [(count, "dogs")])
    assert len(layout.instances) == count
    if count == 100:
        assert layout == arrange_request(request)
