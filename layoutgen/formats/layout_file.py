"""The layout file: a canvas, a prompt and instances, in YAML or JSON, by hand or by a program.

    canvas: {width: 1024, height: 1024}
    prompt: a meadow on a sunny day, photo
    units: pixels                  # or fraction: of the width and height of the canvas
    seed: 0                        # where groups go; without it, the seed of the command
    instances:
      - {label: dog, xyxy: [40, 60, 180, 220]}
      - {label: cat, xywh: [300, 80, 90, 110]}
      - {label: dog, count: 40, size: [60, 110], arrange: scatter}     # size: of the longer side

Groups are arranged in what the hand-placed boxes leave free. In fractions, a group's `size` is measured by
the shorter side of the canvas. `aspect: [0.6, 1.0]` asks for boxes of that width / height.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from layoutgen.domain.layout import Layout
from layoutgen.domain.requests import LayoutRequest
from layoutgen.formats.entries import Entries, Lines
from layoutgen.formats.instances import read_instances
from layoutgen.formats.marked_yaml import parse_marked_yaml, read_marked_yaml, write_plain_yaml
from layoutgen.io.files import STANDARD_INPUT, STANDARD_INPUT_NAME, read_json, read_text

_FIELDS = ("canvas", "prompt", "negative_prompt", "units", "seed", "instances")
_CANVAS = "write canvas: {width: 512, height: 512}"


def read_layout(path: Path) -> LayoutRequest:
    """What the file at `path`, in YAML or JSON, asks for; ``-``: standard input.

    Raises:
        InvalidFile: names the line of YAML, the field and what to do.
    """
    if path.suffix.lower() == ".json":
        return request_from_dict(read_json(path), path=path)
    if path != STANDARD_INPUT:
        return read_yaml(path)
    text, shown = read_text(path), Path(STANDARD_INPUT_NAME)
    try:
        content, lines = json.loads(text), None
    except ValueError:
        content, lines = parse_marked_yaml(text, shown)
    return request_from_dict(content, path=shown, lines=lines)


def read_yaml(path: Path) -> LayoutRequest:
    """What the YAML file at `path` asks for.

    Raises:
        InvalidFile: names the line, the field and what to do.
    """
    content, lines = read_marked_yaml(Path(path))
    return request_from_dict(content, path=path, lines=lines)


def request_from_dict(
    content: Any, *, path: Path | str = "layout", lines: Lines | None = None, inside: bool = True
) -> LayoutRequest:
    """What `content`, the values of a layout file, asks for; see :func:`read_layout`.

    Errors name `path` and the place, with its line if `lines` has it. Only if not `inside`, boxes may lie
    outside the canvas.
    """
    file = Entries(Path(path), content, lines or {})
    file.only(content, "", _FIELDS)
    layout, groups = read_instances(file, _canvas(file), inside=inside)
    seed = file.whole(content, "", "seed", least=0) if "seed" in content else None
    return LayoutRequest(layout, tuple(groups), seed)


def layout_to_dict(layout: Layout) -> dict[str, Any]:
    """The values of a layout file in which every box stands where it is, in pixels."""
    content: dict[str, Any] = {"canvas": {"width": layout.width, "height": layout.height}}
    prompts = {"prompt": layout.prompt, "negative_prompt": layout.negative_prompt}
    content |= {name: text for name, text in prompts.items() if text}
    instances = [
        {"label": i.label, "xyxy": [int(v) if v == int(v) else v for v in i.box.xyxy]}
        for i in layout.instances
    ]
    return content | {"instances": instances}


def write_yaml(path: Path, layout: Layout) -> None:
    """Write `layout` as a layout file; :func:`read_yaml` gives back an equal one, without groups."""
    write_plain_yaml(path, layout_to_dict(layout))


def _canvas(file: Entries) -> Layout:
    """The layout, still without instances."""
    if "canvas" not in file.content:
        raise file.error("", "canvas is missing", _CANVAS)
    canvas = file.only(file.content["canvas"], "canvas", ("width", "height"))
    width, height = (file.whole(canvas, "canvas", key, least=1) for key in ("width", "height"))
    prompts = [
        file.text(file.content, "", key, blank=True) if key in file.content else ""
        for key in ("prompt", "negative_prompt")
    ]
    return Layout(width, height, (), *prompts)
