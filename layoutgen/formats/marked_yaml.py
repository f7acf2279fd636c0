"""YAML 1.2 as plain values, together with the line that each of them stands on.

ruamel.yaml reads numbers as they look: ``040`` is 40, ``1:10`` and ``no`` are texts. PyYAML speaks YAML 1.1,
where they are 32, 70 and false.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

from layoutgen.errors import InvalidFile
from layoutgen.io.files import read_text, replacing

_LONGEST = 8_000_000  # characters: some hundred thousand boxes, and minutes
_CORE = "tag:yaml.org,2002:"
# Of YAML 1.1, and no types of YAML 1.2's core: dates, merge keys and default values are texts.
_TEXTS = {f"{_CORE}{name}" for name in ("timestamp", "merge", "value")}


def read_marked_yaml(path: Path) -> tuple[Any, dict[str, int]]:
    """The content of the YAML file at `path`, and the line of each value by its place, as in `Entries`.

    Raises:
        InvalidFile: it cannot be read, is empty or cut off, is no YAML, or says a key twice.
    """
    text = read_text(path)
    if len(text) > _LONGEST:
        problem = f"has {len(text):,} characters, and YAML is read slowly: {_LONGEST:,} is the most"
        raise InvalidFile(path, problem, remedy="write it as JSON")
    return parse_marked_yaml(text, path)


def parse_marked_yaml(text: str, path: Path) -> tuple[Any, dict[str, int]]:
    """The content of `text`, which comes from `path`, as :func:`read_marked_yaml` gives it."""
    yaml = YAML(typ="safe", pure=True)
    lines: dict[str, int] = {}
    try:
        node = yaml.compose(text)
        if node is None:
            raise InvalidFile(path, "the file holds only comments", remedy="write canvas: and instances:")
        return _Values(path, yaml, lines).of(node, ""), lines
    except YAMLError as error:
        raise _not_yaml(path, error, len(text.rstrip())) from None
    except RecursionError:
        raise InvalidFile(path, "is nested too deeply", remedy="write a flat list of instances") from None


def write_plain_yaml(path: Path, content: Any) -> None:
    """Write plain values, lists of them on one line, for :func:`read_marked_yaml` to read."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = None
    yaml.width = 1_000_000
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)


class _Representer(SafeRepresenter):
    """The library's, but rare line breaks are escaped; it would write and then read them as spaces."""


def _text_node(representer: SafeRepresenter, text: str) -> ScalarNode:
    return representer.represent_scalar(f"{_CORE}str", text, None if text.isprintable() else '"')


_Representer.add_representer(str, _text_node)


class _Values:
    """Turns nodes into values; fills `lines`."""

    def __init__(self, path: Path, yaml: YAML, lines: dict[str, int]) -> None:
        self.path, self.yaml, self.lines = path, yaml, lines
        self.seen: set[int] = set()

    def of(self, node: Node, place: str) -> Any:
        self.lines[place] = node.start_mark.line + 1
        if id(node) in self.seen:  # also what would refer to itself, or grow without end
            raise self.error(node, place, "refers to another part of the file", "write it out")
        self.seen.add(id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self.of(item, f"{place}[{index}]") for index, item in enumerate(node.value)]
        if node.tag in _TEXTS:
            return str(node.value)
        try:
            return self.yaml.constructor.construct_object(node)
        except ValueError as error:  # a number of 5,000 digits
            raise self.error(node, place, f"cannot be read: {error}", "put it in quotes") from None

    def _mapping(self, node: MappingNode, place: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self.error(key_node, place, "a field name must be one word", "is a colon misplaced?")
            key = str(key_node.value)  # also `1` and `true`, which are a number and a boolean
            inside = f"{place}.{key}" if place else key
            if key in values:
                raise self.error(key_node, inside, "is there twice", "remove one of them")
            values[key] = self.of(value_node, inside)
            self.lines[inside] = key_node.start_mark.line + 1
        return values

    def error(self, node: Node, place: str, problem: str, remedy: str) -> InvalidFile:
        line = f"line {node.start_mark.line + 1}"
        return InvalidFile(self.path, problem, where=f"{line}, {place}" if place else line, remedy=remedy)


def _not_yaml(path: Path, error: YAMLError, end: int) -> InvalidFile:
    """The error in the words of the parser; `end` is where the text ends."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    problem = " ".join(str(problem).split())
    remedy = "indent with spaces, and put texts with special characters in quotes"
    if mark and mark.index >= end:
        remedy = "the file is cut off, or a bracket or quote is not closed"
    return InvalidFile(path, f"is not YAML: {problem}", where=where, remedy=remedy)
