import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from layoutgen import Box
from layoutgen.data.prepare_coco import Outcome, prepare_coco
from layoutgen.data.selection import Reason, Selection
from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.errors import InvalidFile, InvalidOption, OutputExists
from layoutgen.formats.coco import read_coco
from layoutgen.formats.prepared import read_prepared


def prepare(
    written: tuple[Path, Path], output: Path, **options: Any
) -> tuple[list[Outcome], list[AnnotatedImage]]:
    outcomes = list(prepare_coco(read_coco(written[1]), written[0], output, **options))
    return outcomes, list(read_prepared(output).images)


IMAGES = [("a.png", 200, 100), ("b.png", 100, 300)]
OBJECTS = [
    (1, "dog", [10.0, 20.0, 50.0, 40.0]),
    (1, "dog", [80.0, 20.0, 50.0, 40.0]),
    (1, "cat", [0.0, 0.0, 10.0, 10.0]),
    (2, "cat", [5.0, 5.0, 90.0, 290.0]),
]


def test_boxes_labels_and_files_arrive(coco, tmp_path: Path) -> None:
    written = coco(IMAGES, OBJECTS)
    outcomes, prepared = prepare(written, tmp_path / "out")
    assert [(o.file_name, o.kept, o.left_out) for o in outcomes] == [("a.png", 3, None), ("b.png", 1, None)]
    assert [p.file_name for p in prepared] == ["images/a.png", "images/b.png"]
    first = prepared[0].layout
    assert (first.width, first.height) == (200, 100)
    assert [(i.label, i.box) for i in first.instances] == [
        ("dog", Box(10, 20, 60, 60)), ("dog", Box(80, 20, 130, 60)), ("cat", Box(0, 0, 10, 10)),
    ]  # fmt: skip
    for name in ("a.png", "b.png"):
        assert (tmp_path / "out" / "images" / name).read_bytes() == (written[0] / name).read_bytes()


def test_the_text_is_the_first_caption_or_composed(coco, tmp_path: Path) -> None:
    captions = {1: ("Two dogs meet a cat.", "Something else."), 7: ("Nobody's.",)}
    outcomes, prepared = prepare(coco(IMAGES, OBJECTS), tmp_path / "out", captions=captions)
    assert [p.layout.prompt for p in prepared] == ["Two dogs meet a cat.", "a photo of a cat"]
    assert [o.own_caption for o in outcomes] == [True, False]
    _, composed = prepare(coco(IMAGES, OBJECTS), tmp_path / "plain")
    assert composed[0].layout.prompt == "a photo of 2 dogs and a cat"


def test_captions_of_other_images_are_refused(coco, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="none of the captions belongs to an image"):
        prepare(coco(IMAGES, OBJECTS), tmp_path / "out", captions={7: ("Nobody's.",)})


def test_each_filter_drops_its_own_and_says_so(coco, tmp_path: Path) -> None:
    written = coco(IMAGES, [*OBJECTS, (1, "dog", [250.0, 0.0, 5.0, 5.0]), (2, "dog", [0.0, 0.0, 0.0, 5.0])])
    document = json.loads(written[1].read_text())
    document["annotations"][1]["iscrowd"] = 1
    written[1].write_text(json.dumps(document))
    selection = Selection(labels=("dog",), min_area=0.05)
    outcomes, prepared = prepare(written, tmp_path / "out", selection=selection)
    assert outcomes[0].dropped == {Reason.CROWD: 1, Reason.LABEL: 1, Reason.DEGENERATE: 1}
    assert outcomes[1].dropped == {Reason.LABEL: 1, Reason.DEGENERATE: 1}
    assert [o.left_out for o in outcomes] == [None, Reason.EMPTY]
    assert [len(p.layout.instances) for p in prepared] == [1]
    assert not (tmp_path / "out" / "images" / "b.png").exists()


def test_crowds_can_be_kept(coco, tmp_path: Path) -> None:
    written = coco(IMAGES[:1], OBJECTS[:1])
    written[1].write_text(
        written[1].read_text().replace('"id": 1, "image_id"', '"iscrowd": 1, "id": 1, "image_id"')
    )
    with pytest.raises(InvalidOption, match="1 x no object left"):
        prepare(written, tmp_path / "out")
    _, prepared = prepare(written, tmp_path / "out", selection=Selection(keep_crowd=True))
    assert len(prepared[0].layout.instances) == 1


def test_the_area_is_that_of_the_box_inside_the_image(coco, tmp_path: Path) -> None:
    objects = [(1, "dog", [0.0, 0.0, 20.0, 10.0]), (1, "cat", [190.0, 90.0, 500.0, 500.0])]
    outcomes, prepared = prepare(
        coco(IMAGES[:1], objects), tmp_path / "out", selection=Selection(min_area=0.01)
    )
    assert [i.label for i in prepared[0].layout.instances] == ["dog"]
    assert outcomes[0].dropped == {Reason.SMALL: 1}
    assert Box(190, 90, 200, 100).area < 0.01 * 200 * 100 <= Box(0, 0, 20, 10).area


def test_an_image_with_too_many_objects_is_left_out_whole(coco, tmp_path: Path) -> None:
    outcomes, prepared = prepare(
        coco(IMAGES, OBJECTS), tmp_path / "out", selection=Selection(max_instances=2)
    )
    assert outcomes[0] == Outcome("a.png", 0, {Reason.TOO_MANY: 3}, Reason.TOO_MANY)
    assert [p.file_name for p in prepared] == ["images/b.png"]
    assert (
        len(prepare(coco(IMAGES, OBJECTS), tmp_path / "three", selection=Selection(max_instances=3))[1]) == 2
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"min_area": float("nan")}, "fraction"),
        ({"min_area": -0.1}, "fraction"),
        ({"min_area": 100}, "fraction"),
        ({"max_instances": 0}, "above 0"),
    ],
)
def test_a_selection_that_cannot_work_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidOption, match=problem):
        Selection(**options)


def test_an_unknown_category_is_answered_with_the_nearest(coco, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match=r"`category` dogs: .* did you mean 'dog'"):
        prepare(coco(IMAGES, OBJECTS), tmp_path / "out", selection=Selection(labels=("dogs",)))
    with pytest.raises(InvalidOption, match="there are: cat, dog"):
        prepare(coco(IMAGES, OBJECTS), tmp_path / "out", selection=Selection(labels=("zyx",)))


def test_a_smaller_size_keeps_the_boxes_on_their_objects(coco, tmp_path: Path) -> None:
    folder, file = coco(
        [("a.png", 400, 200), ("small.png", 60, 40)],
        [(1, "dog", [100.0, 50.0, 200.0, 100.0]), (2, "cat", [0.0, 0.0, 9.0, 9.0])],
    )
    image = Image.new("RGB", (400, 200))
    image.paste((255, 255, 255), (100, 50, 300, 150))
    image.save(folder / "a.png")
    _, (large, small) = prepare((folder, file), tmp_path / "out", size=50)
    assert (large.layout.width, large.layout.height) == (100, 50)
    assert (small.layout.width, small.layout.height) == (60, 40), "never enlarged"
    with Image.open(tmp_path / "out" / large.file_name) as shrunk:
        assert shrunk.size == (100, 50)
        ys, xs = np.nonzero(np.asarray(shrunk)[..., 0] > 127)
    assert large.layout.instances[0].box.xyxy == pytest.approx(
        (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1), abs=0.5
    )


def test_a_turned_photo_is_read_by_others_as_its_boxes_say(coco, tmp_path: Path, picture) -> None:
    folder, file = coco([("a.png", 40, 30)], [(1, "dog", [0.0, 0.0, 10.0, 10.0])])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture(40, 30).save(folder / "a.png", exif=exif)
    prepare((folder, file), tmp_path / "out")
    with Image.open(tmp_path / "out" / "images" / "a.png") as image:
        assert image.getexif().get(ExifTags.Base.Orientation, 1) == 1
        np.testing.assert_array_equal(np.asarray(image), np.asarray(picture(40, 30)))


def test_names_stay_inside_the_output_and_apart(coco, tmp_path: Path) -> None:
    names = ["sub/a.png", "../a.png", "a.bmp", "a.gif"]
    written = coco(
        [(name, 20, 10) for name in names], [(i, "dog", [0.0, 0.0, 9.0, 9.0]) for i in range(1, 5)]
    )
    _, prepared = prepare(written, tmp_path / "out")
    assert [p.file_name for p in prepared] == [
        "images/sub/a.png",
        "images/a.png",
        "images/a-2.png",
        "images/a-3.png",
    ]
    for image in prepared:
        with Image.open(tmp_path / "out" / image.file_name) as opened:
            assert (opened.size, opened.mode, opened.format) == ((20, 10), "RGB", "PNG")


def test_missing_images_are_counted_before_anything_is_done(coco, tmp_path: Path) -> None:
    folder, file = coco(IMAGES, OBJECTS)
    (folder / "b.png").unlink()
    with pytest.raises(InvalidFile, match=r"b\.png: there is no such image; 1 of 2 images are missing"):
        prepare((folder, file), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    outcomes, prepared = prepare((folder, file), tmp_path / "out", skip_missing=True)
    assert outcomes[1] == Outcome("b.png", 0, {Reason.MISSING: 1}, Reason.MISSING)
    assert len(prepared) == 1


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_an_unreadable_image_is_named_or_skipped(coco, tmp_path: Path, content: bytes | None) -> None:
    folder, file = coco(IMAGES, OBJECTS)
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(InvalidFile, match=r"b\.png: is not an image that can be read.*`skip_missing`"):
        prepare((folder, file), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    outcomes, _ = prepare((folder, file), tmp_path / "out", skip_missing=True)
    assert outcomes[1].left_out is Reason.UNREADABLE


def test_every_object_of_the_file_is_accounted_for(coco, tmp_path: Path) -> None:
    folder, file = coco(IMAGES, [*OBJECTS, (1, "dog", [0.0, 0.0, 0.0, 5.0])])
    (folder / "b.png").unlink()
    outcomes, _ = prepare(
        (folder, file), tmp_path / "out", skip_missing=True, selection=Selection(min_area=0.02)
    )
    dropped = sum((Counter(o.dropped) for o in outcomes), Counter())
    assert sum(o.kept for o in outcomes) + dropped.total() == 5


def test_nothing_left_is_an_error_not_an_empty_data_set(coco, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="no image is left"):
        prepare(coco(IMAGES, OBJECTS), tmp_path / "out", selection=Selection(min_area=0.99))
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_given_up_leaves_nothing(coco, tmp_path: Path) -> None:
    folder, file = coco(IMAGES, OBJECTS)
    run = prepare_coco(read_coco(file), folder, tmp_path / "out")
    next(run)
    run.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["instances.json", "photos"]


def test_earlier_results_are_safe(coco, tmp_path: Path) -> None:
    written = coco(IMAGES, OBJECTS)
    prepare(written, tmp_path / "out")
    with pytest.raises(OutputExists, match="`overwrite`"):
        prepare(written, tmp_path / "out")
    _, prepared = prepare(written, tmp_path / "out", overwrite=True, selection=Selection(labels=("dog",)))
    assert [p.file_name for p in prepared] == ["images/a.png"]
    assert not (tmp_path / "out" / "images" / "b.png").exists()


def test_hugging_face_reads_it(coco, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    prepare(coco(IMAGES, OBJECTS), tmp_path / "out", captions={2: ("A long cat.",)})
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded["text"] == ["a photo of 2 dogs and a cat", "A long cat."]
    assert [image.size for image in loaded["image"]] == [(200, 100), (100, 300)]
    assert loaded[0]["objects"]["bbox"] == [bbox for _, _, bbox in OBJECTS[:3]]


def test_tiny_coco(data: Path, tmp_path: Path) -> None:
    folder = data / "tiny-coco"
    written = folder / "train_2017_small", folder / "instances_train2017_small.json"
    outcomes, prepared = prepare(written, tmp_path / "out")
    raw = json.loads(written[1].read_text())["annotations"]
    crowds = sum(a["iscrowd"] for a in raw)
    assert len(prepared) == 16
    assert sum(o.kept for o in outcomes) == len(raw) - crowds
    assert sum(o.dropped.get(Reason.CROWD, 0) for o in outcomes) == crowds
