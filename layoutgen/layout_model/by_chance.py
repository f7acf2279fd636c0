"""Layouts placed by chance, to be held beside those of a model: what a layout model has to be better than."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from layoutgen.domain.layout import Box, Instance, Layout

_MOST = 0.95  # of the images have no more objects than are drawn


def shuffled(layouts: Sequence[Layout], count: int, seed: int = 0) -> Iterator[Layout]:
    """`count` of `layouts`, by chance, with every box as it is, but anywhere on its canvas."""
    kept = [one for one in (layout.clip() for layout in layouts) if one.instances]
    rng = np.random.default_rng([seed, 1])
    for layout in (kept[int(k)] for k in rng.integers(len(kept), size=count)):
        moved = []
        for one in layout.instances:
            x = rng.random() * (layout.width - one.box.width)
            y = rng.random() * (layout.height - one.box.height)
            moved.append(Instance(one.label, Box(x, y, x + one.box.width, y + one.box.height)))
        yield layout.with_instances(tuple(moved))


def random_layouts(layouts: Sequence[Layout], count: int, seed: int = 0) -> Iterator[Layout]:
    """`count` layouts of the labels and canvases of `layouts`, with everything else by chance.

    From 1 to as many objects as 95 % of the images have at most, every label as likely, sides from 2 % of the
    canvas to all of it on a logarithmic scale, places anywhere.
    """
    kept = [one for one in layouts if one.instances]
    labels = sorted({one.label for layout in kept for one in layout.instances})
    most = int(np.quantile([len(one.instances) for one in kept], _MOST))
    rng = np.random.default_rng([seed, 2])
    for _ in range(count):
        canvas = kept[int(rng.integers(len(kept)))]
        instances = []
        for _ in range(int(rng.integers(1, most + 1))):
            width, height = np.exp(rng.uniform(np.log(0.02), 0, 2)) * (canvas.width, canvas.height)
            x, y = rng.random(2) * (canvas.width - width, canvas.height - height)
            box = Box(float(x), float(y), float(x + width), float(y + height))
            instances.append(Instance(labels[int(rng.integers(len(labels)))], box))
        yield canvas.with_instances(tuple(instances))
