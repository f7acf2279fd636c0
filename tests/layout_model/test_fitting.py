"""A model fitted to layouts of which all is known finds it again; what is drawn from it is like them."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest

from layoutgen.domain.boxes import corners
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.layout_model.by_chance import random_layouts, shuffled
from layoutgen.layout_model.distances import _kolmogorov_smirnov, distances
from layoutgen.layout_model.fit_labels import _new_labels
from layoutgen.layout_model.fitting import fit
from layoutgen.layout_model.relations import RELATIONS, relations
from layoutgen.layout_model.sampling import Shift, sample_layouts
from layoutgen.layout_model.wire import model_from_dict, model_to_dict, read_model
from tests.layout_model.synthetic import pairs

DATA = pairs()


@pytest.fixture(scope="module")
def model():
    return fit(DATA)


def mean_count(layouts) -> float:
    return float(np.mean([len(one.instances) for one in layouts]))


def test_relations_are_named_from_far_to_near() -> None:
    one = np.array([[0.0, 0, 10, 10]])
    others = np.array(
        [[60.0, 0, 70, 10], [35, 0, 45, 10], [20, 0, 30, 10], [14, 0, 24, 10], [11, 0, 21, 10],
         [9, 0, 19, 10], [7, 0, 17, 10], [4, 0, 14, 10], [1, 0, 11, 10], [2, 2, 5, 5]]
    )  # fmt: skip
    assert relations(one, others).tolist() == [list(range(len(RELATIONS)))]
    assert relations(others, one)[:, 0].tolist() == list(range(len(RELATIONS)))


def test_new_labels_are_as_frequent_as_in_all_orders() -> None:
    tables = [Counter({"a": 3, "b": 1}), Counter({"a": 1, "b": 2, "c": 1})]
    wanted = []
    for seen in (1, 2, 3):
        rows = []
        for table in tables:
            orders = list(permutations(table.elements()))
            rows.append(np.mean([order[seen] not in order[:seen] for order in orders]))
        wanted.append(np.mean(rows))
    np.testing.assert_allclose(_new_labels(20 * tables)[:3], wanted, atol=1e-4)


def test_what_is_together_and_how_many_is_found(model) -> None:
    assert model.labels.images == {"bird": 30, "cat": 270, "dog": 270}
    assert model.labels.shared == {"bird": {}, "cat": {"dog": 270}, "dog": {"cat": 270}}
    assert model.counts.values == (1, 2, 4) and model.counts.weights == (0.1, 0.6, 0.3)
    assert model.canvases == ((200, 160, 270), (100, 150, 30))
    assert model.tall["bird"].width.at(0.5) == pytest.approx(0.2, abs=0.01)
    near = RELATIONS.index("apart by less than 0.25 sides")
    assert model.neighbours.other[near] > 3  # a cat is beside its dog
    assert max(model.neighbours.other[near + 1 :]) < 0.2  # and never over it


def test_drawn_layouts_are_like_the_data_and_chance_is_not(model) -> None:
    drawn = list(sample_layouts(model, 400, seed=3))
    held_out = pairs(seed=9)
    chance = distances(list(random_layouts(DATA, 400)), held_out)
    near, far = distances(drawn, held_out), distances(list(shuffled(DATA, 400)), held_out)
    assert near.features["width (of canvas)"].ks < 0.12 and near.features["objects in an image"].ks < 0.05
    assert near.features["centre y (of canvas)"].ks < 0.1 < 0.3 < far.features["centre y (of canvas)"].ks
    assert near.labels < 0.06 and near.label_pairs < 0.2 and chance.label_pairs > 0.5
    assert 1.5 * near.mean_ks < min(far.mean_ks, chance.mean_ks)
    assert all(layout.check_inside() is layout for layout in drawn)
    assert Counter(one.prompt for one in drawn).most_common(1)[0][0] == "a cat and a dog"


def test_sizes_of_an_image_are_as_alike_as_in_the_data(model) -> None:
    def likeness(layouts) -> float:
        sides = [[one.box.width for one in layout.instances] for layout in layouts]
        two = np.array([(side[0] / side[1]) for side in sides if len(side) == 2])  # cat, dog
        return float(np.log(two).std())

    assert model.sizes.image > 0.5
    drawn = [
        layout.with_instances(tuple(sorted(layout.instances, key=lambda one: one.label)))
        for layout in sample_layouts(model, 400, seed=4)
        if layout.labels == ("cat", "dog")
    ]
    data = [
        layout.with_instances(tuple(sorted(layout.instances, key=lambda one: one.label))) for layout in DATA
    ]
    assert likeness(data) < 1e-6 and likeness(drawn) < 0.85 * likeness(_at_random(data))


def _at_random(layouts):
    """The layouts with the dogs of others."""
    two = [one for one in layouts if len(one.instances) == 2]
    return [a.with_instances((a.instances[0], b.instances[1])) for a, b in pairwise(two)]


def test_the_same_seed_gives_the_same_layouts_and_the_first_do_not_depend_on_how_many(model) -> None:
    many = list(sample_layouts(model, 20, seed=5))
    assert list(sample_layouts(model, 5, seed=5)) == many[:5]
    assert list(sample_layouts(model, 5, seed=6)) != many[:5]


def test_shifts_change_what_they_name(model) -> None:
    plain = list(sample_layouts(model, 300, seed=1))
    more = list(sample_layouts(model, 300, seed=1, shift=Shift(objects=2.5)))
    assert mean_count(more) == pytest.approx(2.5 * mean_count(plain), rel=0.03)
    small = list(sample_layouts(model, 300, seed=1, shift=Shift(size=0.5)))
    widths = [
        np.median([one.box.width for layout in set_ for one in layout.instances]) for set_ in (plain, small)
    ]
    assert widths[1] == pytest.approx(widths[0] / 2, rel=0.02)

    def birds(layouts) -> float:
        return float(np.mean(["bird" in layout.labels for layout in layouts]))

    even = list(sample_layouts(model, 300, seed=1, shift=Shift(balance=1)))
    assert birds(plain) < 0.18 and 0.27 < birds(even) < 0.4  # a third of the labels
    alone = [one.labels == ("bird",) for one in even if "bird" in one.labels]
    assert np.mean(alone) > 0.8  # as in the data, where nothing is with them


def test_a_model_is_the_same_after_it_was_written(model, tmp_path) -> None:
    content = json.loads(json.dumps(model_to_dict(model)))
    assert model_from_dict(content) == model
    file = tmp_path / "broken.json"
    for broken in ({}, {"version": 2}, {"version": 1}, content | {"counts": {"values": [0], "weights": [1]}}):
        file.write_text(json.dumps({"layout_model": broken}))
        with pytest.raises(InvalidFile, match=r"layout_model: .*write it anew"):
            read_model(file)


def test_a_single_box_and_boxes_without_room_are_enough() -> None:
    whole = Layout(40, 30, (Instance("dog", Box(0, 0, 40, 30)),))
    (drawn,) = sample_layouts(fit([whole]), 1)
    assert drawn.instances == whole.instances and (drawn.width, drawn.height) == (40, 30)
    with pytest.raises(InvalidOption, match="no object"):
        fit([Layout(40, 30)])


def test_the_distance_of_distributions_is_that_of_scipy() -> None:
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 30, 50).astype(float), rng.integers(5, 40, 70).astype(float)
    assert _kolmogorov_smirnov(a, b) == pytest.approx(ks_2samp(a, b).statistic, abs=1e-12)


def test_distances_are_zero_to_itself_and_as_large_as_the_shift() -> None:
    here = [Layout(100, 100, (Instance("dog", Box(10, 10, 30, 50)),))]
    there = [Layout(100, 100, (Instance("cat", Box(30, 10, 50, 50)), Instance("dog", Box(30, 10, 50, 50))))]
    same = distances(here, here)
    assert same.mean_ks == 0 and (same.labels, same.label_pairs) == (0, 0)
    moved = distances(here, there)
    assert moved.features["centre x (of canvas)"].shift == pytest.approx(0.2)
    assert moved.features["centre x (of canvas)"].ks == 1 and moved.features["aspect (log2 w/h)"].ks == 0
    assert moved.features["objects in an image"].shift == 1 and moved.labels == 0.5


def test_shuffled_boxes_keep_their_sizes_and_stay_on_the_canvas() -> None:
    moved = list(shuffled(DATA, 50, seed=2))
    sizes = {tuple(np.round((corners([i.box for i in one.instances])[:, 2:]).ravel(), 3)) for one in DATA}
    assert sizes.isdisjoint(
        {tuple(np.round((corners([i.box for i in one.instances])[:, 2:]).ravel(), 3)) for one in moved}
    )
    widths = {round(i.box.width, 6) for one in DATA for i in one.instances}
    assert {round(i.box.width, 6) for one in moved for i in one.instances} <= widths
    assert all(one.check_inside() is one for one in moved)
