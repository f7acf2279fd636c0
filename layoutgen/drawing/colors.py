"""One colour per category, the same in every picture, run and file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from layoutgen.domain.labels import COCO_CATEGORIES

Color = tuple[int, int, int]

_APART = 0.1  # distance in OKLab from which colours of thin lines are told apart at a glance

# The colours chosen first differ most: they go to the labels that are drawn most often, and together.
_OFTEN = ("dog", "cat", "person", "sheep", "bottle", "horse", "cow", "car", "bird", "chair", "bicycle", "cup")

# sRGB (linear) -> LMS -> OKLab, https://bottosson.github.io/posts/oklab/
_RGB_TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_LMS_TO_OKLAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def label_color(label: str) -> Color:
    """The colour of `label`, (r, g, b) in 0..255: bright enough to be seen on a photo.

    The 80 COCO categories are as far apart as they can be; any other label gets one of the same kind,
    chosen by its name alone.
    """
    name = label.strip().casefold()
    palette = _palette()
    if name in palette:
        return palette[name]
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    red, green, blue = _candidates()[digest % len(_candidates())]
    return int(red), int(green), int(blue)


def label_colors(
    labels: Iterable[str],
    own: Mapping[str, Color] | None = None,
    *,
    fixed: Mapping[str, Color] | None = None,
) -> dict[str, Color]:
    """Colours of `labels` that are seen together: each has its own, unless that looks like another's.

    COCO's categories come first, then the others by name. One whose colour is too near gets the one that is
    farthest from all before it, if that is farther than its own, which is that of `own` if it is there. Those
    of `fixed` are taken before, and stay as they are.
    """
    palette = list(_palette())
    order = {name: number for number, name in enumerate(palette)}
    chosen = dict(fixed or {})
    candidates = _candidates()
    positions = _oklab(candidates)
    taken = [_oklab(np.array(color)) for color in chosen.values()]
    distance = np.full(len(candidates), np.inf)  # of each candidate to the nearest colour that is taken
    for place in taken:
        distance = np.minimum(distance, np.linalg.norm(positions - place, axis=1))
    for label in sorted(
        set(labels) - chosen.keys(), key=lambda one: (order.get(one.strip().casefold(), len(order)), one)
    ):
        color = (own or {}).get(label) or label_color(label)
        nearest = min((float(np.linalg.norm(_oklab(np.array(color)) - one)) for one in taken), default=np.inf)
        farthest = int(np.argmax(distance))
        if nearest < _APART and distance[farthest] > nearest:
            red, green, blue = candidates[farthest]
            color = int(red), int(green), int(blue)
        chosen[label] = color
        taken.append(_oklab(np.array(color)))
        distance = np.minimum(distance, np.linalg.norm(positions - taken[-1], axis=1))
    return chosen


def text_color(background: Color) -> Color:
    """Black or white, whichever has the higher contrast (WCAG) on `background`."""
    luminance = float(_linear(np.array(background)) @ np.array([0.2126, 0.7152, 0.0722]))
    on_black, on_white = (luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05)
    return (0, 0, 0) if on_black >= on_white else (255, 255, 255)


@cache
def _palette() -> dict[str, Color]:
    """Colours of the COCO categories: each is the one farthest from all before it, in OKLab."""
    colors = _candidates()
    lab = _oklab(colors)
    chosen = [int(np.argmax(lab[:, 1]))]
    distance = np.full(len(lab), np.inf)
    while len(chosen) < len(COCO_CATEGORIES):
        distance = np.minimum(distance, np.linalg.norm(lab - lab[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(distance)))
    picked = ((int(r), int(g), int(b)) for r, g, b in colors[chosen])
    return dict(zip(dict.fromkeys((*_OFTEN, *COCO_CATEGORIES.values())), picked, strict=True))


@cache
def _candidates() -> NDArray[np.uint8]:
    """Colours that stand out from a photo: neither dark nor pale nor grey; (N, 3)."""
    steps = np.linspace(0, 255, 18).round()
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    lightness, a, b = _oklab(grid).T
    seen = (lightness > 0.6) & (lightness < 0.92) & (np.hypot(a, b) > 0.13)
    colors: NDArray[np.uint8] = grid[seen].astype(np.uint8)
    return colors


def _linear(rgb: NDArray[np.number]) -> NDArray[np.float64]:
    value = rgb / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _oklab(rgb: NDArray[np.number]) -> NDArray[np.float64]:
    lab: NDArray[np.float64] = np.cbrt(_linear(rgb) @ _RGB_TO_LMS.T) @ _LMS_TO_OKLAB.T
    return lab
