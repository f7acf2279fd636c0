import itertools
import subprocess
import sys

import numpy as np
import pytest

from layoutgen.domain.labels import COCO_CATEGORIES
from layoutgen.drawing.colors import label_color, text_color


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
