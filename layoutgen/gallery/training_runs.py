"""The folder of a training run, as ``layoutgen train`` writes it while it learns."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from layoutgen.errors import InvalidFile
from layoutgen.gallery.records import TrainingHistory
from layoutgen.io.files import parse_json_object, read_text

_METRICS = "metrics.jsonl"
_SHEET = re.compile(r"images-(\d+)\.png")


def is_training_run(path: Path) -> bool:
    """Whether the folder at `path` is one of ``layoutgen train`` that has noted something."""
    return (path / "config.yaml").is_file() and (path / _METRICS).is_file()


def read_training_run(path: Path) -> TrainingHistory:
    """What the run in the folder `path` has noted so far; its last line may still be being written.

    Raises:
        InvalidFile: it noted nothing, or something else than metrics.
    """
    file = path / _METRICS
    lines = read_text(file).split("\n")
    metrics = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and number < len(lines):  # the last one ends without a new line
            metrics.append(_numbers(parse_json_object(file, line, where=f"line {number}")))
    if not all("images" in line for line in metrics):
        raise InvalidFile(file, "a line has no number of images", remedy="is it of `layoutgen train`?")
    found = [
        (match, sheet) for sheet in path.glob("samples/*.png") if (match := _SHEET.fullmatch(sheet.name))
    ]
    sheets = sorted((int(match[1]), sheet) for match, sheet in found)
    return TrainingHistory(path.resolve().name, tuple(metrics), tuple(sheets))


def _numbers(line: dict[str, Any]) -> dict[str, float | None]:
    """The finite numbers of a line; None for what is no number."""
    return {
        key: value if isinstance(value, (int, float)) and math.isfinite(value) else None
        for key, value in line.items()
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
    }
