from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import inflect
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layoutgen.domain.inflection import inflect_engine
from layoutgen.domain.labels import COCO_CATEGORIES, count_phrase, singular


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("dogs", "dog"),
        ("dog", "dog"),
        ("people", "person"),
        ("teddy bears", "teddy bear"),
        ("hot  dogs ", "hot dog"),
        ("Dogs", "dog"),
        ("sheep", "sheep"),
        ("buses", "bus"),
        ("bus", "bus"),
        ("wine glasses", "wine glass"),
        ("skis", "skis"),
        ("scissors", "scissors"),
        ("knives", "knife"),
        ("mice", "mouse"),
        ("cacti", "cacti"),  # classical plurals are beyond the library; nothing is invented for them
        ("walrus", "walrus"),
        ("emus", "emu"),
        ("Moomins", "Moomin"),
        ("grass", "grass"),
    ],
)
def test_singular_of(many: str, one: str) -> None:
    assert singular(many) == one


def test_coco_names_are_their_own_singular_and_come_back_from_their_plural() -> None:
    for name in COCO_CATEGORIES.values():
        assert singular(name) == name
        assert singular(count_phrase({name: 2}).removeprefix("2 ")) == name


def test_what_is_said_of_coco_names_without_the_library_is_what_the_library_says() -> None:
    words = inflect.engine()
    for name in COCO_CATEGORIES.values():
        if name in ("skis", "scissors"):  # one is a pair
            assert [count_phrase({name: n}) for n in (1, 2)] == [name, f"2 {name}"]
        else:
            assert [count_phrase({name: n}) for n in (1, 2)] == [
                words.a(name),
                f"2 {words.plural_noun(name)}",
            ]


def test_three_kinds_are_joined_as_the_library_joins_them() -> None:
    kinds = ["2 dogs", "a cat", "an airplane"]
    for number in (1, 2, 3):
        counts = dict([("dog", 2), ("cat", 1), ("airplane", 1)][:number])
        assert count_phrase(counts) == inflect.engine().join(kinds[:number])


def test_coco_has_80_categories_with_its_own_ids() -> None:
    assert len(COCO_CATEGORIES) == len(set(COCO_CATEGORIES.values())) == 80
    assert [COCO_CATEGORIES[number] for number in (1, 18, 44, 90)] == [
        "person",
        "dog",
        "bottle",
        "toothbrush",
    ]


@given(st.text())
def test_any_text_has_a_singular(text: str) -> None:
    assert bool(singular(text)) == bool(text.split())


@pytest.mark.parametrize(
    ("counts", "phrase"),
    [
        ({"dog": 3, "cat": 1}, "3 dogs and a cat"),
        ({"person": 2, "umbrella": 1, "sheep": 4}, "2 people, an umbrella, and 4 sheep"),
        ({"skis": 2, "scissors": 1, "bus": 2}, "2 skis, scissors, and 2 buses"),
        ({"sheep": 1, "dog": 0}, "a sheep"),
        ({}, ""),
    ],
)
def test_counts_in_words(counts: dict[str, int], phrase: str) -> None:
    assert count_phrase(counts) == phrase


def test_labels_load_without_the_libraries_that_take_seconds() -> None:
    code = (
        "import sys, layoutgen.domain.labels; print({'inflect', 'torch', 'numpy'}.intersection(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_unknown_words_do_not_wait_for_type_checks_of_a_library() -> None:
    """Typeguard would compile all of inflect anew when it is loaded, which took seconds."""
    code = (
        "import sys; from layoutgen.domain.labels import count_phrase; print(count_phrase({'leaf': 2}))\n"
        "assert 'inflect' in sys.modules and 'typeguard' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 leaves"


def test_typeguard_stays_what_it_is_where_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    typeguard = ModuleType("typeguard")
    monkeypatch.setitem(sys.modules, "typeguard", typeguard)
    inflect_engine.cache_clear()
    inflect_engine()
    assert sys.modules["typeguard"] is typeguard
