"""A training run from its options: open the data, make or load the model, train, leave a run folder."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import yaml
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.tracking import get_available_trackers
from torch.utils.data import Dataset

from layoutgen import __version__
from layoutgen.dataset import Example, LayoutDataset, open_dataset
from layoutgen.errors import InvalidOption, OutputExists
from layoutgen.formats import read_layouts
from layoutgen.formats.files import replacing
from layoutgen.layout import Layout
from layoutgen.models import find_model
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling import load_pipeline
from layoutgen.training.adapt import adapt
from layoutgen.training.config import TrainConfig, read_options
from layoutgen.training.denoiser import Denoiser, Part, choose_trained
from layoutgen.training.export import write_model
from layoutgen.training.latents import cache_captions, cache_latents
from layoutgen.training.loop import Progress, train
from layoutgen.training.plan import Plan, make_plan
from layoutgen.training.scratch import ScratchConfig, build

# Of a run that is continued: what changes neither the examples nor what is learnt from them.
_MAY_CHANGE = (
    "images", "micro_batch", "save_every", "keep_checkpoints", "report_every", "validation", "tracker",
    "workers", "gradient_checkpointing", "compile",
)  # fmt: skip
_VALIDATION = 4  # layouts of the data that are painted when no file names others
_PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "numpy", "pillow")

Report = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A run that is ready to start, or to be continued.

    Attributes:
        parts: what is trained, and what is frozen.
        validation: the layouts that are painted on the way.
    """

    folder: Path
    config: TrainConfig
    origin: dict[str, Any]
    pipeline: LayoutPipeline
    denoiser: Denoiser
    parts: list[Part]
    dataset: LayoutDataset
    data: Path
    validation: tuple[Layout, ...]
    accelerator: Accelerator

    def plan(self) -> Plan:
        """What the run is going to do; nothing is written."""
        return make_plan(
            self.pipeline, self.denoiser, self.parts, self.dataset, self.config, self.accelerator
        )

    def start(
        self, *, max_seconds: float | None = None, report: Report = lambda message: None
    ) -> Iterator[Progress]:
        """Train, from the last checkpoint on if there is one.

        Raises:
            CannotSave: the disk is full; the last checkpoint is untouched.
        """
        if self.accelerator.is_main_process:
            _write_yaml(self.folder / "config.yaml", _options(self.config))
            _write_yaml(self.folder / "origin.yaml", self.origin | {"versions": _versions()})
        if self.config.tracker is not None:
            settings = {
                k: v if isinstance(v, (int, float, str, bool)) else str(v)
                for k, v in _options(self.config).items()
            }
            self.accelerator.init_trackers("layoutgen", settings)
        with self.accelerator.main_process_first():
            examples = self._examples(report)
        yield from train(
            self.pipeline, self.denoiser, self.dataset, examples, self.config, self.folder, self.accelerator,
            validation=self.validation, max_seconds=max_seconds,
        )  # fmt: skip
        self.accelerator.end_training()

    def _examples(self, report: Report) -> Dataset[Example]:
        """The examples, encoded once if asked for."""
        if not self.config.cache_latents:
            return self.dataset
        self.pipeline.vae.to(self.accelerator.device)
        if not self.config.train_text_encoder:
            cached = cache_captions(self.pipeline, self.dataset, self.data, report)
            for method in self.denoiser.methods:
                method.text_encoder = cached
        return cache_latents(self.pipeline, self.dataset, self.data, report)


def prepare_run(
    data: Path,
    output: Path,
    config: TrainConfig,
    *,
    model: str | None = None,
    scratch: ScratchConfig | None = None,
    device: str | None = None,
    report: Report = lambda message: None,
) -> Run:
    """Prepare a run in the folder `output`, or the continuation of the one that is there.

    Raises:
        InvalidOption: options that do not go together, or not with the run that is continued.
        OutputExists: the folder holds something else.
    """
    _check(config, model, scratch, device)
    origin = {"model": model, "from_scratch": None if scratch is None else _plain(asdict(scratch))}
    _check_folder(output, _options(config) | origin)
    accelerator = _accelerator(config, output, cpu=device == "cpu")
    step_size = config.batch_size * accelerator.num_processes
    opened = partial(open_dataset, data, seed=config.seed, resolution=config.resolution)
    if scratch is not None:
        with accelerator.main_process_first():
            if not (output / "start").is_dir():
                write_model(_from_scratch(scratch, opened(), config, report), output / "start")
    source = str(output / "start") if scratch is not None else find_model(model).source
    pipeline = load_pipeline(source, None if device is None else "cpu", "fp32")
    torch.manual_seed(config.seed)  # of what `adapt` and the adapters add
    adapt(pipeline, config.methods, config.encoding, location_tokens=config.train_text_encoder)
    multiple = pipeline.factor * 2 ** (len(pipeline.unet.config.block_out_channels) - 1)
    if config.resolution % multiple:
        raise InvalidOption(
            f"--resolution {config.resolution} must be a multiple of {multiple} for this model"
        )
    dataset = opened(
        multiple=multiple if config.aspect_buckets else None,
        group=step_size,
        fixed_crops=config.cache_latents,
    )
    if config.cache_latents and dataset.sources[0].path is None:
        raise InvalidOption(
            f"--cache-latents needs a fixed set of images, and {data} makes new scenes: leave it out"
        )
    made = {
        name: pipeline.method(name, config.encoding if name == "text2img" else None)
        for name in config.methods
    }
    denoiser = Denoiser(pipeline, [made[name] for name in config.methods])
    parts = choose_trained(pipeline, denoiser, config)
    validation = _validation(config, dataset, pipeline)
    return Run(output, config, origin, pipeline, denoiser, parts, dataset, data, validation, accelerator)


def _check(config: TrainConfig, model: str | None, scratch: ScratchConfig | None, device: str | None) -> None:
    """Refuse what cannot work, before anything is loaded."""
    if device not in (None, "cpu", "cuda"):
        raise InvalidOption(
            f"--device must be cpu or cuda, not {device}: accelerate gives each process its GPU"
        )
    cuda = torch.cuda.is_available() and device != "cpu"
    if device == "cuda" and not cuda:
        raise InvalidOption("--device cuda: this machine has no CUDA device; leave it out, or use cpu")
    if config.mixed_precision == "fp16" and not cuda:
        raise InvalidOption("--mixed-precision fp16 needs a CUDA device: use bf16 or no on the CPU")
    if (model is None) == (scratch is None):
        raise InvalidOption("pass --model to fine-tune, or --from-scratch for a new small model (not both)")
    if config.lora_rank and scratch is not None:
        raise InvalidOption("--lora-rank adapts a trained model: leave it out with --from-scratch")
    _check_packages(config)
    if scratch is not None and not config.train_text_encoder:
        raise InvalidOption("a model from scratch has an untrained text encoder: pass --train-text-encoder")
    if scratch is not None and scratch.window != config.resolution:
        raise InvalidOption(
            f"--resolution {config.resolution} must be the window of the new model, {scratch.window}"
        )


def _check_packages(config: TrainConfig) -> None:
    """Refuse options whose package is not installed."""
    if config.lora_rank and importlib.util.find_spec("peft") is None:
        raise InvalidOption("--lora-rank needs the package peft: pip install -c constraints.txt '.[train]'")
    if config.optimizer == "adamw8bit" and importlib.util.find_spec("bitsandbytes") is None:
        raise InvalidOption("--optimizer adamw8bit needs the package bitsandbytes: pip install bitsandbytes")
    known = [tracker.value for tracker in get_available_trackers()]
    if config.tracker is not None and config.tracker not in known:
        installed = ", ".join(known) or "none"
        raise InvalidOption(f"--tracker {config.tracker} is unknown or not installed; installed: {installed}")


def _accelerator(config: TrainConfig, output: Path, *, cpu: bool) -> Accelerator:
    """Accelerate's launcher and its configuration decide on processes, FSDP and DeepSpeed."""
    AcceleratorState._reset_state()  # a process may train twice, by other settings
    AcceleratorState._reset_state()  # a process may train twice, by other settings
    accelerator = Accelerator(
        cpu=cpu,
        mixed_precision=config.mixed_precision,
        log_with=config.tracker,
        project_dir=str(output),
        # A step uses one method, so the other one's parameters get no gradient in it.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    plugin = getattr(accelerator.state, "deepspeed_plugin", None)
    if plugin is not None:
        if config.micro_batch not in (0, config.batch_size):
            raise InvalidOption("--micro-batch does not go with DeepSpeed: pass a smaller --batch-size")
        plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = config.batch_size
    return accelerator


def _from_scratch(
    scratch: ScratchConfig, dataset: LayoutDataset, config: TrainConfig, report: Report
) -> LayoutPipeline:
    methods = tuple(dict.fromkeys(config.methods))
    parts = build(scratch, dataset, methods, config.encoding, seed=config.seed, report=report)
    return LayoutPipeline(
        parts.vae, parts.text_encoder, parts.tokenizer, parts.unet, parts.scheduler, parts.layout_encoder
    )


def _validation(config: TrainConfig, dataset: LayoutDataset, pipeline: LayoutPipeline) -> tuple[Layout, ...]:
    """The layouts of the contact sheets."""
    if not config.report_every:
        return ()
    if config.validation is None:
        return tuple(dataset[k].layout.clip() for k in range(_VALIDATION))
    layouts = tuple(islice(read_layouts(Path(config.validation), smallest=pipeline.smallest), 8))
    method = pipeline.method(config.methods[0])
    for layout in layouts:
        pipeline.check(layout, method)
    return layouts


def _check_folder(output: Path, now: dict[str, Any]) -> None:
    """Refuse a folder that is no run, or a run with other options."""
    file = output / "config.yaml"
    if not file.is_file():
        others = [p.name for p in output.iterdir() if p.name != "start"] if output.is_dir() else []
        if any(not name.startswith(".") for name in others):
            raise OutputExists(f"{output} holds something that is no training run; choose another --output")
        return
    before = yaml.safe_load(file.read_text(encoding="utf-8"))
    origin = output / "origin.yaml"
    if origin.is_file():
        before |= yaml.safe_load(origin.read_text(encoding="utf-8"))
    else:  # killed between the two
        before |= {key: now[key] for key in ("model", "from_scratch")}
    allowed = _MAY_CHANGE if now["schedule"] == "constant" else _MAY_CHANGE[1:]
    for key, value in now.items():
        if key not in allowed and before.get(key) != value:
            raise InvalidOption(
                f"{output} was trained with {key} {before.get(key)}, not {value}: "
                "pass the same options to continue it, or another --output"
            )


def _options(config: TrainConfig) -> dict[str, Any]:
    return _plain(asdict(config))


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """With lists for tuples, as YAML writes and reads them."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in content.items()}


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    with replacing(path) as aside:
        aside.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _versions() -> dict[str, str]:
    """By what the run is trained: packages, and the commit if layoutgen runs from a checkout."""
    versions = {"layoutgen": __version__, "python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return versions
    return versions | ({"commit": found.stdout.strip()} if found.returncode == 0 else {})


def read_scratch(path: Path) -> ScratchConfig:
    """The shape of a new model from a YAML file.

    Raises:
        InvalidFile: it has unknown keys.
    """
    return ScratchConfig(**read_options(path, ScratchConfig))
