"""A training run from its options: open the data, make or load the model, train, leave a run folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import yaml

from layoutgen import __version__
from layoutgen.dataset import LayoutDataset, open_dataset
from layoutgen.errors import InvalidOption, OutputExists
from layoutgen.formats.files import replacing
from layoutgen.models import find_model
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling import load_pipeline
from layoutgen.training.adapt import adapt
from layoutgen.training.config import TrainConfig, read_options
from layoutgen.training.loop import Progress, train
from layoutgen.training.scratch import ScratchConfig, build

_MAY_CHANGE = ("images", "save_every", "workers")  # of a run that is continued


def start(
    data: Path,
    output: Path,
    config: TrainConfig,
    *,
    model: str | None = None,
    scratch: ScratchConfig | None = None,
    device: str | None = None,
    max_seconds: float | None = None,
    report: Callable[[str], None] = lambda message: None,
) -> Iterator[Progress]:
    """Start the run in the folder `output`, or continue the one that is there.

    Raises:
        InvalidOption: options that do not go together, or not with the run that is continued.
        OutputExists: the folder holds something else.
    """
    if device not in (None, "cpu", "cuda"):
        raise InvalidOption(
            f"--device must be cpu or cuda, not {device}: accelerate gives each process its GPU"
        )
    if (model is None) == (scratch is None):
        raise InvalidOption("pass --model to fine-tune, or --from-scratch for a new small model (not both)")
    _check_folder(output, config, model, scratch)
    dataset = open_dataset(data, resolution=config.resolution, seed=config.seed)
    if (output / "model" / "model_index.json").is_file():
        report(f"continuing {output}")
        pipeline = load_pipeline(str(output / "model"), device, "fp32")
    elif scratch is not None:
        pipeline = _from_scratch(scratch, dataset, config, report)
    else:
        pipeline = load_pipeline(find_model(model).source, device, "fp32")
        adapt(pipeline, config.methods, config.encoding)
    _write_config(output, config, model, scratch)
    yield from train(pipeline, dataset, config, output, max_seconds=max_seconds, cpu=device == "cpu")


def _from_scratch(
    scratch: ScratchConfig, dataset: LayoutDataset, config: TrainConfig, report: Callable[[str], None]
) -> LayoutPipeline:
    if not config.train_text_encoder:
        raise InvalidOption("a model from scratch has an untrained text encoder: pass --train-text-encoder")
    if scratch.window != config.resolution:
        raise InvalidOption(
            f"--resolution {config.resolution} must be the window of the new model, {scratch.window}"
        )
    parts = build(scratch, dataset, config.methods, config.encoding, seed=config.seed, report=report)
    return LayoutPipeline(
        parts.vae, parts.text_encoder, parts.tokenizer, parts.unet, parts.scheduler, parts.layout_encoder
    )


def _check_folder(
    output: Path, config: TrainConfig, model: str | None, scratch: ScratchConfig | None
) -> None:
    """Refuse a folder that is no run, or a run with other options."""
    file = output / "config.yaml"
    if not file.is_file():
        if output.is_dir() and any(output.iterdir()):
            raise OutputExists(f"{output} holds something that is no training run; choose another --output")
        return
    before, now = yaml.safe_load(file.read_text()), _content(config, model, scratch)
    for key, value in now.items():
        if key not in (*_MAY_CHANGE, "versions") and before.get(key) != value:
            raise InvalidOption(
                f"{output} was trained with {key} {before.get(key)}, not {value}: "
                "pass the same options to continue it, or another --output"
            )


def _content(config: TrainConfig, model: str | None, scratch: ScratchConfig | None) -> dict[str, object]:
    content: dict[str, object] = {
        k: list(v) if isinstance(v, tuple) else v for k, v in asdict(config).items()
    }
    shape = None if scratch is None else asdict(scratch) | {"channels": list(scratch.channels)}
    return content | {"model": model, "from_scratch": shape}


def _write_config(
    output: Path, config: TrainConfig, model: str | None, scratch: ScratchConfig | None
) -> None:
    """Keep what the run was told, and by which versions it is trained."""
    names = ("torch", "diffusers", "transformers", "accelerate")
    versions = {"layoutgen": __version__, "python": sys.version.split()[0]}
    versions |= {name: version(name) for name in names}
    with replacing(output / "config.yaml") as aside:
        aside.write_text(
            yaml.safe_dump(_content(config, model, scratch) | {"versions": versions}, sort_keys=False)
        )


def read_scratch(path: Path) -> ScratchConfig:
    """The shape of a new model from a YAML file.

    Raises:
        InvalidFile: it has unknown keys.
    """
    return ScratchConfig(**read_options(path, ScratchConfig))
