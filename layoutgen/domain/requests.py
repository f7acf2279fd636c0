"""What is asked for, before it is arranged: a layout placed by hand, groups, and numbers of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from layoutgen.domain.arrange import How, arrange, ask_for
from layoutgen.domain.labels import closest, singular
from layoutgen.domain.layout import Instance, Layout
from layoutgen.domain.prompt_counts import with_counts
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
        image_id: number of its image in a data set; None: it is of none.
    """

    layout: Layout
    groups: tuple[Group, ...] = ()
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    image_id: int | None = None

    def in_words_of(self, known: Collection[str] | None) -> LayoutRequest:
        """The same request in the words of a model that knows the labels `known`: "Dogs" are "dog" to it.

        Other labels stay as they are, all of them if `known` is None (any text).
        """
        if known is None:
            return self
        instances = tuple(Instance(_word_for(one.label, known), one.box) for one in self.layout.instances)
        groups = tuple(replace(group, label=_word_for(group.label, known)) for group in self.groups)
        return replace(self, layout=self.layout.with_instances(instances), groups=groups)


def asked_for(quantities: Sequence[Quantity], known: Collection[str] | None = None) -> list[Quantity]:
    """`quantities` with each label once, as one of it: 5 dogs and 5 dogs are 10.

    Args:
        known: the labels that a model knows, in whose words they are given; None: any text.

    Raises:
        InvalidOption: a number below 1.
    """
    total: Counter[str] = Counter()
    for count, label in quantities:
        if count < 1:
            raise InvalidOption(f"the number of {label!r} must be 1 or more, not {count}")
        total[singular(label) if known is None else _word_for(singular(label), known)] += count
    return [(count, label) for label, count in total.items()]


def _word_for(label: str, known: Collection[str]) -> str:
    return label if label in known else closest(label, known, near=False) or label


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
    arrangement of the first of them, and becomes smaller where so many have no room at that size. A prompt
    that counts what is asked for says the new number.

    Raises:
        DoesNotFit: a group, or what is asked for, has no room.
        InvalidLayout: a group asks for objects that are too small to be drawn.
        InvalidOption: a number below 1, or an empty label.
    """
    seed = seed if request.seed is None else request.seed
    quantities = asked_for(quantities)
    asked = {label for _, label in quantities}
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
    return replace(layout, prompt=with_counts(layout.prompt, {label: count for count, label in quantities}))


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
