"""Which windows cover a canvas larger than the model, and how their predictions are blended.

This is the fusing of MultiDiffusion (Bar-Tal et al., "MultiDiffusion: Fusing Diffusion Paths for Controlled
Image Generation", ICML 2023, eq. 3-5): at every step each window gets its own prediction, and a cell that
several windows cover takes their weighted mean. MultiDiffusion weighs all windows alike, which leaves seams
where one of them ends; here a window fades out towards its neighbours along a raised cosine instead.

All numbers are latent cells, counted from the top-left corner of the canvas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from layoutgen.errors import InvalidOption


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of `height` x `width` cells whose top-left cell is (`top`, `left`).

    Raises:
        InvalidOption: it starts outside the canvas, or has no cells.
    """

    top: int
    left: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if min(self.top, self.left) < 0 or min(self.height, self.width) < 1:
            raise InvalidOption(f"{self}: a window starts at cell 0 or later and is at least 1 x 1 cells")

    @property
    def rows(self) -> slice:
        """The rows of the canvas that the window shows, to index an array with."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """The columns of the canvas that the window shows, to index an array with."""
        return slice(self.left, self.left + self.width)


def cover(height: int, width: int, size: int, overlap: int) -> tuple[Window, ...]:
    """The fewest windows of `size` x `size` cells that cover a canvas and overlap by at least `overlap`.

    They are evenly spread, row by row, the outer ones flush with the border. Along a side of the canvas
    that is not longer than `size`, one window spans all of it. All windows have the same shape.

    Raises:
        InvalidOption: the canvas or the window has no cells, or `overlap` is not in 0 .. size - 1.
    """
    if min(height, width, size) < 1:
        raise InvalidOption(
            f"canvas {height} x {width}, window {size}: canvas and window need at least 1 cell a side"
        )
    if not 0 <= overlap < size:
        raise InvalidOption(
            f"windows of {size} cells cannot overlap by {overlap}: the overlap must be 0 to {size - 1} cells"
        )
    window_height, window_width = min(size, height), min(size, width)
    return tuple(
        Window(top, left, window_height, window_width)
        for top in _starts(height, window_height, overlap)
        for left in _starts(width, window_width, overlap)
    )


def blend_weights(windows: Sequence[Window], height: int, width: int) -> NDArray[np.float32]:
    """How much each window counts in each of its cells; over all windows, every cell's weights sum to 1.

    A weight fades towards a border inside the canvas over the cells shared with the neighbour there, along a
    raised cosine, and never reaches 0; it does not fade towards the border of the canvas. Neighbours that
    share no cells meet in a hard edge.

    Args:
        windows: windows of one shape that cover the canvas, as from :func:`cover`.
        height: of the canvas.
        width: of the canvas.

    Returns:
        Weights, (n_windows, window_height, window_width).

    Raises:
        InvalidOption: the windows differ in shape, leave the canvas, or leave a part of it uncovered.
    """
    _check(windows, height, width)
    vertical = _fades([window.top for window in windows], windows[0].height)
    horizontal = _fades([window.left for window in windows], windows[0].width)
    weights = np.stack([np.outer(vertical[w.top], horizontal[w.left]) for w in windows])  # (n, h, w)
    total = np.zeros((height, width))
    for window, weight in zip(windows, weights, strict=True):
        total[window.rows, window.columns] += weight
    if not total.all():
        row, column = np.argwhere(total == 0)[0]
        raise InvalidOption(
            f"no window covers row {row}, column {column} of the {height} x {width} canvas; use cover()"
        )
    for window, weight in zip(windows, weights, strict=True):
        weight /= total[window.rows, window.columns]
    return weights.astype(np.float32)


def _starts(length: int, size: int, overlap: int) -> list[int]:
    """First cells of the fewest windows of `size` along `length` cells that overlap by at least `overlap`."""
    if length == size:
        return [0]
    last = length - size
    steps = -(-last // (size - overlap))
    # Rounding down keeps every step within one cell of the mean, so none exceeds size - overlap.
    return [step * last // steps for step in range(steps + 1)]


def _fades(starts: Sequence[int], size: int) -> dict[int, NDArray[np.float64]]:
    """The weights along one axis of a window at each of `starts`, (size,), before they are normalised."""
    fades = {start: np.ones(size) for start in starts}
    for first, second in pairwise(sorted(fades)):
        shared = first + size - second
        if shared > 0:
            # Half a cell in, so that no weight is 0 and that a fade and its mirror image add up to 1.
            rise = np.sin(np.pi * (np.arange(shared) + 0.5) / (2 * shared)) ** 2
            fades[first][-shared:] *= rise[::-1]
            fades[second][:shared] *= rise
    return fades


def _check(windows: Sequence[Window], height: int, width: int) -> None:
    """Refuse windows that are none, of several shapes, or not on the canvas."""
    if not windows:
        raise InvalidOption(f"no windows to cover the {height} x {width} canvas")
    for window in windows:
        if (window.height, window.width) != (windows[0].height, windows[0].width):
            raise InvalidOption(f"{window} has another shape than {windows[0]}: windows must be of one shape")
        if window.rows.stop > height or window.columns.stop > width:
            raise InvalidOption(f"{window} reaches outside the {height} x {width} canvas")
