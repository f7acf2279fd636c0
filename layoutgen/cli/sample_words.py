"""The words of `layoutgen sample`: layout files, and after each -n the label that it counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.errors import InvalidOption
from layoutgen.io.files import STANDARD_INPUT

if TYPE_CHECKING:
    from layoutgen.domain.requests import Quantity

_FILES = (".yaml", ".yml", ".json", ".jsonl", ".png", ".xml", ".csv", ".txt", ".parquet", ".arrow")
_NUMBER = re.compile(
    r"(?P<count>\d{1,3}(,\d{3})+|\d[\d_]*)\s*([x×]\s*)?(?![\d.,]|e\d)(?P<label>.*)", re.DOTALL
)


def parse_words(words: Sequence[str], numbers: Sequence[str | int]) -> tuple[list[Path], list[Quantity]]:
    """The layout files among `words`, and how many of what.

    A number may carry its label ("100dogs"); the others take theirs from the words that are no files. A label
    may be several words if it is the only one.

    Raises:
        InvalidOption: a number is none, labels and numbers do not pair, or nothing is asked for.
    """
    asked = [_number(str(number)) for number in numbers]
    open_labels = sum(not label for _, label in asked)
    files, labels = _sorted_out(words, open_labels)
    if open_labels == 1 and labels:
        labels = [" ".join(labels)]  # -n 3 teddy bears
    if len(labels) != open_labels:
        raise InvalidOption(_no_pairs(words, numbers, labels, open_labels))
    if not files and not asked:
        raise InvalidOption("name a layout file, or ask for objects, as in: layoutgen sample -n 100 dogs")
    if files.count(str(STANDARD_INPUT)) > 1:
        raise InvalidOption("- stands for standard input, which can be read once only")
    waiting = iter(labels)
    return [Path(file) for file in files], [(count, label or next(waiting)) for count, label in asked]


def _number(text: str) -> tuple[int, str]:
    """The count in `text` and the label that follows it there, if one does."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        if re.fullmatch(r"[-+]?[\d.,_]+(e\d+)?", text.strip(), re.IGNORECASE):
            raise InvalidOption(f"-n takes a whole number of objects from 1, not {text}, as in -n 100 dogs")
        raise InvalidOption(f"-n takes a number first, not {text!r}: write it as in -n 100 dogs")
    count, label = int(re.sub("[,_]", "", found["count"])), found["label"].strip()
    if count < 1:
        raise InvalidOption(f"-n takes a whole number of objects from 1, not {text}, as in -n 100 dogs")
    return count, label


def _sorted_out(words: Sequence[str], wanted: int) -> tuple[list[str], list[str]]:
    """The files and the labels among `words`; what may be either is a label as long as some are `wanted`."""
    kinds = {word: _kind(word) for word in words}
    missing = wanted - sum(kinds[word] == "label" for word in words)
    labels: set[int] = set()
    for place in reversed(range(len(words))):
        kind = kinds[words[place]]
        if kind == "label" or (kind == "either" and missing > 0):
            missing -= kind == "either"
            labels.add(place)
    return (
        [word for place, word in enumerate(words) if place not in labels],
        [word for place, word in enumerate(words) if place in labels],
    )


def _kind(word: str) -> str:
    """What `word` is: "file", "label", or "either", as a folder called dogs that holds annotations."""
    path = Path(word)
    if path == STANDARD_INPUT or path.is_file() or path.suffix.lower() in _FILES:
        return "file"
    if path.is_dir() or "/" in word:
        from layoutgen.formats.registry import recognised

        if "/" in word or not path.is_dir():
            return "file"
        return "label" if recognised(path) is None else "either"
    # A dot may also be a part of a label, as in "St. Bernard".
    return "either" if re.search(r"\w\.\w+$", word) else "label"


def _no_pairs(words: Sequence[str], numbers: Sequence[str | int], labels: Sequence[str], wanted: int) -> str:
    """Why labels and numbers do not pair, and what to write."""
    if not numbers:
        count = next((word for word in words if word.isdecimal() and word in labels), None)
        named = [label for label in labels if label != count]
        meant = f"-n {count or 100} {named[-1].split()[-1] if named else 'dogs'}"
        return f"{labels[0]} is no layout file; to ask for objects write {meant}"
    last = words[-1] if words else None
    if not labels and last is not None and Path(last).is_dir():
        return f"{last} is a folder, and -n {numbers[-1]} needs a label after it, as in -n {numbers[-1]} dogs"
    said = [f"{wanted} number" + "s" * (wanted != 1), f"{len(labels)} label" + "s" * (len(labels) != 1)]
    hint = "write each as in -n 100 dogs"
    if len(labels) > wanted:
        hint += ', and a label of several words in quotes: -n 3 "teddy bears"'
    return f"{said[0]} but {said[1]}: {hint}"
