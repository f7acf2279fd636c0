"""What a json is about, by its beginning: files of many gigabytes are not read to learn it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_HEAD = 2**18  # bytes
_NAME = re.compile(r'"((?:[^"\\]|\\.){1,60})"\s*:')


@dataclass(frozen=True, slots=True)
class JsonHead:
    """The beginning of a json: whether it is a list, and the names of all fields there, at any depth."""

    is_list: bool
    names: frozenset[str]

    def has(self, *names: str) -> bool:
        """Whether all `names` are among the fields."""
        return self.names.issuperset(names)


def json_head(path: Path) -> JsonHead | None:
    """The beginning of the file at `path`; None if it is no json."""
    if path.suffix.lower() not in (".json", ".txt", "") or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            text = file.read(_HEAD).decode("utf-8-sig", "replace").lstrip()
    except OSError:
        return None
    if text[:1] not in ("[", "{"):
        return None
    return JsonHead(text[0] == "[", frozenset(_NAME.findall(text)))
