"""Layouts of which all is known: what a model fitted to them has to find again."""

from __future__ import annotations

import numpy as np

from layoutgen.domain.layout import Box, Instance, Layout


def pairs(count: int = 300, seed: int = 0) -> list[Layout]:
    """Dogs of 20 x 30 to 40 x 60 px low on a canvas of 200 x 160, each with a smaller cat 2 px to its right.

    One layout in three has two such pairs, far from each other, and one in ten a bird alone on 100 x 150.
    """
    rng = np.random.default_rng(seed)
    layouts = []
    for number in range(count):
        if number % 10 == 9:
            layouts.append(Layout(100, 150, (Instance("bird", Box(40, 5, 60, 15)),)))
            continue
        objects = []
        for k in range(2 if number % 3 == 0 else 1):
            side = rng.uniform(20, 40)
            x, y = 100 * k + rng.uniform(0, 20), rng.uniform(80, 90)
            objects.append(Instance("dog", Box(x, y, x + side, y + 1.5 * side)))
            x += side + 2
            objects.append(Instance("cat", Box(x, y, x + side / 2, y + side)))
        layouts.append(Layout(200, 160, tuple(objects)))
    return layouts
