"""Right images score full marks; wrong, shuffled, copied and missing ones are caught."""

import shutil

import numpy as np
import pytest
from PIL import Image

from benchmarks.hundred.layouts import write_layouts
from benchmarks.hundred.scorer import look, repeated, score
from benchmarks.hundred.table import Results, report
from layoutgen.errors import InvalidFile, InvalidOption, OutputExists
from tests.hundred.conftest import CELLS, Blobs, draw

OBJECTS = sum(cell.count for cell in CELLS)


def test_right_images_score_full_marks(drawn, scored):
    found = scored(drawn)
    counts = found.scores.counts
    assert (counts.targets, counts.detections, counts.matched) == (OBJECTS, OBJECTS, OBJECTS)
    assert (found.missing, found.scores.perfect) == (0, 1)


def test_images_of_noise_score_nothing(drawn, scored):
    random = np.random.default_rng(0)
    for cell in CELLS:
        side = cell.layout().width
        pixels = random.integers(60, 190, (side, side, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(drawn / f"{cell.name}.png")
    found = scored(drawn)
    assert found.scores.counts.matched == 0 and found.scores.counts.recall == 0


def test_another_label_in_every_box_is_no_match(drawn, scored):
    for cell in CELLS:
        labels = ["cat" if one.label == "dog" else "dog" for one in cell.layout().instances]
        draw(cell.layout(), labels).save(drawn / f"{cell.name}.png")
    counts = scored(drawn).scores.counts
    assert (counts.matched, counts.mislabelled, counts.detections) == (0, OBJECTS, OBJECTS)


def test_shuffled_images_are_no_match(drawn, scored):
    names = [drawn / f"{cell.name}.png" for cell in CELLS]
    images = [Image.open(name).copy() for name in names]
    for name, image in zip(names, images[1:] + images[:1], strict=True):
        image.save(name)
    found = scored(drawn)
    assert found.scores.counts.recall < 0.25
    assert found.missing == 0


def test_one_image_for_every_layout_is_told(drawn, tmp_path):
    first = drawn / f"{CELLS[1].name}.png"
    for cell in CELLS:
        if cell is not CELLS[1]:
            with Image.open(first) as image:
                image.convert("RGB").save(drawn / f"{cell.name}.jpg", quality=95, subsampling=0)
            (drawn / f"{cell.name}.png").unlink()
    evaluator = Blobs()
    looked = tuple(look(evaluator, drawn, CELLS, tmp_path / "kept"))
    assert repeated(looked) == set(CELLS[1:])
    # Each of these cells has one image: it repeats that of another cell, in another row.
    text = report(evaluator, {"copied": Results(looked)}, CELLS)
    assert text.count("| 1 (1 repeated) |") == len(CELLS) - 1
    found = score(evaluator, looked)
    assert found.scores.counts.recall < 0.6  # the one that is right, and chance


def test_missing_images_count_as_empty(drawn, scored):
    (drawn / f"{CELLS[1].name}.png").unlink()
    found = scored(drawn)
    assert found.missing == 1
    assert found.scores.counts.recall == (OBJECTS - CELLS[1].count) / OBJECTS
    assert found.scores.counts.precision == 1
    assert found.scores.perfect == 3 / 4


def test_images_of_another_size_and_format_count_as_the_layouts(drawn, scored):
    for cell in CELLS:
        path = drawn / f"{cell.name}.png"
        with Image.open(path) as image:
            image.convert("RGB").resize((image.width * 2, image.height * 2), Image.Resampling.NEAREST).save(
                path.with_suffix(".jpg"), quality=95
            )
        path.unlink()
    assert scored(drawn).scores.counts.matched == OBJECTS


def test_what_was_seen_is_kept_until_the_image_changes(drawn, scored):
    evaluator = Blobs()
    first = scored(drawn, evaluator)
    assert evaluator.looked == len(CELLS)
    assert scored(drawn, evaluator).scores == first.scores
    assert evaluator.looked == len(CELLS)
    shutil.copy(drawn / f"{CELLS[0].name}.png", drawn / f"{CELLS[1].name}.png")
    assert scored(drawn, evaluator).scores != first.scores
    assert evaluator.looked == len(CELLS) + 1
    Image.new("RGB", (8, 8)).save(drawn / f"{CELLS[0].name}.png")
    assert scored(drawn, Blobs("coco-mig")).protocol["instance_success"] < 1  # another detector looks again


def test_the_protocols_are_scored_beside(drawn, scored):
    figures = scored(drawn, Blobs("coco-position")).protocol
    assert set(figures) == {"instance_success", "image_success", "mean_iou", "AP", "AP50", "AP75"}
    assert figures["instance_success"] == figures["image_success"] == 1
    assert figures["AP50"] == pytest.approx(1)
    (drawn / f"{CELLS[0].name}.png").unlink()
    figures = scored(drawn, Blobs("coco-position")).protocol
    assert figures["image_success"] == 3 / 4
    assert figures["instance_success"] == pytest.approx((OBJECTS - 3) / OBJECTS)


def test_capital_suffixes_are_images_and_two_of_one_layout_are_refused(drawn, scored):
    first = drawn / f"{CELLS[0].name}.png"
    first.rename(first.with_suffix(".PNG"))
    assert scored(drawn).missing == 0
    with Image.open(first.with_suffix(".PNG")) as image:
        image.save(first.with_suffix(".jpg"))
    with pytest.raises(InvalidFile, match=r"there is .*, too \(keep one image of each layout\)"):
        scored(drawn)


def test_what_was_seen_never_replaces_a_layout(drawn, tmp_path):
    write_layouts(tmp_path / "layouts", CELLS)
    files = {path: path.read_bytes() for path in (tmp_path / "layouts").iterdir()}
    with pytest.raises(OutputExists, match=r"0003_one_scattered_0.json does not hold what was seen"):
        tuple(look(Blobs(), drawn, CELLS, tmp_path / "layouts"))
    assert {path: path.read_bytes() for path in (tmp_path / "layouts").iterdir()} == files
    with pytest.raises(InvalidOption, match="is a file; name a folder"):
        look(Blobs(), drawn, CELLS, drawn / f"{CELLS[0].name}.png")


def test_what_is_not_there_is_one_line(tmp_path):
    with pytest.raises(InvalidFile, match="there is no such folder"):
        look(Blobs(), tmp_path / "nowhere", CELLS, tmp_path)
    with pytest.raises(InvalidFile, match=r"no image of any layout \(call them .*0003_one_scattered_0.png"):
        look(Blobs(), tmp_path, CELLS, tmp_path)
    with pytest.raises(InvalidOption, match="there are no images"):
        score(Blobs(), ())
