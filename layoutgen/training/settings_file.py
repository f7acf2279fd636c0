"""Settings in YAML files: known keys, values of the right types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from layoutgen.errors import InvalidFile
from layoutgen.io.files import read_text

_KINDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def read_mapping(path: Path) -> dict[Any, Any]:
    """What the YAML file `path` maps.

    Raises:
        InvalidFile: it cannot be read, or is no YAML mapping.
    """
    try:
        data = yaml.safe_load(read_text(path))
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:  # also a list as a key
        problem = f"is not YAML: {' '.join(str(error).split())}"
        raise InvalidFile(path, problem, remedy="copy it again, or write it anew") from error
    if not isinstance(data, dict):
        raise InvalidFile(path, "must be a mapping of options to values", remedy="write option: value")
    return data


def as_settings(path: Path, data: Mapping[str, Any], known: type) -> dict[str, Any]:
    """The mapping `data` of the file `path` as settings for the dataclass `known`.

    Raises:
        InvalidFile: it has a key that `known` does not, or a value of another type.
    """
    defaults = {field.name: field.default for field in fields(known)}
    for key in data:
        if key not in defaults:
            raise InvalidFile(
                path, f"unknown option {key!r}", remedy=f"the options are {', '.join(defaults)}"
            )
    return {key: _converted(path, key, value, defaults[key]) for key, value in data.items()}


def _converted(path: Path, key: str, value: Any, default: Any) -> Any:
    """`value` in the type of `default`: YAML reads 5e-4 as text, and lists where tuples are meant."""
    kind = "text" if default is None else "list" if isinstance(default, tuple) else _KINDS[type(default)]
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(default, float) and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    elif type(value) is type(default) or (default is None and isinstance(value, (str, type(None)))):
        return value
    raise InvalidFile(path, f"{value!r} is no {kind}", where=key, remedy=f"its default is {default}")
