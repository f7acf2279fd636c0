"""What the background is told, and what one of the objects: the prompt without the counts."""

from __future__ import annotations

import re
from collections.abc import Collection

from layoutgen.domain.labels import count_phrase

_COUNT = (
    r"(?:(?:\d[\d,.]*|an?|one|two|three|four|five|six|seven|eight|nine|ten|a\s+dozen|dozens\s+of|hundreds\s+of|"
    r"some|many|several|a\s+few|lots\s+of|a\s+lot\s+of)\s+)?"
)
_PLACE = r"(?:on|in|at|over|under|near|beside|before|against|along|among|around|with|of|and)"


def background_prompt(prompt: str, labels: Collection[str]) -> str:
    """`prompt` without the objects called `labels`: "green ground" of "100 dogs on green ground"."""
    return _tidied(_named(labels).sub(" ", prompt)) if labels else prompt


def object_prompt(prompt: str, labels: Collection[str], label: str) -> str:
    """`prompt` with one `label` for all the objects that it names: "a dog on green ground".

    Where it names none, the object comes before it: "a dog, at sunset".
    """
    one, named = count_phrase({label: 1}), _named(labels)
    if not named.search(prompt):
        return f"{one}, {prompt}" if prompt else one
    first, *rest = named.split(prompt)
    return re.sub(r"\s+([,.;:])", r"\1", " ".join(f"{first} {one} {' '.join(rest)}".split()))


def _named(labels: Collection[str]) -> re.Pattern[str]:
    """A run of counted labels: "3 dogs, a cat and two birds"."""
    words = {form for label in labels for form in (label, count_phrase({label: 2}).removeprefix("2 "))}
    forms = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    counted = rf"{_COUNT}\b(?:{forms})\b"
    return re.compile(rf"\b{counted}(?:\s*,?\s*(?:and\s+)?{counted})*", re.IGNORECASE)


def _tidied(text: str) -> str:
    """`text` without the words and marks that belonged to what was taken out of it."""
    text = " ".join(text.split())
    text = re.sub(rf"\bof\s+{_PLACE}\b", "of", text)
    text = re.sub(rf"^(?:[,.;:]\s*|{_PLACE}\s+)+", "", text, flags=re.IGNORECASE)
    text = re.sub(rf"(?:\s*[,;:]|\s+{_PLACE})+$", "", text, flags=re.IGNORECASE)
    return re.sub(r"\s+([,.;:])", r"\1", text)
