"""Each format that is written is read back without loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.formats import dataset_format as can
from layoutgen.formats.annotated_source import merged, open_annotated
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.losses import losses
from layoutgen.formats.masks import decode_segmentation, encode_mask
from layoutgen.formats.registry import FORMATS, WRITABLE, find_format, format_named, recognised
from tests.formats.data_sets import LABELS, SIZE, example, read, written_as

written = pytest.mark.parametrize("name", WRITABLE)


coordinates, spans = st.floats(0, 50), st.floats(2, 60)


@st.composite
def boxes(draw: st.DrawFn, beyond: bool) -> Box:
    x, y, width, height = draw(coordinates), draw(st.floats(0, 40)), draw(spans), draw(spans)
    box = Box(x, y, x + width, y + height)
    inside = box.clip(*SIZE)
    assert inside is not None
    return box if beyond else inside


@st.composite
def masks(draw: st.DrawFn, target: DatasetFormat) -> Mask | None:
    kinds = [None]
    kinds += ["outline"] if can.OUTLINES in target.holds else []
    kinds += ["outlines"] if can.SEVERAL_OUTLINES in target.holds else []
    kinds += ["runs"] if can.RUN_LENGTHS in target.holds else []
    kind = draw(st.sampled_from(kinds))
    if kind is None:
        return None
    score = draw(st.floats(0, 1)) if can.MASK_SCORES in target.holds else 1.0
    if kind == "runs":
        pixels = np.zeros(SIZE[::-1], bool)
        x, y, side = draw(st.integers(0, 40)), draw(st.integers(0, 30)), draw(st.integers(1, 12))
        pixels[y : y + side, x : x + side] = True
        pixels[y, x] = draw(st.booleans()) or side == 1
        return Mask(encode_mask(pixels), score)
    point = st.tuples(st.floats(0, SIZE[0]), st.floats(0, SIZE[1]))
    corners = st.lists(point, min_size=3, max_size=5)
    outlines = draw(st.lists(corners, min_size=1, max_size=1 if kind == "outline" else 3))
    # What is a line is no outline; these have an area.
    outlines[0] = [(0, 0), (3, 0), *outlines[0], (0, 3)]
    return Mask([[float(value) for pair in one for value in pair] for one in outlines], score)


@st.composite
def data_sets(draw: st.DrawFn, name: str) -> AnnotatedImages:
    """What the format can hold."""
    target = format_named(name)
    images = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        found, shapes = [], []
        for _ in range(draw(st.integers(0, 3))):
            found.append(Instance(draw(st.sampled_from(LABELS)), draw(boxes(can.BEYOND in target.holds))))
            shapes.append(draw(masks(target)))
        prompt = draw(st.text(max_size=8)) if can.CAPTIONS in target.holds else ""
        ignored = draw(st.lists(boxes(False), max_size=2)) if can.IGNORED in target.holds else []
        images.append(
            AnnotatedImage(
                number,
                f"images/{number:03d}.png",
                Layout(*SIZE, tuple(found), prompt.strip()),
                tuple(Instance("dog", box) for box in ignored),
                tuple(shapes) if any(shapes) else (),
            )
        )
    return AnnotatedImages(tuple(images), dict(enumerate(LABELS, start=1)))


def pixels_of(mask: Mask | None) -> Any:
    if mask is None:
        return None
    try:
        return decode_segmentation(mask.segmentation, *SIZE[::-1]).tolist()
    except ValueError:
        return None


@written
def test_write_then_read(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    @settings(max_examples=25)
    @given(data_sets(name))
    def check(data: AnnotatedImages) -> None:
        target, folder = format_named(name), tmp_path_factory.mktemp(name)
        path = written_as(name, data, folder)
        assert find_format(path).name == name
        again = read(path)
        assert (again.dropped, again.mended) == ((), ())
        assert not losses(data, target) or set(losses(data, target)) <= {can.UNUSED_LABELS, can.AREAS}
        assert len(again.images) == len(data.images)
        segments = name == "yolo" and any(any(image.masks) for image in data.images)
        for one, other in zip(data.images, again.images, strict=True):
            assert one.size == other.size and Path(one.file_name).name == Path(other.file_name).name
            assert [i.label for i in one.instances] == [i.label for i in other.instances]
            assert len(one.ignored) == len(other.ignored)
            if can.CAPTIONS in target.holds:
                assert other.layout.prompt == one.layout.prompt
            for index, (a, b) in enumerate(zip(one.instances, other.instances, strict=True)):
                mask = one.mask_of(index)
                if mask is None or can.SEVERAL_OUTLINES in target.holds:
                    assert b.box.xyxy == pytest.approx(a.box.xyxy, abs=1e-6)
                if mask is None and not segments:
                    assert other.mask_of(index) is None
                elif mask is not None:
                    found = other.mask_of(index)
                    assert found is not None and found.score == mask.score
                    near = np.array(pixels_of(mask)) != np.array(pixels_of(found))
                    assert near.mean() < 0.01  # corners are rounded where they become fractions

    check()


@written
def test_several_inputs_of_any_formats_are_merged(tmp_path: Path, name: str) -> None:
    one = written_as(name, example(), tmp_path / "one")
    two = written_as("coco", example(), tmp_path / "two")
    source = merged([open_annotated(one), open_annotated(two)])
    assert [image.id for image in source.images] == [1, 2, 3, 4, 5, 6]
    assert all(source.file_of(image).is_file() for image in source.images)
    assert source.labels == ("cat", "dog")


@written
def test_an_image_without_objects_is_there_too(tmp_path: Path, name: str) -> None:
    again = read(written_as(name, example(), tmp_path))
    assert sorted(len(image.instances) for image in again.images) == [0, 1, 2]


@pytest.mark.parametrize("name", WRITABLE)
def test_what_a_format_cannot_hold_is_said(name: str) -> None:
    runs = Mask(encode_mask(np.ones(SIZE[::-1], bool)), 0.5)
    layout = Layout(*SIZE, (Instance("dog", Box(-4, 5, 24, 23)),), "a dog", "a cat")
    image = AnnotatedImage(1, "a.png", layout, (Instance("cat", Box(1, 2, 3, 4)),), (runs,), (9.0,))
    several = Mask([[1, 2, 9, 2, 9, 9], [20, 20, 30, 20, 30, 30]])
    other = AnnotatedImage(2, "b.png", Layout(*SIZE, (Instance("dog", Box(1, 2, 30, 30)),)), masks=(several,))
    lost = losses(AnnotatedImages((image, other), {1: "dog", 2: "cat", 3: "bird"}), format_named(name))
    assert set(lost) == can.EVERYTHING - format_named(name).holds
    assert all(count == 1 for count in lost.values())


def test_every_format_is_found_by_name_and_is_alone(tmp_path: Path) -> None:
    assert len({one.name for one in FORMATS}) == len(FORMATS) == 15
    assert set(WRITABLE) == {"coco", "yolo", "voc", "labelme", "huggingface", "createml", "label-studio"}
    for name in WRITABLE:
        path = written_as(name, example(), tmp_path / name)
        assert recognised(path).name == name
        others = [one.name for one in FORMATS if one.name != name and one.recognises(path)]
        assert others == []
    with pytest.raises(InvalidOption, match="tfrecord is no format that can be written; there are"):
        format_named("tfrecord")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.record", "", "this looks like a TFRecord"),
        ("a.zip", "", "this looks like an archive"),
        ("a.arrow", "", "a part of a Hugging Face data set"),
        ("a.json", '{"annotations": [{"image_id": 1, "caption": "x"}]}', "this looks like COCO captions"),
        ("a.json", '[{"image_id": 1, "category_id": 1, "score": 1}]', "this looks like COCO results"),
        ("a.json", '{"type": "F", "features": [{"geometry": {}}]}', "this looks like GeoJSON"),
        ("a.json", '{"videos": [], "annotations": [], "log": {}}', "this looks like a video data set"),
        ("a.json", '[{"data_row": {}, "projects": {}}]', "this looks like a Labelbox export"),
        ("a.csv", "filename,label\n", "a table that is not Open Images'"),
        ("a.xml", "<svg/>", "an XML file of another kind"),
        ("a.bmp", "BM", "is no format of annotated images that is known"),
    ],
)
def test_a_stranger_is_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidFile, match=said) as caught:
        find_format(tmp_path / name)
    assert caught.value.remedy
