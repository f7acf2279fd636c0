"""Quantiles and frequencies, against numpy and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from layoutgen.errors import InvalidOption
from layoutgen.layout_model.tables import Frequencies, Quantiles


def test_quantiles_are_those_of_numpy_and_frequent_values_stay_frequent() -> None:
    values = np.concatenate([np.zeros(250), np.random.default_rng(0).uniform(0.2, 1, 750)])
    table = Quantiles.of(values)
    np.testing.assert_allclose(table.values, np.quantile(values, np.linspace(0, 1, 21)), rtol=1e-3)
    drawn = table.at(np.random.default_rng(1).random(20_000))
    assert abs(np.mean(drawn == 0) - 0.2) < 0.02  # from 20 to 25 % it rises
    assert abs(drawn.mean() - values.mean()) < 0.02


def test_few_values_are_drawn_to_those_of_others() -> None:
    others = Quantiles.of(np.full(100, 10.0))
    assert Quantiles.of(np.full(5, 4.0), others, weight=15).values == (8.5,) * 21
    assert Quantiles.of(np.empty(0), others, weight=15) == others


def test_frequencies_draw_each_value_as_often_as_its_weight() -> None:
    table = Frequencies.of({7: 3, 2: 1, 5: 0})
    assert (table.values, table.weights) == ((2, 7), (0.25, 0.75))
    assert [table.draw(place) for place in (0, 0.24, 0.26, 0.999999)] == [2, 2, 7, 7]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Quantiles((1.0, 2.0)),
        lambda: Quantiles((2.0,) + (1.0,) * 20),
        lambda: Frequencies((), ()),
        lambda: Frequencies((2, 1), (0.5, 0.5)),
        lambda: Frequencies((1, 2), (0.0, 0.0)),
    ],
)
def test_what_is_no_table_is_refused(make) -> None:
    with pytest.raises(InvalidOption):
        make()
