"""JSON files too large to hold: an object one of whose lists is read element by element, each time anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ijson

from layoutgen.io.files import read_json

_LARGE = 32 * 2**20  # bytes; smaller files are read whole


class LargeList:
    """The list `key` of the object in the file at `path`, which is not in memory."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key

    def __iter__(self) -> Iterator[Any]:
        with self._path.open("rb") as file:
            yield from ijson.items(file, f"{self._key}.item", use_float=True)


def read_large_json(path: Path, key: str) -> dict[str, Any]:
    """The JSON object in the file at `path`; if the file is large, its list `key` is a :class:`LargeList`.

    Raises:
        InvalidFile: as :func:`~layoutgen.io.files.read_json`.
    """
    try:
        content = None if path.stat().st_size < _LARGE else _without_elements(path, key)
    except (OSError, ValueError, ijson.JSONError):
        content = None
    if not isinstance(content, dict) or content.get(key) != []:
        return read_json(path)  # which says in one line what is wrong, and where
    return content | {key: LargeList(path, key)}


def _without_elements(path: Path, key: str) -> Any:
    """What is in the file at `path`, but the list `key` is empty."""
    builder = ijson.ObjectBuilder()
    with path.open("rb") as file:
        for prefix, event, value in ijson.parse(file, use_float=True):
            if not prefix.startswith(f"{key}."):
                builder.event(event, value)
    return builder.value
