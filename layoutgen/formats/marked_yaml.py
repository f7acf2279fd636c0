"""YAML as plain values, together with the line that each of them stands on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from layoutgen.errors import InvalidFile
from layoutgen.io.files import read_text


def read_marked_yaml(path: Path) -> tuple[Any, dict[str, int]]:
    """The content of the YAML file at `path`, and the line of each value by its place, as in `Entries`.

    Raises:
        InvalidFile: it cannot be read, is empty or cut off, is no YAML, or says a key twice.
    """
    text = read_text(path)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    lines: dict[str, int] = {}
    try:
        node = loader.get_single_node()
        if node is None:
            raise InvalidFile(path, "the file holds only comments", remedy="write canvas: and instances:")
        return _Values(path, loader, lines).of(node, ""), lines
    except yaml.YAMLError as error:
        raise _not_yaml(path, error, len(text.rstrip())) from None
    except RecursionError:
        raise InvalidFile(path, "is nested too deeply", remedy="write a flat list of instances") from None
    finally:
        loader.dispose()


class _Values:
    """Turns nodes into values; fills `lines`."""

    def __init__(self, path: Path, loader: Any, lines: dict[str, int]) -> None:
        self.path, self.loader, self.lines = path, loader, lines
        self.seen: set[int] = set()

    def of(self, node: yaml.Node, place: str) -> Any:
        self.lines[place] = node.start_mark.line + 1
        if id(node) in self.seen:  # also what would refer to itself, or grow without end
            raise self.error(node, place, "refers to another part of the file", "write it out")
        self.seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.of(item, f"{place}[{index}]") for index, item in enumerate(node.value)]
        try:
            return self.loader.construct_object(node)
        except ValueError as error:  # a date with a 13th month
            raise self.error(node, place, f"cannot be read: {error}", "put it in quotes") from None

    def _mapping(self, node: yaml.MappingNode, place: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.error(key_node, place, "a field name must be one word", "is a colon misplaced?")
            key = str(key_node.value)  # also `on` and `no`, which YAML would read as true and false
            inside = f"{place}.{key}" if place else key
            if key in values:
                raise self.error(key_node, inside, "is there twice", "remove one of them")
            values[key] = self.of(value_node, inside)
            self.lines[inside] = key_node.start_mark.line + 1
        return values

    def error(self, node: yaml.Node, place: str, problem: str, remedy: str) -> InvalidFile:
        line = f"line {node.start_mark.line + 1}"
        return InvalidFile(self.path, problem, where=f"{line}, {place}" if place else line, remedy=remedy)


def _not_yaml(path: Path, error: yaml.YAMLError, end: int) -> InvalidFile:
    """The error in the words of the parser; `end` is where the text ends."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    problem = " ".join(str(problem).split())
    remedy = "indent with spaces, and put texts with special characters in quotes"
    if mark and mark.index >= end:
        remedy = "the file is cut off, or a bracket or quote is not closed"
    return InvalidFile(path, f"is not YAML: {problem}", where=where, remedy=remedy)
