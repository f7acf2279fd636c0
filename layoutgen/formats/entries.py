"""The entries of a JSON file and their fields, checked; every error names the file and the place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layoutgen.errors import InvalidFile
from layoutgen.formats.files import type_name

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entries:
    """Reads fields of the JSON object `content` of the file at `path`."""

    path: Path
    content: Entry

    def each(self, key: str) -> list[tuple[str, Entry]]:
        """The objects of the list `key` of the file, each with its place."""
        if key not in self.content:
            found = ", ".join(sorted(self.content)[:6]) or "nothing"
            raise self.error(key, "is missing", f"the file needs this list; found: {found}")
        if not isinstance(self.content[key], list):
            raise self.error(key, f"must be a list, not {type_name(self.content[key])}", "write [...]")
        entries = [(f"{key}[{index}]", entry) for index, entry in enumerate(self.content[key])]
        for where, entry in entries:
            if not isinstance(entry, dict):
                raise self.error(where, f"must be an object, not {type_name(entry)}", "write {...}")
        return entries

    def whole(self, entry: Entry, where: str, key: str, *, least: int | None = None) -> int:
        """The whole number `key` of `entry`."""
        value = self._value(entry, where, key, "")
        if not is_number(value) or value != int(value):
            raise self.error(
                f"{where}.{key}", f"must be a whole number, not {shown(value)}", "write digits only"
            )
        if least is not None and value < least:
            raise self.error(f"{where}.{key}", f"must be {least} or more, not {value}", "correct it")
        return int(value)

    def text(self, entry: Entry, where: str, key: str, *, remedy: str = "") -> str:
        """The text `key` of `entry`, which must not be blank."""
        value = self._value(entry, where, key, remedy)
        if not isinstance(value, str) or not value.strip():
            remedy = remedy or 'write "..."'
            raise self.error(f"{where}.{key}", f"must be a text, not {shown(value)}", remedy)
        return value

    def _value(self, entry: Entry, where: str, key: str, remedy: str) -> Any:
        if key not in entry:
            raise self.error(f"{where}.{key}", "is missing", remedy or "every entry of this list needs it")
        return entry[key]

    def error(self, where: str, problem: str, remedy: str) -> InvalidFile:
        """The error to raise for `where` in this file."""
        return InvalidFile(self.path, problem, where=where, remedy=remedy)


def is_number(value: object) -> bool:
    """Whether `value` is a finite number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of 400 digits
        return False


def shown(value: object) -> str:
    """`value` as a file would have it, cut to what fits a line."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
