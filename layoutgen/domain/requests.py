"""What is asked for, before it is arranged: a layout placed by hand, groups, and numbers of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from layoutgen.domain.arrange import How, arrange, ask_for
from layoutgen.domain.labels import singular
from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import ANY_SIZE, Range, SizePrior
from layoutgen.errors import DoesNotFit, InvalidLayout, InvalidOption

Quantity = tuple[int, str]
"""Exactly so many objects of a label, which may be a plural: ``(100, "dogs")``."""


@dataclass(frozen=True, slots=True)
class Group:
    """Instances of a label that are still to be arranged.

    Attributes:
        size: range of the longer side in pixels; None: as the model draws it well.
        aspect: range of width / height; None: as the model draws it well.
        where: where it is asked for, for messages: ``dogs.yaml, line 4, instances[0]``.
    """

    label: str
    count: int
    size: Range | None = None
    aspect: Range | None = None
    how: How = "scatter"
    where: str = "group"


@dataclass(frozen=True, slots=True)
class LayoutRequest:
    """A layout that is still to be arranged.

    Attributes:
        layout: canvas, prompts, and the instances that are placed by hand.
        groups: what is to be arranged in the space that those leave free, one after the other.
        seed: where groups go; None: the caller's.
        settings: how its image was painted, where it comes from one.
    """

    layout: Layout
    groups: tuple[Group, ...] = ()
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def arrange_request(
    request: LayoutRequest,
    quantities: Sequence[Quantity] = (),
    *,
    size_prior: SizePrior = ANY_SIZE,
    seed: int = 0,
) -> Layout:
    """The layout that is asked for, with exactly so many objects of each label in `quantities`.

    First come the groups of other labels, then the `quantities` in their order. Each of these keeps the boxes
    of its label that are placed by hand, and stands for all groups of its label: it takes size, aspect and
    arrangement of the first of them, and becomes smaller where so many have no room at that size.

    Raises:
        DoesNotFit: a group, or what is asked for, has no room.
        InvalidLayout: a group asks for objects that are too small to be drawn.
        InvalidOption: a number below 1, or an empty label.
    """
    seed = seed if request.seed is None else request.seed
    asked = {singular(label) for _, label in quantities}
    layout = request.layout
    for group in request.groups:
        if singular(group.label) not in asked:
            layout = _add(layout, group, size_prior, seed)
    for count, label in quantities:
        same = next(
            (one for one in request.groups if singular(one.label) == singular(label)), Group(label, 1)
        )
        complete = partial(
            ask_for, layout, count, label, aspect=same.aspect, how=same.how, size_prior=size_prior, seed=seed
        )
        layout = _at_size_or_smaller(complete, same.size)
    return layout


def _add(layout: Layout, group: Group, size_prior: SizePrior, seed: int) -> Layout:
    looks: dict[str, Any] = {"size": group.size, "aspect": group.aspect, "how": group.how}
    try:
        return arrange(layout, group.label, group.count, **looks, size_prior=size_prior, seed=seed)
    except DoesNotFit as error:
        raise DoesNotFit(f"{group.where}: {error}") from None
    except InvalidOption as error:
        raise InvalidLayout(f"{group.where}.size: {error} (enlarge it)") from None


def _at_size_or_smaller(complete: partial[Layout], size: Range | None) -> Layout:
    if size is not None:
        with suppress(DoesNotFit, InvalidOption):
            return complete(size=size)
    return complete()
