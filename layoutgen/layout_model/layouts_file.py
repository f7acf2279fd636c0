"""Layouts drawn from a model as a COCO json without images, with the model; any reader of COCO takes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from layoutgen.domain.layout import Layout
from layoutgen.formats.coco import write_coco
from layoutgen.io.files import saving
from layoutgen.layout_model.model import LayoutModel
from layoutgen.layout_model.wire import FIELD, model_to_dict

MARK = b"Layouts without images, drawn by layoutgen from a layout model"
"""What a file of layouts says near its beginning."""


def write_layouts(path: Path, layouts: Sequence[Layout], model: LayoutModel, drawn: dict[str, Any]) -> None:
    """Write `layouts` to `path` with the `model` that they are from, and how they were `drawn`.

    Raises:
        CannotSave: the file cannot be written.
    """
    names = [f"layout_{number:06d}.png" for number in range(1, len(layouts) + 1)]
    about = {"description": MARK.decode(), "drawn": drawn}
    parameters = model_to_dict(model)
    about[FIELD] = f"version {parameters['version']}, at the end"  # to be found without reading the file
    with saving(str(path), path.parent):
        write_coco(path, list(zip(names, layouts, strict=True)), info=about, extra={FIELD: parameters})
