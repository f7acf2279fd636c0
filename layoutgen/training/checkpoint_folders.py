"""The folders of checkpoints, by their names: how far a run is, without reading what is in them."""

from __future__ import annotations

from pathlib import Path

PREFIX = "images-"


def images_done(folder: Path) -> int:
    """After how many examples the newest of the checkpoints in `folder` was written; 0 if there is none."""
    paths = checkpoint_folders(folder)
    return images_of(paths[-1]) if paths else 0


def checkpoint_folders(folder: Path) -> list[Path]:
    """The complete checkpoints in `folder`, the newest last."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if path.is_dir())


def images_of(path: Path) -> int:
    """After how many examples the checkpoint `path` was written."""
    return int(path.name.removeprefix(PREFIX))
