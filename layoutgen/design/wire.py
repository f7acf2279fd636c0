"""What the page and the server say to each other: layouts, boxes and events as JSON.

A layout is written as in a layout file: the same reader says what is wrong with one that comes back.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from layoutgen.denoising.settings import SampleSettings, settings_of
from layoutgen.design.document import Document, Version
from layoutgen.design.painter import Progress
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.drawing.colors import Color
from layoutgen.errors import InvalidOption
from layoutgen.formats.layout_file import layout_to_dict, request_from_dict
from layoutgen.gallery.records import GalleryBox
from layoutgen.model_info import ModelInfo, find_model


def read_layout(content: Any) -> Layout:
    """The layout that the page sent."""
    request = request_from_dict(content, path="the layout")
    if request.groups:
        raise InvalidOption("the layout has groups that are still to be arranged")
    return request.layout


def read_box(content: Any) -> Box:
    """Four numbers."""
    if not isinstance(content, list) or len(content) != 4:
        raise InvalidOption("a box is [x0, y0, x1, y1]")
    return Box(*content)


def read_settings(content: Any, model: str | None) -> SampleSettings:
    """How to paint, of the names that :class:`SampleSettings` has; what is missing is as the model has it."""
    known = {"method", "encoding", "steps", "guidance", "seed", "scheduler"}
    if not isinstance(content, dict) or not known.issuperset(content):
        raise InvalidOption(f"settings are some of {', '.join(sorted(known))}")
    for name, kinds in (("steps", (int,)), ("seed", (int,)), ("guidance", (int, float))):
        value = content.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise InvalidOption(f"{name} must be a number, not {value!r}")
    if content.get("steps", 1) > 1000 or content.get("seed", 0) >= 2**63:
        raise InvalidOption("steps must be at most 1,000, and seed below 2^63")
    return replace(settings_of(find_model(model).sampling), model=model, **content)


def read_whole(content: Mapping[str, Any], name: str, usual: int | None = None) -> int:
    """The whole number called `name`."""
    value = content.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidOption(f"{name} must be a whole number, not {value!r}")
    return value


def read_text(content: Mapping[str, Any], name: str) -> str:
    """The text called `name`."""
    value = content.get(name)
    if not isinstance(value, str):
        raise InvalidOption(f"{name} must be a text, not {value!r}")
    return value


def version(document: Document, current: Version, colors: dict[str, str]) -> dict[str, Any]:
    """A layout, and the file that it is in."""
    return {
        "file": None if document.path is None else str(document.path),
        "suggested": document.suggested,
        "folder": str(document.folder),
        "revision": current.revision,
        "rewritten": current.rewritten,
        "layout": layout_to_dict(current.layout),
        "colors": colors,
    }


def model(info: ModelInfo, name: str | None, colors: dict[str, str]) -> dict[str, Any]:
    """What the page warns of while boxes are drawn."""
    prior, settings = info.size_prior, settings_of(info.sampling)
    return {
        "name": name or "the small model in the package",
        "argument": name,
        "labels": None if info.labels is None else list(info.labels),
        "window": info.window,
        "smallest": prior.smallest,
        "largest": None if math.isinf(prior.largest) else prior.largest,
        "aspect": list(prior.aspect),
        "grid": prior.grid,
        "steps": settings.steps,
        "guidance": settings.guidance,
        "colors": colors,
    }


def colors(labels: Mapping[str, Color]) -> dict[str, str]:
    """The colour of each label as a page writes it."""
    return {label: "#{:02x}{:02x}{:02x}".format(*color) for label, color in labels.items()}


def instance(one: Instance) -> dict[str, Any]:
    """An instance as a layout file has it."""
    return {"label": one.label, "xyxy": list(one.box.xyxy)}


def evaluated(box: GalleryBox) -> dict[str, Any]:
    """What became of a box."""
    return instance(box.instance) | {
        "outcome": box.outcome,
        "iou": box.iou,
        "score": None if box.found is None else box.found.score,
        "found": None if box.found is None else box.found.label,
    }


def progress(event: Progress) -> dict[str, Any]:
    """A step, with its preview as a URL."""
    preview = None
    if event.preview is not None:
        buffer = io.BytesIO()
        event.preview.save(buffer, "JPEG", quality=80)
        preview = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return {
        "kind": "step",
        "number": event.number,
        "step": event.step,
        "steps": event.steps,
        "preview": preview,
    }
