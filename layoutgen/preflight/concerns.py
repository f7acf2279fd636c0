"""What of a painting will not be good, in words, before a model is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from layoutgen.additions import words_of_embedding
from layoutgen.denoising.settings import SampleSettings
from layoutgen.denoising.zoom import zoom_for
from layoutgen.domain.labels import count_phrase
from layoutgen.domain.layout import Layout
from layoutgen.domain.prompt_counts import counts_in
from layoutgen.domain.size_prior import ANY_SIZE
from layoutgen.errors import InvalidOption
from layoutgen.methods.registry import COMPOSING
from layoutgen.model_info import ModelInfo
from layoutgen.model_words import words_of
from layoutgen.preflight.boxes import Marks, first_of, of_strange_shape, overlapping, too_large, too_small

_NAMED = 5  # words that are named

Named = tuple[str, Layout]
Zoom = Callable[[Layout], int]


def concerns(named: Sequence[Named], info: ModelInfo, settings: SampleSettings) -> tuple[str, ...]:
    """What the model `info` will not paint well of the `named` layouts: a sentence for each kind."""
    zoom = partial(zoom_of, info=info, settings=settings)
    filled = [(name, layout) for name, layout in named if layout.instances]
    return (
        *_sizes(filled, info, zoom),
        *_shapes(filled, info, zoom),
        *_overlaps(filled),
        *_words(named, info),
        *_numbers(named),
        *_unnamed_embeddings(named, settings),
    )


def zoom_of(layout: Layout, info: ModelInfo, settings: SampleSettings) -> int:
    """How many times as large `layout` is painted; sprites are put together at twice its size at most."""
    zoom = settings.zoom or zoom_for([layout], info.drawn_well)
    return min(zoom, 2) if settings.zoom is None and settings.method in COMPOSING else zoom


def zoom_note(layouts: Sequence[Layout], info: ModelInfo, settings: SampleSettings) -> str | None:
    """How many of `layouts` are painted larger because their boxes are small, and what that costs.

    Nothing of sprites, which are painted large in any case: their work is said when it is done.
    """
    if settings.method in COMPOSING:
        return None
    zooms = [zoom_of(layout, info, settings) for layout in layouts]
    enlarged = [zoom for zoom in zooms if zoom > 1]
    if not enlarged or settings.zoom is not None:
        return None
    most = max(enlarged)
    count = "the canvas is" if len(layouts) == 1 else f"{len(enlarged):,} of {len(layouts):,} canvases are"
    most_of = "" if len(set(enlarged)) == 1 else "up to "
    return (
        f"half of the boxes are shorter than the {info.drawn_well:g} px from which the model draws well: "
        f"{count} painted {most_of}{most} times as large and reduced, {most_of}{most * most} times the work "
        "(`zoom` 1: as it is)"
    )


def check_strictly(found: Sequence[str]) -> None:
    """Refuse to paint what will not be good.

    Raises:
        InvalidOption: something was `found`; says all of it.
    """
    if found:
        raise InvalidOption(f"refused, as `strict` is given: {'; '.join(found)}")


def _sizes(named: Sequence[Named], info: ModelInfo, zoom: Zoom) -> Iterator[str]:
    prior = info.size_prior
    yield from _about(
        named,
        lambda layout: too_small(layout, prior, zoom(layout)),
        f"smaller than the {prior.smallest:g} px that the model draws",
        "they will be specks, enlarge them, or paint all larger with `zoom`",
    )
    yield from _about(
        named,
        lambda layout: too_large(layout, prior, zoom(layout)),
        f"larger than the {prior.largest:g} px that the model draws",
        "they will be soft or strange, make them smaller, and the canvas with them",
    )


def _shapes(named: Sequence[Named], info: ModelInfo, zoom: Zoom) -> Iterator[str]:
    low, high = info.size_prior.aspect
    if (low, high) == ANY_SIZE.aspect:  # nobody said what the model was shown
        return
    yield from _about(
        named,
        lambda layout: of_strange_shape(layout, info.size_prior, zoom(layout)),
        f"of another shape than the model has seen (width / height {low:g} to {high:g})",
        "objects may be misshapen, make them narrower or wider",
    )


def _overlaps(named: Sequence[Named]) -> Iterator[str]:
    marked = {id(layout): overlapping(layout) for _, layout in named}
    yield from _about(
        named,
        lambda layout: marked[id(layout)][0] & ~marked[id(layout)][1],
        "covered by another to a tenth or more",
        "objects may merge, move them apart",
    )
    yield from _about(
        named,
        lambda layout: marked[id(layout)][1],
        "inside another",
        "what is in them may be missing, move them apart",
    )


def _about(named: Sequence[Named], mark: Callable[[Layout], Marks], what: str, remedy: str) -> Iterator[str]:
    """A sentence on the boxes that `mark` finds, if any: how many, the first of them, what to do."""
    count, total, first = 0, 0, ""
    for name, layout in named:
        marks = mark(layout)
        total += len(marks)
        count += int(np.count_nonzero(marks))
        instance = first_of(layout, marks)
        if instance is not None and not first:
            box = instance.box
            first = f"{instance.label} of {box.width:.0f} x {box.height:.0f} px in {name}"
    if count:
        boxes = f"{count:,} of {total:,} boxes" if total > 1 else "1 box"
        yield f"{boxes} {what}, {'such as ' * (count > 1)}the {first}: {remedy}"


def _words(named: Sequence[Named], info: ModelInfo) -> Iterator[str]:
    if info.words is None:
        return
    said: dict[str, None] = {}  # in their order
    for _, layout in named:
        said.update(dict.fromkeys(words_of(f"{layout.prompt} {layout.negative_prompt}")))
    labels = set(words_of(" ".join(_forms(info.labels or ()))))
    known = info.words | labels
    unknown = [word for word in said if word not in known]
    if unknown:
        more = ", ..." if len(unknown) > _NAMED else ""
        words = ", ".join(islice(unknown, _NAMED)) + more
        read = ", ".join(sorted(known - labels))
        yield (
            f"the model has never read {words} and will not show what the prompt says by that; "
            f"beside its labels it has read {read}"
        )


def _forms(labels: Sequence[str]) -> Iterator[str]:
    """Each label as one and as many."""
    for label in labels:
        yield from (label, count_phrase({label: 2}))


def _numbers(named: Sequence[Named]) -> Iterator[str]:
    wrong = []
    for name, layout in named:
        placed = Counter(instance.label for instance in layout.instances)
        for label, count in counts_in(layout.prompt, layout.labels).items():
            if count != placed[label]:
                wrong.append(f"{count_phrase({label: count})}, and {name} has {placed[label]:,}")
    if wrong:
        more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
        yield f"the prompt says {wrong[0]}{more}: what is painted follows the boxes, say the same in both"


def _unnamed_embeddings(named: Sequence[Named], settings: SampleSettings) -> Iterator[str]:
    parts = (text for _, layout in named for text in (layout.prompt, layout.negative_prompt, *layout.labels))
    said = "\n".join(dict.fromkeys(parts)).lower()
    for file in settings.embedding:
        words = words_of_embedding(Path(file).expanduser())
        if not any(word.lower() in said for word in words):
            called = " or ".join(sorted(words))
            yield (
                f"no prompt says {called}, so that the embedding {Path(file).name} has no effect: write "
                "that word into `prompt` or `negative_prompt`"
            )
