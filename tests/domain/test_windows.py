import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from layoutgen.domain.windows import Window, blend_weights, cover
from layoutgen.errors import InvalidOption


@st.composite
def coverings(draw):
    """Arguments of `cover`: any canvas, also smaller than a window, and any overlap that is possible."""
    size = draw(st.integers(1, 24))
    overlap = draw(st.integers(0, size - 1))
    # A side needs side / (size - overlap) windows: keep them to a dozen.
    longest = size + 12 * (size - overlap)
    height, width = draw(st.integers(1, longest)), draw(st.integers(1, longest))
    return height, width, size, overlap


def fuse(windows, weights, height, width):
    """Sum of all weights at every cell, computed cell by cell."""
    total = np.zeros((height, width), np.float64)
    for window, weight in zip(windows, weights, strict=True):
        for row in range(window.height):
            for column in range(window.width):
                total[window.top + row, window.left + column] += weight[row, column]
    return total


def fewest(length, size, overlap):
    """How many windows an axis needs, found by walking along it as far as the overlap allows."""
    count, end = 1, size
    while end < length:
        count, end = count + 1, end + size - overlap
    return count


@given(coverings())
def test_windows_lie_on_the_canvas_and_cover_it(arguments):
    height, width, size, overlap = arguments
    covered = np.zeros((height, width), bool)
    for window in cover(height, width, size, overlap):
        assert (window.height, window.width) == (min(size, height), min(size, width))
        assert 0 <= window.top <= height - window.height
        assert 0 <= window.left <= width - window.width
        covered[window.rows, window.columns] = True
    assert covered.all()


@given(coverings())
def test_neighbours_overlap_evenly_and_no_window_is_spare(arguments):
    height, width, size, overlap = arguments
    windows = cover(height, width, size, overlap)
    tops = sorted({window.top for window in windows})
    lefts = sorted({window.left for window in windows})
    assert len(windows) == len(set(windows)) == len(tops) * len(lefts)
    for starts, length in ((tops, height), (lefts, width)):
        side = min(size, length)
        assert starts[0] == 0 and starts[-1] + side == length
        assert len(starts) == fewest(length, side, overlap)
        steps = np.diff(starts)
        assert (side - steps >= overlap).all()
        assert steps.size == 0 or steps.max() - steps.min() <= 1


@given(coverings())
def test_weights_are_positive_and_sum_to_one_at_every_cell(arguments):
    height, width, *_ = arguments
    windows = cover(*arguments)
    weights = blend_weights(windows, height, width)
    assert weights.dtype == np.float32
    assert weights.shape == (len(windows), windows[0].height, windows[0].width)
    assert (weights > 0).all()
    np.testing.assert_allclose(fuse(windows, weights, height, width), 1.0, rtol=0, atol=1e-6)


@given(coverings())
def test_a_window_fades_in_from_its_inner_border(arguments):
    length, _, size, overlap = arguments
    assume(length > size and overlap >= 2)
    windows = cover(length, size, size, overlap)
    for window, weight in zip(windows, blend_weights(windows, length, size)[:, :, 0], strict=True):
        starts_inside, ends_inside = window.top > 0, window.top + size < length
        # The first step of a raised cosine of `overlap` cells, or a smaller one where more cells are shared.
        assert not starts_inside or weight[0] <= np.sin(np.pi / (4 * overlap)) ** 2 + 1e-7
        assert not ends_inside or weight[-1] <= np.sin(np.pi / (4 * overlap)) ** 2 + 1e-7
        # From 0 outside, through the window, to 0 outside: no step is much steeper than a straight ramp's.
        profile = np.concatenate([[0.0] * starts_inside, weight, [0.0] * ends_inside])
        assert np.abs(np.diff(profile)).max() < 2.5 / overlap


@pytest.mark.parametrize("shape", [(7, 5), (16, 16), (1, 16), (9, 16)])
def test_a_canvas_no_larger_than_a_window_is_one_window_of_weight_one(shape):
    windows = cover(*shape, size=16, overlap=4)
    assert windows == (Window(0, 0, *shape),)
    assert blend_weights(windows, *shape).tolist() == np.ones((1, *shape)).tolist()


def test_two_windows_cross_over_along_a_raised_cosine():
    windows = cover(8, 28, size=16, overlap=4)
    assert windows == (Window(0, 0, 8, 16), Window(0, 12, 8, 16))
    first, second = blend_weights(windows, 8, 28)[:, 5]
    rise = (1 - np.cos(np.pi * np.array([0.125, 0.375, 0.625, 0.875]))) / 2
    np.testing.assert_allclose(first, [*np.ones(12), *rise[::-1]], rtol=1e-6)
    np.testing.assert_allclose(second, [*rise, *np.ones(12)], rtol=1e-6)


def test_windows_come_row_by_row():
    assert [(w.top, w.left) for w in cover(20, 30, size=16, overlap=2)] == [(0, 0), (0, 14), (4, 0), (4, 14)]


def test_windows_without_overlap_meet_in_a_hard_edge():
    weights = blend_weights(cover(4, 12, size=4, overlap=0), 4, 12)
    assert weights.tolist() == np.ones((3, 4, 4)).tolist()


def test_weights_take_windows_in_any_order():
    windows = cover(20, 30, size=16, overlap=4)
    forward, backward = blend_weights(windows, 20, 30), blend_weights(windows[::-1], 20, 30)
    np.testing.assert_array_equal(forward, backward[::-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((64, 64, 16, 16), r"windows of 16 cells cannot overlap by 16: .* 0 to 15"),
        ((64, 64, 16, 20), "cannot overlap by 20"),
        ((64, 64, 16, -1), "cannot overlap by -1"),
        ((64, 64, 0, 0), "at least 1 cell"),
        ((0, 64, 16, 4), "canvas 0 x 64"),
        ((64, -3, 16, 4), "canvas 64 x -3"),
    ],
)
def test_a_covering_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(InvalidOption, match=message):
        cover(*arguments)


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ((), "no windows"),
        ((Window(0, 0, 8, 8), Window(0, 8, 8, 4)), "one shape"),
        ((Window(0, 0, 8, 8), Window(0, 5, 8, 8)), "outside the 8 x 12 canvas"),
        ((Window(0, 0, 8, 12), Window(1, 0, 8, 12)), "outside the 8 x 12 canvas"),
        ((Window(0, 0, 8, 8),), "row 0, column 8 "),
    ],
)
def test_weights_of_windows_that_do_not_fit_the_canvas_are_refused(windows, message):
    with pytest.raises(InvalidOption, match=message):
        blend_weights(windows, 8, 12)


@pytest.mark.parametrize("numbers", [(-1, 0, 4, 4), (0, -1, 4, 4), (0, 0, 0, 4), (0, 0, 4, 0)])
def test_a_window_without_cells_or_before_the_canvas_is_refused(numbers):
    with pytest.raises(InvalidOption, match="1 x 1"):
        Window(*numbers)
