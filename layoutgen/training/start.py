"""The model that a run begins with: a checkpoint, or a new one, built once and kept in the run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from layoutgen.additions import NOTHING_ADDED, Additions
from layoutgen.data.dataset import LayoutDataset
from layoutgen.domain.size_prior import SizePrior
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.model_info import find_model
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling.run import load_pipeline
from layoutgen.training.checkpoint import saving
from layoutgen.training.config import ScratchConfig, TrainConfig, read_settings
from layoutgen.training.run_folder import RunFolder, plain
from layoutgen.training.scratch import build_model
from layoutgen.training.snapshot import write_model

_SETTINGS = "built_from.yaml"

Report = Callable[[str], None]


@dataclass(frozen=True)
class StartModel:
    """The model that a run begins with: what is known of it before it is built, and how to get it.

    Attributes:
        multiple: sides of its images are multiples of this many pixels.
        size_prior: the boxes that it draws well.
        labels: the labels that it knows already; None: any text.
        get: loads or builds it.
    """

    multiple: int
    size_prior: SizePrior
    labels: tuple[str, ...] | None
    get: Callable[[], LayoutPipeline]

    def check_resolution(self, resolution: int) -> None:
        """Refuse images whose sides the U-Net cannot halve level by level.

        Raises:
            InvalidOption: names the nearest resolution that it can.
        """
        if resolution % self.multiple:
            nearest = max(1, round(resolution / self.multiple)) * self.multiple
            problem = f"`resolution` {resolution} must be a multiple of {self.multiple} for this model"
            raise InvalidOption(f"{problem}: pass {nearest}")


def check_start(
    config: TrainConfig,
    model: str | None,
    from_scratch: ScratchConfig | None,
    additions: Additions = NOTHING_ADDED,
) -> None:
    """Refuse settings that do not go with the model that a run begins with.

    Raises:
        InvalidOption: says which, and what to pass instead.
    """
    if from_scratch is not None and additions != NOTHING_ADDED:
        raise InvalidOption("`vae`, `lora`, `embedding` and `clip_skip` change a checkpoint: pass `model`")
    if (model is None) == (from_scratch is None):
        raise InvalidOption("pass `model` to fine-tune, or `from_scratch` for a new small model (not both)")
    if from_scratch is None:
        return
    if config.few_steps:
        raise InvalidOption("`few_steps` distils a trained model: pass `model` instead of `from_scratch`")
    if config.lora_rank:
        raise InvalidOption("`lora_rank` adapts a trained model: leave it out with `from_scratch`")
    if not config.train_text_encoder:
        raise InvalidOption("a model from scratch has an untrained text encoder: pass `train_text_encoder`")
    if from_scratch.window != config.resolution:
        raise InvalidOption(
            f"`resolution` {config.resolution} must be the window of the new model, {from_scratch.window}"
        )


def start_from_checkpoint(name: str, device: str | None, additions: Additions = NOTHING_ADDED) -> StartModel:
    """The checkpoint called `name`: a folder, a run of ours or a hub id.

    Raises:
        InvalidOption: there is no such model, or it cannot be trained.
    """
    pipeline = _load(find_model(name).source, device, additions)
    labels = () if pipeline.layout_encoder is None else pipeline.layout_encoder.config.labels
    known = None if pipeline.layout_encoder is None or labels is None else tuple(labels)
    return StartModel(pipeline.backbone.size_multiple, pipeline.size_prior, known, lambda: pipeline)


def start_from_scratch(
    shape: ScratchConfig,
    folder: RunFolder,
    open_data: Callable[[], LayoutDataset],
    device: str | None,
    *,
    dry_run: bool,
    report: Report,
) -> StartModel:
    """A new model of `shape`, or the one that an earlier start of the same run built.

    Args:
        dry_run: write nothing, and do not fit the autoencoder.
    """

    def build(shape: ScratchConfig, report: Report = lambda message: None) -> LayoutPipeline:
        config = folder.config
        methods = tuple(dict.fromkeys(config.methods))
        return build_model(shape, open_data(), methods, config.encoding, seed=config.seed, report=report)

    def get() -> LayoutPipeline:
        start = folder.path / "start"
        settings = plain(
            {key: folder.origin[key] for key in ("from_scratch", "data")}
            | {key: getattr(folder.config, key) for key in ("methods", "encoding", "seed")}
        )
        # A command that failed may have left the model of other settings there.
        if not _was_built_from(settings, start):
            if dry_run:
                return build(replace(shape, autoencoder_images=1, autoencoder_steps=0))
            with saving(start, folder.checkpoints):
                write_model(build(shape, report), start, {_SETTINGS: yaml.safe_dump(settings)})
        return _load(str(start), device)

    return StartModel(shape.multiple, shape.size_prior, (), get)


def read_shape(path: Path) -> ScratchConfig:
    """The shape of a new model from a YAML file.

    Raises:
        InvalidFile: it has unknown keys, or no model can have this shape.
    """
    try:
        return ScratchConfig(**read_settings(path, ScratchConfig))
    except InvalidOption as error:
        raise InvalidFile(path, str(error)) from error


def _was_built_from(settings: dict[str, Any], folder: Path) -> bool:
    file = folder / _SETTINGS
    return file.is_file() and bool(yaml.safe_load(file.read_text(encoding="utf-8")) == settings)


def _load(source: str, device: str | None, additions: Additions = NOTHING_ADDED) -> LayoutPipeline:
    return load_pipeline(source, None if device is None else "cpu", "fp32", additions)
