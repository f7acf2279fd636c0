"""JSON files too large to hold: an object whose lists are read element by element, each time anew."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from layoutgen.formats.files import read_json

_LARGE = 32 * 2**20  # bytes; smaller files are read whole
_CHUNK = 2**20
_SPACE = re.compile(r"[ \t\n\r]*")
_WORD_END = frozenset(" \t\n\r,]}")  # what must follow a number, so that none is taken for its beginning


class LargeList:
    """The list `key` of the object in the file at `path`, which is not in memory."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key

    def __iter__(self) -> Iterator[Any]:
        for key, index, value in _events(self._path):
            if key == self._key and index is not None and index >= 0:
                yield value


def read_large_json(path: Path, key: str) -> dict[str, Any]:
    """The JSON object in the file at `path`; if the file is large, its list `key` is a :class:`LargeList`.

    Raises:
        InvalidFile: as :func:`~layoutgen.formats.files.read_json`.
    """
    try:
        if path.stat().st_size < _LARGE:
            return read_json(path)
        content: dict[str, Any] = {}
        for name, index, value in _events(path):
            if index is None:
                content[name] = value
            elif index < 0:
                content[name] = LargeList(path, key) if name == key else []
            elif name != key:
                content[name].append(value)
        return content
    except (OSError, ValueError, RecursionError):
        return read_json(path)  # which says in one line what is wrong, and where


def _events(path: Path) -> Iterator[tuple[str, int | None, Any]]:
    """(key, None, value) of the values in the object, and of lists (key, -1, None), (key, 0, element), ...

    Raises:
        ValueError: it is no JSON object.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        text = _Text(file)
        text.expect("{")
        closed, more = False, text.peek() != "}"
        while more:
            key = text.value()
            if not isinstance(key, str):
                raise ValueError("a key must be a text")
            text.expect(":")
            if text.peek() != "[":
                yield key, None, text.value()
            else:
                yield key, -1, None
                yield from ((key, index, element) for index, element in enumerate(text.elements()))
            more = text.peek() == ","
            text.expect("," if more else "}")
            closed = not more
        if not closed:
            text.expect("}")
        if text.peek():
            raise ValueError("something follows the object")


class _Text:
    """The text of a file, of which no more is in memory than the value being read."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._buffer, self._at = file, "", 0
        self._decode = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """The next character that is no space, or nothing at the end."""
        while True:
            space = _SPACE.match(self._buffer, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._buffer) or not self._more():
                return self._buffer[self._at : self._at + 1]

    def expect(self, character: str) -> None:
        """Go past `character`."""
        if self.peek() != character:
            raise ValueError(f"{character} is missing")
        self._at += 1

    def value(self) -> Any:
        """The next value."""
        self.peek()
        while True:
            try:
                value, end = self._decode(self._buffer, self._at)
                if end < len(self._buffer) and (self._buffer[end] in _WORD_END or not _is_number(value)):
                    self._at = end
                    return value
            except ValueError:
                pass
            if not self._more():
                value, self._at = self._decode(self._buffer, self._at)
                return value

    def elements(self) -> Iterator[Any]:
        """The elements of the list that comes next."""
        self.expect("[")
        closed, more = False, self.peek() != "]"
        while more:
            yield self.value()
            more = self.peek() == ","
            self.expect("," if more else "]")
            closed = not more
        if not closed:
            self.expect("]")

    def _more(self) -> bool:
        """Read on, and forget what was read before."""
        chunk = self._file.read(max(_CHUNK, len(self._buffer) - self._at))  # a value of any size in few goes
        self._buffer, self._at = self._buffer[self._at :] + chunk, 0
        return bool(chunk)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
