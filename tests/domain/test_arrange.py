from __future__ import annotations

import math
import time
from itertools import combinations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from layoutgen.domain.arrange import arrange, ask_for
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.domain.size_prior import SizePrior
from layoutgen.errors import DoesNotFit, InvalidLayout, InvalidOption

sizes = st.integers(1, 700)
coordinates = st.floats(-50, 650, allow_nan=False)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """A canvas with some boxes, which may overlap and reach beyond it."""
    corners = draw(st.lists(st.tuples(coordinates, coordinates), max_size=6))
    boxes = [Box(x, y, x + draw(st.floats(1, 200)), y + draw(st.floats(1, 200))) for x, y in corners]
    return Layout(draw(sizes), draw(sizes), tuple(Instance("tree", box) for box in boxes))


def new_boxes(before: Layout, after: Layout) -> list[Box]:
    assert after.instances[: len(before.instances)] == before.instances
    return [i.box for i in after.instances[len(before.instances) :]]


def check(before: Layout, after: Layout, count: int) -> list[Box]:
    boxes = new_boxes(before, after)
    assert len(boxes) == count
    for box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= after.width and box.y1 <= after.height
    for one, other in combinations(boxes, 2):
        assert one.intersection(other) == 0
    for box in boxes:
        assert all(box.intersection(old.box) == 0 for old in before.instances)
    return boxes


@given(layouts(), st.integers(0, 60), st.sampled_from(["scatter", "grid"]), st.integers(0, 2**64))
def test_exactly_count_inside_without_overlap_and_the_same_again(
    layout: Layout, count: int, how: str, seed: int
) -> None:
    try:
        arranged = arrange(layout, "dog", count, how=how, seed=seed)  # type: ignore[arg-type]
    except DoesNotFit:
        assume(False)
    for box in check(layout, arranged, count):
        assert max(box.width, box.height) > 16 - 1e-6
        assert 0.75 - 1e-6 < box.width / box.height < 1.33 + 1e-6
    assert arranged == arrange(layout, "dog", count, how=how, seed=seed)  # type: ignore[arg-type]


@given(layouts(), st.integers(1, 60), st.sampled_from([2, 8, 12]), st.sampled_from(["scatter", "grid"]))
def test_edges_on_a_grid_and_still_no_overlap(layout: Layout, count: int, grid: int, how: str) -> None:
    try:
        arranged = arrange(layout, "dog", count, how=how, size_prior=SizePrior(grid=grid))  # type: ignore[arg-type]
    except DoesNotFit:
        assume(False)
    for box in check(layout, arranged, count):
        assert all(edge % grid == 0 for edge in box.xyxy)


@given(layouts(), st.floats(16, 120), st.floats(0, 40), st.integers(0, 9))
@example(Layout(17, 17, (Instance("tree", Box(0, 16.5, 1, 17.5)),)), 16.5, 0.0, 0)  # an edge within a pixel
def test_whatever_a_plain_grid_of_the_smallest_size_holds_is_found(
    layout: Layout, low: float, more: float, seed: int
) -> None:
    cells = [
        Box(column * low, row * low, (column + 1) * low, (row + 1) * low)
        for row in range(int(layout.height / low))
        for column in range(int(layout.width / low))
    ]
    free = [c for c in cells if not any(c.intersection(i.box) for i in layout.instances)]
    arranged = arrange(layout, "dog", len(free), size=(low, low + more), seed=seed)
    for box in check(layout, arranged, len(free)):
        assert low - 1e-6 < max(box.width, box.height) < low + more + 1e-6


@settings(max_examples=30)
@given(layouts(), st.integers(1, 300))
def test_the_canvas_that_is_recommended_will_do(layout: Layout, more: int) -> None:
    count = layout.width * layout.height // 256 + more
    with pytest.raises(DoesNotFit) as caught:
        arrange(layout, "dog", count)
    words = str(caught.value).split()
    larger = Layout(int(words[-3]), int(words[-1]), layout.instances)
    assert larger.width >= layout.width and larger.height >= layout.height
    assert len(arrange(larger, "dog", count, how="grid").instances) == len(layout.instances) + count


def test_what_fits_is_counted_and_does_fit() -> None:
    layout = Layout(320, 200, (Instance("tree", Box(100, 0, 150, 200)),))
    with pytest.raises(
        DoesNotFit, match=r"500 x 'dog' at 16 px do not fit the 320 x 200 canvas.* room for 192"
    ):
        arrange(layout, "dog", 500)
    check(layout, arrange(layout, "dog", 192), 192)
    with pytest.raises(DoesNotFit):
        arrange(layout, "dog", 193)


@pytest.mark.parametrize(("count", "side"), [(1024, 16), (100, 51.2), (4, 256)])
def test_a_canvas_can_be_filled_to_the_last_cell(count: int, side: float) -> None:
    empty = Layout(512, 512)
    for how in ("scatter", "grid"):
        full = arrange(empty, "dog", count, size=(side, side), aspect=(1, 1), how=how)  # type: ignore[arg-type]
        assert sum(box.area for box in check(empty, full, count)) == pytest.approx(512 * 512)


def test_100_fill_a_canvas_and_1_does_not() -> None:
    longer = [max(i.box.width, i.box.height) for i in arrange(Layout(512, 512), "dog", 100).instances]
    assert 34 < min(longer) < 38 and 46 < max(longer) < 50
    single = arrange(Layout(512, 512), "dog", 1).instances[0].box
    assert 100 < max(single.width, single.height) <= 256


def test_scatter_is_no_grid_and_seeds_differ() -> None:
    one, other = (arrange(Layout(512, 512), "dog", 100, seed=seed) for seed in (1, 2))
    assert one != other
    # In a grid of ten columns, however jittered, no box would cross a border between two columns.
    borders = [51.2 * column for column in range(1, 10)]
    assert sum(any(i.box.x0 < x < i.box.x1 for x in borders) for i in one.instances) > 30


def test_grid_is_in_rows_and_columns() -> None:
    layout = arrange(Layout(600, 400), "dog", 24, how="grid", size=(20, 30))
    centres = {(round((i.box.x0 + i.box.x1) / 2), round((i.box.y0 + i.box.y1) / 2)) for i in layout.instances}
    assert centres == {(50 + 100 * column, 50 + 100 * row) for column in range(6) for row in range(4)}


def test_tall_objects_use_the_width() -> None:
    layout = Layout(512, 512)
    check(layout, arrange(layout, "person", 60, size=(100, 100), aspect=(0.3, 0.4)), 60)  # 12 columns, 5 rows


def test_what_is_not_asked_for_is_as_the_model_draws_it_well() -> None:
    well = SizePrior(smallest=24, largest=58, aspect=(0.5, 0.9), grid=8)
    layout = arrange(Layout(512, 512), "dog", 6, size_prior=well)
    for box in check(Layout(512, 512), layout, 6):
        assert 40 <= box.height <= 64  # 43 to 58, edges rounded
        assert box.width < box.height
    asked = arrange(Layout(512, 512), "dog", 6, size=(96, 96), aspect=(1, 1), size_prior=well)
    assert {(i.box.width, i.box.height) for i in asked.instances} == {(96, 96)}


@pytest.mark.parametrize("canvas", [1024, 520])
def test_1000_take_less_than_a_second(canvas: int) -> None:
    arrange(Layout(64, 64), "dog", 1)
    begin = time.process_time()
    layout = arrange(Layout(canvas, canvas), "dog", 1000)
    assert time.process_time() - begin < 1
    assert len(layout.instances) == 1000


@pytest.mark.parametrize(
    "bad",
    [
        {"count": -1},
        {"size": (30, 20)},
        {"size": (0, 20)},
        {"size": (20, math.nan)},
        {"size": (8, 20)},
        {"aspect": (1, math.inf)},
        {"how": "circle"},
        {"seed": -1},
    ],
)
def test_arguments_that_make_no_sense_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InvalidOption):
        arrange(Layout(512, 512), "dog", **({"count": 2} | bad))  # type: ignore[arg-type]


def mixed() -> Layout:
    boxes = [Box(100 * n, 50 * n, 100 * n + 60, 50 * n + 40) for n in range(5)]
    labels = ["dog", "cat", "dogs", "Dog", "cat"]
    return Layout(
        512, 512, tuple(Instance(*pair) for pair in zip(labels, boxes, strict=True)), prompt="a yard"
    )


def test_ask_for_keeps_the_boxes_in_the_file_and_adds_the_rest() -> None:
    asked = ask_for(mixed(), 40, "dogs", seed=3)
    assert [i.label for i in asked.instances].count("dog") == 40
    assert [i.box for i in asked.instances[:5]] == [i.box for i in mixed().instances]
    assert [i.label for i in asked.instances[:5]] == ["dog", "cat", "dog", "dog", "cat"]
    check(mixed(), asked.with_instances(mixed().instances + asked.instances[5:]), 37)
    assert asked.prompt == "a yard"


def test_ask_for_fewer_than_the_file_has_keeps_the_first() -> None:
    asked = ask_for(mixed(), 2, "dog")
    assert [(i.label, i.box.x0) for i in asked.instances] == [
        ("dog", 0),
        ("cat", 100),
        ("dog", 200),
        ("cat", 400),
    ]


def test_ask_for_passes_its_arguments_on() -> None:
    asked = ask_for(Layout(512, 512), 30, "people", size=(30, 40), how="grid", aspect=(0.5, 0.5), seed=5)
    assert asked == arrange(
        Layout(512, 512), "person", 30, size=(30, 40), how="grid", aspect=(0.5, 0.5), seed=5
    )
    with pytest.raises(InvalidOption, match="below 16 px"):
        ask_for(Layout(512, 512), 1, "dog", size=(12, 40), size_prior=SizePrior(64))


def test_boxes_below_the_prior_are_those_of_a_canvas_painted_larger() -> None:
    prior = SizePrior(smallest=24, largest=112, grid=8)
    assert prior.at_size(24) == prior
    assert prior.at_size(16) == SizePrior(smallest=16, largest=56, grid=4)
    assert prior.at_size(7) == SizePrior(smallest=16, largest=28, grid=2)
    small = ask_for(Layout(256, 256), 40, "dogs", size=(16, 18), aspect=(0.6, 0.9), size_prior=prior)
    boxes = [one.box for one in small.instances]
    assert {edge % 4 for box in boxes for edge in box.xyxy} == {0.0}
    assert {max(box.width, box.height) for box in boxes} <= {16.0, 20.0}


def test_ask_for_none_or_nothing_is_refused() -> None:
    with pytest.raises(InvalidOption, match="1 or more"):
        ask_for(mixed(), 0, "dogs")
    with pytest.raises(InvalidLayout, match="label"):
        ask_for(mixed(), 3, "  ")


def test_a_size_of_almost_nothing_is_a_number() -> None:
    assert SizePrior(24, 112).at_size(1e-320) == SizePrior(24, 112).at_size(1e-3)
