"""A layout model as JSON, and back: written with layouts, so that more can be drawn without the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.io.json_head import json_head
from layoutgen.io.large_json import read_large_json
from layoutgen.layout_model.model import (
    BoxTables,
    CoOccurrence,
    LayoutModel,
    Neighbours,
    SizeCorrelation,
)
from layoutgen.layout_model.relations import RELATIONS
from layoutgen.layout_model.tables import Frequencies, Quantiles

FIELD = "layout_model"
"""Where a COCO json of layouts holds the model that they are drawn from."""
_VERSION = 1


def model_to_dict(model: LayoutModel) -> dict[str, Any]:
    """The parameters of `model`, by the names of its classes; `relations` says what the weights are of."""
    content = asdict(model)
    for tables in (content["wide"], content["tall"]):
        for table in tables.values():
            for name in ("width", "height"):
                table[name] = table[name]["values"]
            for name in ("x", "y"):
                table[name] = [half["values"] for half in table[name]]
    return {"version": _VERSION, **content, "relations": list(RELATIONS)}


def model_from_dict(content: Mapping[str, Any]) -> LayoutModel:
    """The model that :func:`model_to_dict` wrote.

    Raises:
        InvalidOption: it is none, or one of another version.
    """
    if content.get("version") != _VERSION:
        raise InvalidOption(f"is a layout model of version {content.get('version')!r}, not {_VERSION}")
    try:
        return LayoutModel(
            canvases=tuple((int(w), int(h), int(times)) for w, h, times in content["canvases"]),
            counts=_frequencies(content["counts"]),
            counts_with=_each(content["counts_with"], _frequencies),
            labels=CoOccurrence(**{**content["labels"], "new": tuple(content["labels"]["new"])}),
            sizes=SizeCorrelation(**content["sizes"]),
            wide=_each(content["wide"], _box_tables),
            tall=_each(content["tall"], _box_tables),
            neighbours=Neighbours(*(tuple(content["neighbours"][name]) for name in ("same", "other"))),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidOption(f"is no layout model: {type(error).__name__}: {error}") from None


def holds_model(path: Path) -> bool:
    """Whether `path` is a file of layouts that were drawn from a model, without images."""
    head = json_head(path)
    return head is not None and not head.is_list and head.has(FIELD)


def read_model(path: Path) -> LayoutModel:
    """The layout model in the file of layouts at `path`.

    Raises:
        InvalidFile: there is none, or it is broken.
    """
    content = read_large_json(path, "annotations").get(FIELD)
    try:
        return model_from_dict(content if isinstance(content, Mapping) else {})
    except InvalidOption as error:
        raise InvalidFile(path, str(error), where=FIELD, remedy="write it anew from the data") from None


def _each(tables: Mapping[str, Any], read: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: read(table) for name, table in tables.items()}


def _frequencies(content: Mapping[str, Any]) -> Frequencies:
    return Frequencies(tuple(content["values"]), tuple(content["weights"]))


def _box_tables(content: Mapping[str, Any]) -> BoxTables:
    small, large = (tuple(Quantiles(tuple(content[axis][half])) for axis in ("x", "y")) for half in (0, 1))
    width, height = (Quantiles(tuple(content[name])) for name in ("width", "height"))
    x, y = zip(small, large, strict=True)
    return BoxTables(width, height, content["correlation"], x, y)
