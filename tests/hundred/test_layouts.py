"""The layouts of the benchmark: what they ask for, and that they are the same bytes everywhere."""

import hashlib
from collections import Counter

import numpy as np
import pytest

from benchmarks.hundred.layouts import ARRANGEMENTS, COUNTS, PRESETS, Cell, write_layouts
from layoutgen.domain.boxes import corners, iou_matrix
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.layout_file import read_layout

SMALL = [Cell(count) for count in COUNTS[:4]]
SMALL += [Cell(30, "several", one, 2) for one in ARRANGEMENTS] + [Cell(6, "several", "large")]


@pytest.mark.parametrize("cell", SMALL, ids=lambda cell: cell.name)
def test_a_layout_holds_what_its_cell_says(cell):
    layout = cell.layout()
    boxes = corners(one.box for one in layout.instances)
    assert len(boxes) == cell.count
    overlaps = iou_matrix(boxes, boxes)
    np.fill_diagonal(overlaps, 0)
    assert overlaps.max(initial=0) == 0
    assert boxes.min() >= 0 and boxes.max() <= layout.width == layout.height
    assert layout.width % 64 == 0 and (boxes % 8 == 0).all()
    counts = Counter(one.label for one in layout.instances)
    assert set(counts) == ({"dog"} if cell.labels == "one" else {"cat", "dog"})
    assert max(counts.values()) - min(counts.values()) <= (cell.labels == "several")
    assert str(counts["dog"] if cell.count > 1 else "a dog") in layout.prompt


def test_arrangements_differ():
    covered, spread = {}, {}
    for name in ARRANGEMENTS:
        layout = Cell(30, arrangement=name).layout()
        boxes = corners(one.box for one in layout.instances)
        sides = (boxes[:, 2:] - boxes[:, :2]).max(1)
        covered[name] = float((boxes[:, 2:] - boxes[:, :2]).prod(1).sum() / layout.width**2)
        spread[name] = sides.max() / sides.min()
        rows = len({float(middle) for middle in (boxes[:, 1] + boxes[:, 3]) / 2 // 16})
        assert (rows <= 8) == (name == "rows")
    assert covered["crowded"] > 0.6 > 0.35 > covered["scattered"] > 0.2
    assert spread["mixed"] > 2.4 > 1.6 > spread["scattered"]
    assert Cell(3).layout() != Cell(3, seed=1).layout()


def test_the_presets_are_what_they_are_called():
    assert [cell.count for cell in PRESETS["quick"].cells(1)] == [*COUNTS, 30, 30, 30, 30]
    assert len(PRESETS["full"].cells(3)) == 3 * (1 + 6 * 2 * 4)
    for name in ("coco-mig", "coco-position"):
        cells = PRESETS[name].cells(4)
        assert Counter(cell.count for cell in cells) == dict.fromkeys(range(2, 7), 4)
        assert cells[-1].layout().width == 512
    names = [cell.name for cell in PRESETS["full"].cells(3)]
    assert len(set(names)) == len(names)


def test_the_same_cells_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_layouts(tmp_path / name, SMALL)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == len(SMALL) + 1
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    # Of another version of the benchmark, figures would not compare.
    text = (tmp_path / "one" / "0010_one_scattered_0.json").read_bytes()
    assert hashlib.sha256(text).hexdigest()[:16] == "3922bf71114f3c38"


def test_the_files_are_read_by_the_commands(tmp_path):
    write_layouts(tmp_path, SMALL[:3])
    assert read_layout(tmp_path / "0003_one_scattered_0.json").layout == SMALL[1].layout()
    source = open_annotated(tmp_path / "annotations.coco.json", required=False)
    assert [image.file_name for image in source.images] == [f"{cell.name}.png" for cell in SMALL[:3]]
    assert source.images[2].instances == SMALL[2].layout().instances
