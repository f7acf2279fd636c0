"""The names of classes that a Hugging Face data set writes as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from layoutgen.errors import InvalidFile
from layoutgen.formats.dialects import whole
from layoutgen.io.files import read_json, read_text


def class_names(folder: Path) -> dict[int, str]:
    """The names by number that the files beside the data give; {} if none does.

    ``classes.txt`` has one on each line; ``dataset_info.json`` and the head of ``README.md`` describe
    features, one of which is a class label.
    """
    if (folder / "classes.txt").is_file():
        lines = [line.strip() for line in read_text(folder / "classes.txt").splitlines()]
        return dict(enumerate(line for line in lines if line))
    with suppress(InvalidFile):
        names = find_names(read_json(folder / "dataset_info.json"))
        if names:
            return names
    with suppress(InvalidFile, YAMLError):
        text = read_text(folder / "README.md")
        if text.startswith("---\n") and "\n---" in text[4:]:
            return find_names(YAML(typ="safe", pure=True).load(text[4:].split("\n---")[0]))
    return {}


def find_names(content: Any) -> dict[int, str]:
    """The names of the first class label anywhere in a description of features."""
    if isinstance(content, Mapping):
        names = content.get("names")
        is_label = content.get("_type") == "ClassLabel" or set(content) == {"names"}
        if is_label and names:
            pairs = names.items() if isinstance(names, Mapping) else enumerate(names)
            return {n: str(name) for key, name in pairs if (n := whole(key)) is not None}
    parts: list[Any] = []
    if isinstance(content, Mapping | list):
        parts = list(content.values() if isinstance(content, Mapping) else content)
    return next((found for found in map(find_names, parts) if found), {})
