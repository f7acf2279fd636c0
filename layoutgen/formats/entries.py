"""The entries of a file and their fields, checked; every error names the file and the place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layoutgen.errors import InvalidFile
from layoutgen.io.files import type_name
from layoutgen.io.large_json import LargeList
from layoutgen.numerics import is_number

Entry = Mapping[str, Any]
Lines = Mapping[str, int]
"""The line of each value, from 1, by its place: ``instances[3].xyxy``; the whole file is ``""``."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Reads fields of `content`, the values of the file at `path`.

    A place is ``""`` for `content` itself, else ``canvas`` or ``images[3]``. Errors name the line too, if
    `lines` knows it of the place or of what it lies in.
    """

    path: Path
    content: Any
    lines: Lines = field(default_factory=dict)

    def list_of(self, key: str) -> Iterable[Any]:
        """The list `key` of the file."""
        if key not in self.content:
            found = ", ".join(sorted(self.content)[:6]) or "nothing"
            raise self.error(key, "is missing", f"the file needs this list; found: {found}")
        content = self.content[key]
        if not isinstance(content, list | LargeList):
            raise self.error(key, f"must be a list, not {type_name(content)}", "write [...]")
        return content

    def each(self, key: str) -> Iterator[tuple[str, Entry]]:
        """The objects of the list `key` of the file, each with its place."""
        for index, entry in enumerate(self.list_of(key)):
            place = f"{key}[{index}]"
            if not isinstance(entry, dict):
                raise self.error(
                    place, f"must hold fields, not {type_name(entry)}", "write {name: value, ...}"
                )
            yield place, entry

    def whole(self, entry: Entry, place: str, key: str, *, least: int | None = None) -> int:
        """The whole number `key` of `entry`."""
        value = self._value(entry, place, key, "")
        if not is_number(value) or value != int(value):
            problem = f"must be a whole number, not {shown(value)}"
            raise self.error(_inside(place, key), problem, "write digits only")
        if least is not None and value < least:
            problem = f"must be {least} or more, not {shown(value)}"
            raise self.error(_inside(place, key), problem, "correct it")
        return int(value)

    def number(self, entry: Entry, place: str, key: str, remedy: str) -> float:
        """The finite number `key` of `entry`."""
        value = self._value(entry, place, key, remedy)
        if not is_number(value):
            raise self.error(_inside(place, key), f"must be a number, not {shown(value)}", remedy)
        return float(value)

    def text(self, entry: Entry, place: str, key: str, *, remedy: str = "", blank: bool = False) -> str:
        """The text `key` of `entry`; only if `blank`, it may be empty."""
        return self.as_text(
            self._value(entry, place, key, remedy), _inside(place, key), remedy=remedy, blank=blank
        )

    def as_text(self, value: Any, place: str, *, remedy: str = "", blank: bool = False) -> str:
        """`value`, which stands at `place`, if it is a text."""
        if not isinstance(value, str):
            problem = f"must be a text, but is {type_name(value)}: {shown(value)}"
            raise self.error(place, problem, remedy or "put it in quotes")
        if not blank and not value.strip():
            raise self.error(place, "is empty", remedy or "write something")
        return value

    def numbers(self, entry: Entry, place: str, key: str, count: int, remedy: str) -> list[float]:
        """The list of `count` finite numbers that `key` of `entry` is."""
        return self.as_numbers(self._value(entry, place, key, remedy), _inside(place, key), count, remedy)

    def as_numbers(self, value: Any, place: str, count: int, remedy: str) -> list[float]:
        """`value`, which stands at `place`, if it is a list of `count` finite numbers."""
        if not isinstance(value, list) or len(value) != count or not all(is_number(v) for v in value):
            raise self.error(place, f"must be {count} finite numbers, not {shown(value)}", remedy)
        return value

    def choice(self, entry: Entry, place: str, key: str, options: Sequence[str]) -> str:
        """The word `key` of `entry`, one of `options`; the first one if `entry` does not say."""
        value = entry.get(key, options[0])
        if value not in options:
            problem = f"must be {' or '.join(options)}, not {shown(value)}"
            raise self.error(_inside(place, key), problem, "write one of them")
        return str(value)

    def only(self, entry: Any, place: str, known: Sequence[str]) -> Entry:
        """`entry`, if it holds fields and all of them are `known`."""
        if not isinstance(entry, Mapping):
            problem = f"must hold {', '.join(known)}, but is {type_name(entry)}"
            raise self.error(place, problem, "write them as name: value")
        for key in entry:
            if key not in known:
                close = difflib.get_close_matches(str(key), known, n=1)
                remedy = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
                raise self.error(_inside(place, str(key)), "unknown field", remedy)
        return entry

    def _value(self, entry: Entry, place: str, key: str, remedy: str) -> Any:
        if key not in entry:
            raise self.error(_inside(place, key), "is missing", remedy or "it cannot be left out")
        return entry[key]

    def where(self, place: str) -> str:
        """`place` with its line, as far as that is known."""
        known = place
        while known and known not in self.lines:
            known = known[: max(known.rfind("."), known.rfind("["), 0)]
        line = f"line {self.lines[known]}" if known in self.lines else ""
        return ", ".join(part for part in (line, place) if part)

    def error(self, place: str, problem: str, remedy: str) -> InvalidFile:
        """The error to raise for `place` of this file."""
        return InvalidFile(self.path, problem, where=self.where(place), remedy=remedy)


def shown(value: object) -> str:
    """`value` as a file would have it, cut to what fits a line."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _inside(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
