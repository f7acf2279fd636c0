"""The words that a run's data teaches: those of its captions, but for the rarest."""

from __future__ import annotations

from collections import Counter

from layoutgen.data.dataset import LayoutDataset
from layoutgen.model_words import words_of

_SCENES = 64  # of an endless stream, whose captions repeat
_RARE = 1000  # a word in fewer than one of so many captions is seen too seldom to be learnt


def words_of_data(dataset: LayoutDataset) -> frozenset[str]:
    """The words of the captions of `dataset`, and of its labels."""
    captions = [source.layout.prompt for source in dataset.sources if source.layout is not None]
    captions = captions or [dataset[number].layout.prompt for number in range(_SCENES)]
    counts = Counter(word for caption in captions for word in set(words_of(caption)))
    common = {word for word, count in counts.items() if count * _RARE >= len(captions)}
    return frozenset(common | {word for label in dataset.labels for word in words_of(label)})
