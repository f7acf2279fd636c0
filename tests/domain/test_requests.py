"""What is asked for is arranged by one rule, whatever it is and in whatever order it is asked for."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.domain.requests import Group, LayoutRequest, arrange_request, asked_for
from layoutgen.errors import DoesNotFit, InvalidLayout, InvalidOption

KEPT = Instance("bird", Box(4, 4, 40, 30))
DOGS = Group("dog", 3, (40, 44), (0.5, 0.6), where="pets.yaml, line 4, instances[1]")
CATS = Group("cats", 5, (20, 24), (1.5, 1.6), how="grid")
REQUEST = LayoutRequest(Layout(512, 384, (KEPT,), prompt="pets"), (DOGS, CATS))


def longer_sides(layout: Layout, label: str) -> list[float]:
    return [max(i.box.width, i.box.height) for i in layout.instances if i.label == label]


def counts(layout: Layout) -> dict[str, int]:
    return dict(Counter(i.label for i in layout.instances))


def test_groups_are_added_in_their_order_to_what_is_placed_by_hand() -> None:
    layout = arrange_request(REQUEST)
    assert [i.label for i in layout.instances] == ["bird", *["dog"] * 3, *["cats"] * 5]
    assert layout.instances[0] == KEPT and layout.prompt == "pets"
    assert all(a.box.intersection(b.box) == 0 for a, b in combinations(layout.instances, 2))


@pytest.mark.parametrize("quantities", [[(7, "dogs"), (9, "cats")], [(9, "cat"), (7, "dog")]])
def test_every_quantity_takes_the_size_and_aspect_of_its_own_group(
    quantities: list[tuple[int, str]],
) -> None:
    layout = arrange_request(REQUEST, quantities)
    assert counts(layout) == {"bird": 1, "dog": 7, "cat": 9}
    assert all(40 - 1e-6 <= side <= 44 + 1e-6 for side in longer_sides(layout, "dog"))
    assert all(20 - 1e-6 <= side <= 24 + 1e-6 for side in longer_sides(layout, "cat"))
    shapes = [i.box.width / i.box.height for i in layout.instances if i.label == "cat"]
    assert 1.5 - 1e-6 <= min(shapes) <= max(shapes) <= 1.6 + 1e-6


def test_groups_that_nobody_asks_for_stay() -> None:
    assert counts(arrange_request(REQUEST, [(9, "cats")])) == {"bird": 1, "dog": 3, "cat": 9}
    assert counts(arrange_request(REQUEST, [(4, "birds")])) == {"bird": 4, "dog": 3, "cats": 5}


def test_a_quantity_becomes_smaller_where_the_size_of_its_group_has_no_room() -> None:
    layout = arrange_request(REQUEST, [(4, "cats"), (250, "dogs")])
    assert counts(layout) == {"bird": 1, "cat": 4, "dog": 250}
    assert max(longer_sides(layout, "dog")) < 40


def test_the_seed_of_the_request_counts_more_than_that_of_the_caller() -> None:
    seeded = LayoutRequest(REQUEST.layout, REQUEST.groups, seed=5)
    quantities = [(7, "dogs"), (9, "cats")]
    layout = arrange_request(seeded, quantities, seed=1)
    assert layout == arrange_request(seeded, quantities, seed=2)
    assert layout == arrange_request(REQUEST, quantities, seed=5) != arrange_request(REQUEST, quantities)


def test_what_cannot_be_arranged_says_where_it_is_asked_for() -> None:
    empty = Layout(64, 64)
    with pytest.raises(DoesNotFit, match=r"^pets.yaml, line 4, instances\[1\]: 3 x 'dog' at 40 px"):
        arrange_request(LayoutRequest(empty, (DOGS,)))
    with pytest.raises(InvalidLayout, match=r"^a group.size: size begins at 5 px.*\(enlarge it\)"):
        arrange_request(LayoutRequest(empty, (Group("dog", 1, (5, 9), where="a group"),)))
    with pytest.raises(InvalidOption, match="1 or more"):
        arrange_request(LayoutRequest(empty), [(0, "dogs")])


def test_what_is_asked_for_twice_is_asked_for_together() -> None:
    assert asked_for([(5, "dogs"), (2, "cats"), (5, "Dog")]) == [(10, "dog"), (2, "cat")]
    assert counts(arrange_request(REQUEST, [(5, "dogs"), (4, "dog")])) == {"bird": 1, "dog": 9, "cats": 5}


def test_the_number_in_the_prompt_follows_what_is_asked_for() -> None:
    request = LayoutRequest(Layout(512, 384, (KEPT,), prompt="3 dogs and a bird"), (DOGS,))
    assert arrange_request(request).prompt == "3 dogs and a bird"
    assert arrange_request(request, [(7, "dogs")]).prompt == "7 dogs and a bird"


def test_a_request_is_said_in_the_words_of_a_model() -> None:
    known = ["bird", "cat", "Bernese dog"]
    loud = LayoutRequest(Layout(64, 64, (Instance("Birds", KEPT.box),)), (Group("bernese-dogs", 2), CATS))
    said = loud.in_words_of(known)
    assert said.layout.labels == ("bird",)
    assert [group.label for group in said.groups] == ["Bernese dog", "cat"]
    assert LayoutRequest(Layout(64, 64), (Group("dgo", 1),)).in_words_of(known).groups[0].label == "dgo"
    assert loud.in_words_of(None) == loud
    assert asked_for([(2, "bernese dogs"), (1, "Bernese Dog")], known) == [(3, "Bernese dog")]
