"""How many of what a prompt says there are: "5 dogs and a cat on sandy ground"."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from layoutgen.domain.labels import count_phrase

_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS = {"a": 1, "an": 1, "one": 1} | {word: number for number, word in enumerate(_WORDS, start=2)}
_NUMBER = r"\b(?P<number>\d[\d,]*|" + "|".join(_NUMBERS) + r")\s+"


def counts_in(prompt: str, labels: Collection[str]) -> dict[str, int]:
    """How many of each of `labels` the `prompt` says there are; labels without a number are left out."""
    found = {}
    for label in labels:
        numbers = [_number(match["number"]) for match in _mentions(label).finditer(prompt)]
        if numbers:
            found[label] = sum(numbers)
    return found


def with_counts(prompt: str, counts: Mapping[str, int]) -> str:
    """The `prompt` with the numbers of `counts` where it says others; all else stays as it is.

    A label that the prompt counts in several places ("2 brown dogs and 3 white dogs") keeps its numbers:
    nobody knows which of them to change.
    """
    for label, count in counts.items():
        mentions = list(_mentions(label).finditer(prompt))
        if len(mentions) != 1 or _number(mentions[0]["number"]) == count or count < 1:
            continue
        found = mentions[0]
        number, _, noun = count_phrase({label: count}).partition(" ")
        kind = found["kind"] or ""
        article = "a" if kind and number == "an" else number
        prompt = prompt[: found.start()] + f"{article} {kind}{noun}" + prompt[found.end() :]
    return prompt


def _mentions(label: str) -> re.Pattern[str]:
    """Matches a number, a word that says of what kind, if any, and `label` as one or many."""
    plural = count_phrase({label: 2}).removeprefix("2 ")
    forms = "|".join(re.escape(form) for form in sorted({label, plural}, key=len, reverse=True))
    return re.compile(rf"{_NUMBER}(?P<kind>(?!and\b|or\b)[^\W\d]+\s+)?(?:{forms})\b", re.IGNORECASE)


def _number(word: str) -> int:
    return _NUMBERS.get(word.lower()) or int(word.replace(",", ""))
