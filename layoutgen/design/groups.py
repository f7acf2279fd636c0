"""Many objects at once: so many of a label, scattered over a part of the canvas."""

from __future__ import annotations

from layoutgen.domain.arrange import arrange
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.domain.size_prior import Range, SizePrior
from layoutgen.errors import DoesNotFit, InvalidOption

MOST = 2000


def scatter(
    layout: Layout,
    region: Box,
    label: str,
    count: int,
    *,
    size: Range | None = None,
    size_prior: SizePrior,
    seed: int = 0,
) -> tuple[Instance, ...]:
    """`count` instances of `label` at free places of `region`, clear of the boxes of `layout`.

    `size` is the range of the longer side in pixels; None: as the model draws it well. The region is cut to
    the canvas and to whole steps of the model's grid.

    Raises:
        DoesNotFit: there is no room for so many.
        InvalidOption: the region lies outside the canvas, or `count` is out of its range.
    """
    if not 1 <= count <= MOST:
        raise InvalidOption(f"between 1 and {MOST:,} objects can be scattered, not {count:,}")
    inside = region.clip(layout.width, layout.height)
    if inside is None:
        raise InvalidOption("the region lies outside the canvas: draw it anew")
    grid = size_prior.grid
    x0, y0 = (-int(-edge // grid) * grid for edge in (inside.x0, inside.y0))
    x1, y1 = (int(edge // grid) * grid for edge in (inside.x1, inside.y1))
    if x1 <= x0 or y1 <= y0:
        raise DoesNotFit(f"the region is too small for {count} x {label!r}: draw a larger one")
    part = layout.crop(x0, y0, x1 - x0, y1 - y0)
    try:
        filled = arrange(part, label, count, size=size, size_prior=size_prior, seed=seed)
    except DoesNotFit as error:
        reason = str(error).partition(": ")[2].partition(";")[0].replace("it has", "the region has")
        raise DoesNotFit(
            f"{count} x {label!r} do not fit here: {reason}; draw a larger region or ask for fewer"
        ) from error
    new = filled.instances[len(part.instances) :]
    return tuple(Instance(one.label, one.box.shift(x0, y0)) for one in new)
