import itertools
import subprocess
import sys

import numpy as np
import pytest

from layoutgen.domain.labels import COCO_CATEGORIES
from layoutgen.drawing.colors import _oklab, label_color, label_colors, text_color


def test_the_coco_categories_are_told_apart() -> None:
    colors = np.array([label_color(label) for label in COCO_CATEGORIES.values()], float)
    distances = [np.abs(a - b).sum() for a, b in itertools.combinations(colors, 2)]
    assert min(distances) >= 30
    assert (colors.max(axis=1) - colors.min(axis=1)).min() >= 60, "a grey one would vanish in a photo"


def test_a_colour_belongs_to_the_name_alone() -> None:
    assert label_color("Dog ") == label_color("dog")
    assert label_color("corgi") != label_color("husky")


def test_colours_are_the_same_in_every_process() -> None:
    code = "from layoutgen.drawing.colors import label_color as c; print(c('dog'), c('corgi'))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert runs == {f"{label_color('dog')} {label_color('corgi')}\n"}


@pytest.mark.parametrize(
    ("background", "expected"),
    [((255, 255, 0), (0, 0, 0)), ((0, 0, 160), (255, 255, 255)), ((119, 119, 119), (0, 0, 0)),
     ((115, 115, 115), (255, 255, 255))],
)  # fmt: skip
def test_text_is_black_or_white_whichever_is_read_better(background, expected) -> None:
    assert text_color(background) == expected


def nearest(colors: dict[str, tuple[int, int, int]]) -> float:
    """The smallest distance in OKLab."""
    places = _oklab(np.array(list(colors.values())))
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(places, 2))


def test_colours_that_are_seen_together_differ() -> None:
    labels = [
        "apple tree",
        "helmet",
        "vest",
        "rabbit",
        "fox",
        "wolf",
        "pig",
        "goat",
        "hen",
        "duck",
        "pug",
        "dog",
    ]
    assert nearest({label: label_color(label) for label in labels}) < 0.05
    together = label_colors(labels)
    assert nearest(together) >= 0.1
    assert together == label_colors(reversed(labels))
    assert together["dog"] == label_color("dog"), "who comes first keeps its own"


def test_a_colour_that_looks_like_no_other_stays() -> None:
    assert label_colors(["dog", "cat", "person"]) == {n: label_color(n) for n in ("dog", "cat", "person")}
    own = {"dog": (10, 200, 30)}
    assert label_colors(["dog", "cat"], own) == {"dog": (10, 200, 30), "cat": label_color("cat")}


def test_two_categories_of_coco_that_look_alike_differ_in_one_picture() -> None:
    assert nearest({name: label_color(name) for name in ("person", "sink")}) < 0.1
    assert nearest(label_colors(["person", "sink"])) > 0.3
    assert nearest(label_colors(COCO_CATEGORIES.values())) >= 0.05, "as far apart as 80 can be"


def test_fixed_colours_stay_and_the_new_ones_differ() -> None:
    first = label_colors(["sink", "rabbit"])
    assert first["sink"] == label_color("sink")
    more = label_colors(["person", "sink", "pug"], fixed=first)
    assert {name: more[name] for name in first} == first
    assert nearest(more) >= 0.1 and more["person"] != label_color("person")
