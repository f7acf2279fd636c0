"""Which labels are together, and how many objects there are, counted in layouts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from layoutgen.domain.layout import Layout
from layoutgen.layout_model.model import CoOccurrence
from layoutgen.layout_model.tables import Frequencies, rounded

_PRIOR_IMAGES = 2.0  # as they are in general, added to those of a label
_LONGEST = 40  # objects of an image after which labels are no rarer new than then
_FEWEST = 20  # images, for a share of new labels of their own


def counts_with(layouts: Sequence[Layout], counts: Frequencies) -> dict[str, Frequencies]:
    """By label, the number of objects where a random object of the image is of it."""
    own: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for layout in layouts:
        total = len(layout.instances)
        for label, times in Counter(one.label for one in layout.instances).items():
            own[label][total] += times / total
    usual = dict(zip(counts.values, counts.weights, strict=True))
    for table in own.values():
        for value, weight in usual.items():
            table[value] += _PRIOR_IMAGES * weight
    return {label: Frequencies.of(table) for label, table in sorted(own.items())}


def co_occurrence(layouts: Sequence[Layout], names: Sequence[str]) -> CoOccurrence:
    """Which of the labels `names` are together in `layouts`, each of which has an object."""
    tables = [Counter(one.label for one in layout.instances) for layout in layouts]
    first: dict[str, float] = defaultdict(float)
    images: Counter[str] = Counter()
    shared: dict[str, Counter[str]] = {name: Counter() for name in names}
    for table in tables:
        total = sum(table.values())
        images.update(table.keys())
        for label, times in table.items():
            first[label] += times / total / len(tables)
            shared[label].update(other for other in table if other != label)
    new = _new_labels(tables)
    return CoOccurrence(
        first={name: rounded([first[name]])[0] for name in names},
        images={name: images[name] for name in names},
        shared={name: dict(sorted(shared[name].items())) for name in names},
        new=new,
        variety=_variety(tables, new, names),
        again=_again(tables, names),
    )


def _new_labels(tables: Sequence[Counter[str]]) -> tuple[float, ...]:
    """How often the next object of an image is the first of its label, after 1, 2, ... in random order.

    Of n objects of which m have a label, none of it is among k with the probability C(n - m, k) / C(n, k).
    """
    shares: list[float] = []
    waiting = [(sum(table.values()), np.array(list(table.values()), dtype=float)) for table in tables]
    unseen = [np.ones(len(of_label)) for _, of_label in waiting]
    for seen in range(1, _LONGEST + 1):
        found = []
        for k, (total, of_label) in enumerate(waiting):
            if total > seen:  # P(none of the label among `seen`), one more factor of the ratio of binomials
                unseen[k] = unseen[k] * np.maximum(total - of_label - seen + 1, 0) / (total - seen + 1)
                found.append(float((unseen[k] * of_label / (total - seen)).sum()))
        if len(found) < _FEWEST and shares:
            break
        shares.append(float(np.mean(found)) if found else 0.0)
    return rounded(min(1.0, share) for share in shares)


def _variety(tables: Sequence[Counter[str]], new: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    """By label, distinct labels beside it, as a ratio to what `new` expects of such images."""
    seen: dict[str, float] = defaultdict(float)
    expected: dict[str, float] = defaultdict(float)
    for table in tables:
        total = sum(table.values())
        usual = sum(new[min(k, len(new)) - 1] for k in range(1, total))
        for label, times in table.items():
            seen[label] += times / total * (len(table) - 1)
            expected[label] += times / total * usual
    prior = _PRIOR_IMAGES * 0.5
    return {name: rounded([(seen[name] + prior) / (expected[name] + prior)])[0] for name in names}


def _again(tables: Sequence[Counter[str]], names: Sequence[str]) -> dict[str, float]:
    """By label, its further objects as a ratio to what it had if all labels of an image had as many."""
    more: dict[str, float] = defaultdict(float)
    even: dict[str, float] = defaultdict(float)
    for table in tables:
        further = sum(table.values()) - len(table)
        for label, times in table.items() if further and len(table) > 1 else ():
            more[label] += times - 1
            even[label] += further / len(table)
    prior = _PRIOR_IMAGES
    ratio = {name: (more[name] + prior) / (even[name] + prior) for name in names}
    # An object more makes the next likelier already; the root leaves the rest.
    return {name: rounded([ratio[name] ** 0.5])[0] for name in names}
