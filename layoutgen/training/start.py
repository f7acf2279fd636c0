"""The model that a run begins with: a checkpoint, or a new one, made once and kept in the run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from layoutgen.data.dataset import LayoutDataset
from layoutgen.domain.size_prior import SizePrior
from layoutgen.model_info import find_model
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling.run import load_pipeline
from layoutgen.training.checkpoint import saving
from layoutgen.training.checks import check_shape
from layoutgen.training.config import read_options
from layoutgen.training.export import write_model
from layoutgen.training.folder import RunFolder, plain
from layoutgen.training.scratch import ScratchConfig, build

_MADE_OF = "made_of.yaml"

Report = Callable[[str], None]


@dataclass(frozen=True)
class Start:
    """What is known of the model before it is made, and how it is made.

    Attributes:
        multiple: of what the sides of its images must be a multiple, in pixels.
        size_prior: the boxes that it draws well.
        labels: that it knows already; None: any text.
    """

    multiple: int
    size_prior: SizePrior
    labels: tuple[str, ...] | None
    make: Callable[[], LayoutPipeline]


def from_checkpoint(name: str, device: str | None) -> Start:
    """The checkpoint called `name`: a folder, a run of ours or a hub id.

    Raises:
        InvalidOption: there is no such model.
    """
    pipeline = _load(find_model(name).source, device)
    labels = () if pipeline.layout_encoder is None else pipeline.layout_encoder.config.labels
    known = None if pipeline.layout_encoder is None or labels is None else tuple(labels)
    return Start(pipeline.backbone.size_multiple, pipeline.size_prior, known, lambda: pipeline)


def from_scratch(
    shape: ScratchConfig,
    folder: RunFolder,
    opened: Callable[[], LayoutDataset],
    device: str | None,
    *,
    dry: bool,
    report: Report,
) -> Start:
    """A new model of `shape`, or the one that an earlier start of the same run made.

    Args:
        dry: write nothing, and do not fit the autoencoder.
    """

    def make() -> LayoutPipeline:
        start = folder.path / "start"
        made_of = plain(
            {key: folder.origin[key] for key in ("from_scratch", "data")}
            | {key: getattr(folder.config, key) for key in ("methods", "encoding", "seed")}
        )
        if _is_made(start, made_of):
            return _load(str(start), device)
        if dry:
            return _build(replace(shape, autoencoder_images=1, autoencoder_steps=0), folder, opened)
        with saving(start, folder.checkpoints):
            write_model(_build(shape, folder, opened, report), start, {_MADE_OF: yaml.safe_dump(made_of)})
        return _load(str(start), device)

    multiple = shape.patch_size * 2 ** (len(shape.channels) - 1)
    return Start(multiple, shape.size_prior, (), make)


def _is_made(start: Path, made_of: dict[str, object]) -> bool:
    """Whether `start` holds the model; a command that failed may have left another one there."""
    note = start / _MADE_OF
    if note.is_file():
        return bool(yaml.safe_load(note.read_text(encoding="utf-8")) == made_of)
    return (
        start.is_dir() and (start.parent / "config.yaml").is_file()
    )  # of a run from before there were notes


def _build(
    shape: ScratchConfig,
    folder: RunFolder,
    opened: Callable[[], LayoutDataset],
    report: Report = lambda message: None,
) -> LayoutPipeline:
    config = folder.config
    methods = tuple(dict.fromkeys(config.methods))
    parts = build(shape, opened(), methods, config.encoding, seed=config.seed, report=report)
    return LayoutPipeline(
        parts.vae, parts.text_encoder, parts.tokenizer, parts.unet, parts.scheduler, parts.layout_encoder
    )


def _load(source: str, device: str | None) -> LayoutPipeline:
    return load_pipeline(source, None if device is None else "cpu", "fp32")


def read_scratch(path: Path) -> ScratchConfig:
    """The shape of a new model from a YAML file.

    Raises:
        InvalidFile: it has unknown keys.
        InvalidOption: no model can have this shape.
    """
    shape = ScratchConfig(**read_options(path, ScratchConfig))
    check_shape(shape)
    return shape
