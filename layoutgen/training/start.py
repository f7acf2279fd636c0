"""The model that a run begins with: a checkpoint, or a new one, built once and kept in the run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from layoutgen.additions import NOTHING_ADDED, Additions
from layoutgen.data.dataset import LayoutDataset
from layoutgen.errors import InvalidOption
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling.run import load_pipeline
from layoutgen.training.checkpoint import saving
from layoutgen.training.config import ScratchConfig
from layoutgen.training.run_config import plain
from layoutgen.training.run_folder import RunFolder
from layoutgen.training.scratch import build_model
from layoutgen.training.settings_file import read_mapping
from layoutgen.training.snapshot import write_model
from layoutgen.training.start_info import not_a_multiple
from layoutgen.training.waiting import Waiting, no_waiting

_SETTINGS = "built_from.yaml"

Report = Callable[[str], None]


@dataclass(frozen=True)
class StartModel:
    """The model that a run begins with: what is known of it before it is built, and how to get it.

    Attributes:
        multiple: sides of its images are multiples of this many pixels.
        get: loads or builds it.
    """

    multiple: int
    get: Callable[[], LayoutPipeline]

    def check_resolution(self, resolution: int) -> None:
        """Refuse images whose sides the U-Net cannot halve level by level.

        Raises:
            InvalidOption: names the nearest resolution that it can.
        """
        if resolution % self.multiple:
            raise InvalidOption(not_a_multiple(resolution, self.multiple))


def start_from_checkpoint(
    source: str, device: str | None, additions: Additions = NOTHING_ADDED
) -> StartModel:
    """The checkpoint at `source`: a folder or a hub id.

    Raises:
        InvalidOption: it cannot be loaded.
    """
    pipeline = _load(source, device, additions)
    return StartModel(pipeline.backbone.size_multiple, lambda: pipeline)


def start_from_scratch(
    shape: ScratchConfig,
    folder: RunFolder,
    open_data: Callable[[], LayoutDataset],
    device: str | None,
    *,
    dry_run: bool,
    report: Report,
    waiting: Waiting,
) -> StartModel:
    """A new model of `shape`, or the one that an earlier start of the same run built.

    Args:
        dry_run: write nothing, and do not fit the autoencoder.
    """

    def build(shape: ScratchConfig, waiting: Waiting = no_waiting) -> LayoutPipeline:
        config = folder.config
        methods = tuple(dict.fromkeys(config.methods))
        return build_model(
            shape, open_data(), methods, config.encoding, seed=config.seed,
            residual_tokens=config.residual_tokens, waiting=waiting,
        )  # fmt: skip

    def get() -> LayoutPipeline:
        start = folder.path / "start"
        settings = plain(
            {key: folder.origin[key] for key in ("from_scratch", "data")}
            | {key: getattr(folder.config, key) for key in ("methods", "encoding", "residual_tokens", "seed")}
        )
        # A command that failed may have left the model of other settings there.
        if not _was_built_from(settings, start):
            if dry_run:
                return build(replace(shape, autoencoder_images=1, autoencoder_steps=0))
            with saving(start, folder.checkpoints):
                report(f"fitting the autoencoder to {shape.autoencoder_images} examples")
                write_model(build(shape, waiting), start, {_SETTINGS: yaml.safe_dump(settings)})
        return _load(str(start), device)

    return StartModel(shape.multiple, get)


def _was_built_from(settings: dict[str, Any], folder: Path) -> bool:
    file = folder / _SETTINGS
    # Earlier ones do not say how tokens are made, as there was one way.
    return file.is_file() and {"residual_tokens": False, **read_mapping(file)} == settings


def _load(source: str, device: str | None, additions: Additions = NOTHING_ADDED) -> LayoutPipeline:
    return load_pipeline(source, None if device is None else "cpu", "fp32", additions)
