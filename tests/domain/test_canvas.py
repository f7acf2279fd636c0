"""A canvas for so many objects: not lost on it, and not too small."""

from __future__ import annotations

import pytest

from layoutgen.domain.arrange import arrange
from layoutgen.domain.canvas import canvas_side
from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import ANY_SIZE, SizePrior

SMALL = SizePrior(24, 112, (0.45, 0.95), 8)


@pytest.mark.parametrize(("count", "side"), [(1, 192), (3, 256), (10, 448), (100, 512), (300, 896)])
def test_of_a_model_that_draws_small_boxes(count: int, side: int) -> None:
    assert canvas_side(count, SMALL, 192) == side


@pytest.mark.parametrize(("count", "side"), [(1, 512), (100, 512), (1000, 1024)])
def test_of_a_model_that_draws_any_size(count: int, side: int) -> None:
    assert canvas_side(count, ANY_SIZE, 512) == side


@pytest.mark.parametrize("count", [1, 2, 3, 5, 17, 100, 450])
def test_the_boxes_on_it_are_of_sizes_that_the_model_draws(count: int) -> None:
    side = canvas_side(count, SMALL, 192)
    layout = arrange(Layout(side, side), "dog", count, size_prior=SMALL)
    longer = [max(one.box.width, one.box.height) for one in layout.instances]
    assert min(longer) >= 32 and max(longer) <= 112 + SMALL.grid
    filled = sum(one.box.area for one in layout.instances) / side**2
    assert 0.1 < filled < 0.6
