"""Checkpoints that a kill cannot break: written aside, flushed, then renamed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch

_PREFIX = "images-"


def save(folder: Path, images: int, state: dict[str, Any], *, keep: int = 2) -> Path:
    """Write `state` as ``images-N.pt`` in `folder` and remove all but the newest `keep`.

    Raises:
        OSError: the disk is full; earlier checkpoints are untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_PREFIX}{images:010d}.pt"
    aside = path.with_suffix(".partial")
    try:
        with aside.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    for old in _all(folder)[:-keep]:
        old.unlink()
    return path


def load_latest(folder: Path) -> dict[str, Any] | None:
    """The newest complete checkpoint in `folder`, or None."""
    paths = _all(folder)
    return torch.load(paths[-1], map_location="cpu", weights_only=True) if paths else None


def replace_folder(new: Path, target: Path) -> None:
    """Put the folder `new` in the place of `target`; at every moment one of them is there whole."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _all(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_PREFIX}*.pt"))
