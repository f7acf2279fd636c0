from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from layoutgen import __version__
from layoutgen.domain.annotated_image import AnnotatedImage, Defect, Mask
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile, InvalidLayout
from layoutgen.formats.coco import NO_AREA, decode_mask, read_captions, read_coco, write_coco
from layoutgen.formats.masks import decode_segmentation, encode_mask

# The judge itself: pycocotools 2.0 hands NumPy 2 an array in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Json = dict[str, Any]


def document() -> Json:
    """Two images; the first with a polygon, a crowd and a box without area."""
    annotation = {"image_id": 7, "category_id": 18, "iscrowd": 0, "area": 50}
    return {
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 64, "height": 48},
            {"id": 3, "file_name": "b.jpg", "width": 30, "height": 20},
        ],
        "annotations": [
            annotation | {"id": 1, "bbox": [10, 5, 20, 30], "segmentation": [[10, 5, 30, 5, 30, 35]]},
            annotation | {"id": 2, "bbox": [0, 0, 64, 48], "category_id": 1, "iscrowd": 1},
            annotation | {"id": 4, "bbox": [10, 10, 0, 5]},
            {"id": 5, "image_id": 3, "category_id": 1, "bbox": [-0.4, 2, 10.5, 18.2]},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
    }


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_reads_images_in_file_order(tmp_path: Path) -> None:
    data = read_coco(write(tmp_path / "i.json", document()))
    one, other = data.images
    assert (one.id, one.file_name, one.size) == (7, "a.jpg", (64, 48))
    assert one.layout == Layout(64, 48, (Instance("dog", Box(10, 5, 30, 35)),))
    assert (one.areas, one.masks) == ((50,), (Mask([[10, 5, 30, 5, 30, 35]]),))
    assert one.ignored == (Instance("person", Box(0, 0, 64, 48)),)
    assert data.dropped == (Defect("annotations[2].bbox", NO_AREA, 7),)
    assert (data.categories, data.labels) == ({18: "dog", 1: "person"}, ("dog", "person"))
    (person,) = other.instances
    assert person.box.xyxy == pytest.approx((-0.4, 2, 10.1, 20.2))
    assert other.area_of(0) == pytest.approx(10.5 * 18.2)
    assert (other.masks, other.ignored) == ((), ())


def test_masks_are_read_where_they_are_wanted(tmp_path: Path) -> None:
    path = write(tmp_path / "i.json", change("annotations.0.mask_score", 0.75))
    assert read_coco(path).images[0].mask_of(0) == Mask([[10, 5, 30, 5, 30, 35]], 0.75)
    assert read_coco(path, masks=False).images[0].mask_of(0) is None


def change(path: str, value: Any) -> Json:
    """The document with the value at a path such as ``annotations.0.bbox``; ... removes it."""
    content: Any = document()
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = content
    for step in steps:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps(document())[:300], r"line 1, column \d+: is not JSON.*cut off"),
        ("", "the file is empty"),
        ("[1]", "must hold a JSON object, not a list"),
        ("hello", "is not JSON"),
        ("[" * 100_000, "is not"),
        (change("images", ...), "images: is missing"),
        (change("annotations", {}), "annotations: must be a list, not an object"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, content: Any, said: str) -> None:
    path = write(tmp_path / "wrong.json", content)
    with pytest.raises(InvalidFile, match=said) as caught:
        read_coco(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    assert caught.value.remedy or caught.value.where == ""


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="no such file"):
        read_coco(tmp_path / "none.json")
    with pytest.raises(InvalidFile, match="is a folder"):
        read_coco(tmp_path)
    (tmp_path / "photo.json").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(InvalidFile, match="not UTF-8"):
        read_coco(tmp_path / "photo.json")


def test_captions(tmp_path: Path) -> None:
    annotations = [
        {"image_id": 4, "id": 1, "caption": "A dog.\n"},
        {"image_id": 2, "id": 2, "caption": "A  cat"},
        {"image_id": 4, "id": 3, "caption": "Two dogs"},
    ]
    path = write(tmp_path / "c.json", {"images": [], "annotations": annotations})
    assert read_captions(path) == {4: ("A dog.", "Two dogs"), 2: ("A cat",)}
    with pytest.raises(
        InvalidFile, match=r"annotations\[0\].caption: is missing \(is this a captions json\?\)"
    ):
        read_captions(write(tmp_path / "i.json", document()))


# What we write is read by pycocotools, and by ourselves.

labels = st.sampled_from(["dog", "person", "toothbrush", "unicorn", "ärmel", "hot dog"])
spans = st.tuples(st.floats(0, 300), st.floats(2, 200))


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    boxes = draw(st.lists(st.tuples(labels, spans, spans), max_size=5))
    instances = tuple(Instance(name, Box(x, y, x + w, y + h)) for name, (x, w), (y, h) in boxes)
    return Layout(512, 400, instances, draw(st.text()), draw(st.text()))


@given(st.lists(layouts(), max_size=4))
def test_write_then_read(tmp_path_factory: pytest.TempPathFactory, wanted: list[Layout]) -> None:
    path = tmp_path_factory.mktemp("coco") / "annotations.json"
    write_coco(path, [(f"{n}.png", layout) for n, layout in enumerate(wanted)])
    found = read_coco(path).images
    assert [image.file_name for image in found] == [f"{n}.png" for n in range(len(wanted))]
    for image, layout in zip(found, wanted, strict=True):
        again = image.layout
        assert (again.prompt, again.negative_prompt) == (layout.prompt, layout.negative_prompt)
        assert [i.label for i in again.instances] == [i.label for i in layout.clip().instances]
        for one, other in zip(again.instances, layout.clip().instances, strict=True):
            assert one.box.xyxy == pytest.approx(other.box.xyxy)
    assert not list(path.parent.glob(".*"))


def result() -> Layout:
    instances = (
        Instance("unicorn", Box(4, 6, 30, 20)),
        Instance("dog", Box(10.5, 30, 52, 47)),
        Instance("aardvark", Box(40, 2, 64.3, 12)),
    )
    return Layout(64, 48, instances, prompt="a unicorn, a dog and an aardvark")


def test_pycocotools_uses_what_we_write_in_every_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "annotations.json"
    write_coco(path, [("a.png", result()), ("empty.png", Layout(64, 48))], info={"settings": {"seed": 3}})
    coco = COCO(path)
    assert "Warning" not in capsys.readouterr().out
    assert sorted(coco.getImgIds()) == [1, 2]
    assert coco.getAnnIds() == [1, 2, 3]
    assert {c["name"]: c["id"] for c in coco.loadCats(coco.getCatIds())} == {
        "dog": 18,
        "aardvark": 1001,
        "unicorn": 1002,
    }
    for annotation, instance in zip(coco.loadAnns([1, 2]), result().instances, strict=False):
        x0, y0, x1, y1 = instance.box.xyxy
        assert annotation["bbox"] == [x0, y0, x1 - x0, y1 - y0]
        mask = coco.annToMask(annotation)
        assert mask.shape == (48, 64)
        assert mask[int(y0) + 1 : int(y1) - 1, int(x0) + 1 : int(x1) - 1].all()
        assert abs(int(mask.sum()) - annotation["area"]) < 60
    assert coco.loadAnns(3)[0]["bbox"] == [40, 2, 24, 10]  # cut to the canvas
    assert coco.dataset["info"]["version"] == __version__
    assert coco.dataset["info"]["prompt"] == result().prompt
    assert coco.dataset["info"]["settings"] == {"seed": 3}
    detections = [
        {"image_id": 1, "category_id": a["category_id"], "bbox": a["bbox"], "score": 0.9}
        for a in coco.loadAnns([1, 2, 3])
    ]
    judged = COCOeval(coco, coco.loadRes(detections), "bbox")
    judged.evaluate()
    judged.accumulate()
    judged.summarize()
    assert judged.stats[0] == pytest.approx(1)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "annotations.json"
    write_coco(path, [("a.png", result())])
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_coco(path, [("b.png", result())], info={"settings": object()})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# Masks: pycocotools is the judge.


def annotated(segmentation: Any) -> AnnotatedImage:
    layout = Layout(30, 20, (Instance("dog", Box(0, 0, 1, 1)),))
    return AnnotatedImage(1, "a.jpg", layout, masks=(segmentation and Mask(segmentation),))


def test_masks_of_all_kinds(tmp_path: Path) -> None:
    coco = COCO()
    coco.imgs = {1: {"height": 20, "width": 30}}
    polygons = [[2, 3, 12, 3, 12, 9, 2, 9], [20, 10, 29, 10, 29, 19]]
    counts = [65, 10, 10, 10, 505]
    packed = coco.annToRLE({"image_id": 1, "segmentation": polygons})
    compressed = {"size": [20, 30], "counts": packed["counts"].decode()}
    for segmentation in (polygons, {"size": [20, 30], "counts": counts}, compressed):
        mask = decode_mask(annotated(segmentation), 0)
        assert mask.dtype == bool and mask.any() and not mask.all()
        expected = coco.annToMask({"image_id": 1, "segmentation": segmentation})
        np.testing.assert_array_equal(mask, expected.astype(bool))


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        (None, "no segmentation"),
        ([[1, 2, 3, 4]], "no polygon of three corners"),
        ([[1, 2, 3, 4, 5]], "must be lists"),
        ([[1, 2, "3", 4, 5, 6]], "must be lists"),
        ({"size": [30, 20], "counts": "abc"}, "size is"),
        ({"size": [20, 30]}, "counts must be a list or a text"),
        ({"size": [20, 30], "counts": [5, 5]}, "add up to 600"),
        ({"size": [20, 30], "counts": "é"}, "Invalid RLE"),
    ],
)
def test_a_mask_that_does_not_fit_its_image(segmentation: Any, said: str) -> None:
    with pytest.raises(InvalidLayout, match=rf"a.jpg, instances\[0\] \(dog\): .*{said}"):
        decode_mask(annotated(segmentation), 0)


# Real files.


def test_tiny_coco(data: Path) -> None:
    images = read_coco(data / "tiny-coco" / "instances_train2017_small.json").images
    assert (len(images), sum(len(i.instances) + len(i.ignored) for i in images)) == (16, 197)
    assert sum(len(i.ignored) for i in images) == 1
    for image in images:
        for index in range(len(image.instances)):
            area = decode_mask(image, index).sum()
            assert area == pytest.approx(image.area_of(index), rel=0.2, abs=30)


def test_17000_annotations_take_less_than_a_second(data: Path) -> None:
    begin = time.process_time()
    images = read_coco(data / "coco" / "instances_train.json").images
    assert time.process_time() - begin < 1
    assert sum(len(i.instances) + len(i.ignored) for i in images) == 17_256


def test_pets(data: Path) -> None:
    images = read_coco(data / "pets" / "instances_heldout.json").images
    assert {label for image in images for label in image.labels} == {"cat", "dog"}
    rows, columns = np.nonzero(decode_mask(images[0], 0))
    box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert box.iou(images[0].instances[0].box) > 0.95


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_run_lengths_are_checked_before_they_are_decoded(
    height: int, width: int, seed: int, share: float
) -> None:
    """pycocotools decodes a text that is too short to whatever the memory holds."""
    pixels = np.random.default_rng(seed).random((height, width)) < share
    runs = encode_mask(pixels)
    np.testing.assert_array_equal(decode_segmentation(runs, height, width), pixels)
    for text in (runs["counts"][:-1], runs["counts"] + "1", "~~~", "é", ""):
        with pytest.raises(ValueError, match="add up to"):
            decode_segmentation(runs | {"counts": text}, height, width)
