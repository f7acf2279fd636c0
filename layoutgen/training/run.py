"""A training run from its settings: open the data, build or load the model, train, leave a run folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.tracking import get_available_trackers
from torch import nn
from torch.utils.data import Dataset

from layoutgen.additions import NOTHING_ADDED, Additions
from layoutgen.data.dataset import Example, LayoutDataset, fingerprint, open_dataset
from layoutgen.devices import resolve_device
from layoutgen.domain.layout import Layout
from layoutgen.domain.requests import arrange_request
from layoutgen.errors import DoesNotFit, InvalidOption
from layoutgen.features.networks import load_features
from layoutgen.formats import read_layouts
from layoutgen.io.disk_space import check_space
from layoutgen.model_info import check_labels
from layoutgen.pipeline import LayoutPipeline
from layoutgen.preflight.memory import free_bytes
from layoutgen.training.cached_inputs import ArrayCache, cache_captions, cache_latents
from layoutgen.training.checkpoint import images_done, sharded
from layoutgen.training.config import ScratchConfig, TrainConfig
from layoutgen.training.denoiser import Component, Denoiser, choose_trained
from layoutgen.training.extend_inputs import extend_inputs
from layoutgen.training.few_steps import make_few_step
from layoutgen.training.loop import Progress, train
from layoutgen.training.plan import Plan, make_plan, state_bytes, written_bytes
from layoutgen.training.run_folder import RunFolder, plain
from layoutgen.training.start import StartModel, check_start, start_from_checkpoint, start_from_scratch
from layoutgen.training.teacher import Teacher

_FROM_DATA, _FROM_FILE = 4, 8  # layouts of a contact sheet; at most, of a file that the user names

Report = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A run that is ready to start, or to be continued.

    Attributes:
        components: what is trained, and what is frozen.
        data: folder of `dataset`.
        validation: the layouts of the contact sheets.
        features, teacher: of a distillation.
    """

    folder: RunFolder
    config: TrainConfig
    pipeline: LayoutPipeline
    denoiser: Denoiser
    components: list[Component]
    dataset: LayoutDataset
    data: Path
    validation: tuple[Layout, ...]
    accelerator: Accelerator
    features: nn.Module | None = None
    teacher: Teacher | None = None

    def plan(self) -> Plan:
        """What the run is going to do; nothing is written."""
        return make_plan(
            self.denoiser,
            self.components,
            self.dataset,
            self.config,
            self.accelerator,
            done=images_done(self.folder.checkpoints),
        )

    def start(
        self, *, max_seconds: float | None = None, report: Report = lambda message: None
    ) -> Iterator[Progress]:
        """Train, from the last checkpoint on if there is one.

        Raises:
            OutputExists: another process trains in the folder.
            CannotSave: the disk is full; the last checkpoint is untouched.
            InvalidFile: the last checkpoint is damaged.
            Diverged: the loss is not finite.
        """
        self._check_limits()
        with self.folder.locked() if self.accelerator.is_main_process else nullcontext():
            if self.accelerator.is_main_process:
                self.folder.write()
            self._start_tracker()
            with self.accelerator.main_process_first():
                examples = self._examples(report)
            yield from train(
                self.pipeline, self.denoiser, self.dataset, examples, self.config, self.folder.path,
                self.accelerator, validation=self.validation, features=self.features, teacher=self.teacher,
                max_seconds=max_seconds,
            )  # fmt: skip
            self.accelerator.end_training()

    def _check_limits(self) -> None:
        """Refuse what cannot have room, in memory or on the disk.

        Raises:
            DoesNotFit: weights, gradients and optimizer alone take more memory than there is.
            CannotSave: checkpoints and model take more room than there is.
        """
        if sharded(self.accelerator):  # each process has a part
            return
        needed, device = state_bytes(self.components, self.config), self.accelerator.device
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_bytes()
        if needed > free:
            raise DoesNotFit(
                f"weights, gradients and optimizer take {needed / 2**30:,.1f} GiB of memory, and "
                f"{free / 2**30:,.1f} GiB are free: train adapters with `lora_rank`, or paint no contact "
                "sheets with `report_every` 0"
            )
        check_space(self.folder.path, written_bytes(self.components, self.config), "choose another place")

    def _start_tracker(self) -> None:
        if self.config.tracker is None:
            return
        settings = {
            k: v if isinstance(v, (int, float, str, bool)) else str(v) for k, v in asdict(self.config).items()
        }
        # What a killed run logged beyond its last checkpoint is not shown twice.
        purge = {"tensorboard": {"purge_step": images_done(self.folder.checkpoints) + 1}}
        self.accelerator.init_trackers("layoutgen", settings, init_kwargs=purge)

    def _examples(self, report: Report) -> Dataset[Example]:
        """The examples, encoded once if asked for."""
        if not self.config.cache_latents:
            return self.dataset
        cache = ArrayCache(self.data / ".latents", report)
        for encoder in (self.pipeline.vae, self.pipeline.text_encoder):
            encoder.to(self.accelerator.device)
        if self.config.train_text_encoder:
            report("captions are encoded at every step: the text encoder is trained")
        else:
            cached = cache_captions(self.pipeline, self.dataset, cache)
            for method in self.denoiser.methods:
                method.backbone.text_encoder = cached
        return cache_latents(self.pipeline, self.dataset, cache)


def prepare_run(
    data: Path,
    output: Path,
    config: TrainConfig,
    *,
    model: str | None = None,
    additions: Additions = NOTHING_ADDED,
    from_scratch: ScratchConfig | None = None,
    device: str | None = None,
    dry_run: bool = False,
    report: Report = lambda message: None,
) -> Run:
    """Prepare a run in the folder `output`, or the continuation of the one that is there.

    Args:
        model: checkpoint to fine-tune: a folder, a file, a run of ours or a hub id.
        additions: what is added to it when it is opened, and is part of it from then on.
        from_scratch: shape of a new small model to train instead.
        device: cpu or cuda; None: cuda if there is one.
        dry_run: write nothing; a model from scratch has its shape then, but no fitted autoencoder.

    Raises:
        InvalidOption: settings that do not go together, or not with the run that is continued.
        InvalidFile: `data` or the file of validation layouts cannot be read.
        OutputExists: the folder holds something else.
    """
    check_start(config, model, from_scratch, additions)
    additions.check()
    _check_device(config, device)
    _check_packages(config)
    accelerator = _accelerator(config, output, cpu=device == "cpu")
    origin = {
        "model": model,
        "from_scratch": None if from_scratch is None else plain(asdict(from_scratch)),
        "data": fingerprint(data),
        "additions": None if additions == NOTHING_ADDED else plain(asdict(additions)),
        "processes": accelerator.num_processes,
    }
    folder = RunFolder(output, config, origin)
    folder.check()
    if config.few_steps and accelerator.num_processes > 1:
        raise InvalidOption("a distillation runs in one process: start it without accelerate launch")
    features = load_features(config.features) if config.few_steps else None
    open_data = partial(open_dataset, data, seed=config.seed, resolution=config.resolution)
    if from_scratch is not None:
        start = start_from_scratch(from_scratch, folder, open_data, device, dry_run=dry_run, report=report)
    else:
        assert model is not None  # checked above
        start = start_from_checkpoint(model, device, additions)

    # All that can be refused is refused before a new model is built, which takes minutes.
    start.check_resolution(config.resolution)
    dataset = open_data(
        multiple=start.multiple if config.aspect_buckets else None,
        group=folder.step_size,
        fixed_crops=config.cache_latents,
    )
    if config.cache_latents and dataset.sources[0].path is None:
        raise InvalidOption(
            f"`cache_latents` needs a fixed set of images, and {data} makes new scenes: leave it out"
        )
    validation = _validation(config, dataset, start, report)

    with accelerator.main_process_first():
        pipeline = start.get()
    torch.manual_seed(config.seed)  # of the weights that are added
    if config.few_steps:
        check_labels(dataset.labels, start.labels)
    else:
        tokens = config.train_text_encoder
        extend_inputs(pipeline, config.methods, config.encoding, dataset.labels, location_tokens=tokens)
    methods = {
        name: pipeline.method(name, config.encoding if name == "text2img" else None)
        for name in config.methods
    }
    denoiser = Denoiser(pipeline, [methods[name] for name in config.methods])
    teacher = None
    if config.few_steps:
        if config.teacher_weight:
            teacher = Teacher.of(pipeline, denoiser.methods, config.teacher_guidance)
        make_few_step(pipeline, config.few_steps)
    components = choose_trained(pipeline, denoiser, config)
    return Run(
        folder, config, pipeline, denoiser, components, dataset, data, validation, accelerator,
        features=features, teacher=teacher,
    )  # fmt: skip


def _check_device(config: TrainConfig, device: str | None) -> None:
    if device not in (None, "cpu", "cuda"):
        raise InvalidOption(
            f"`device` must be cpu or cuda, not {device}: accelerate gives each process its GPU"
        )
    resolve_device(device)
    if config.mixed_precision == "fp16" and resolve_device(device) == "cpu":
        raise InvalidOption("`mixed_precision` fp16 needs a CUDA device: use bf16 or no on the CPU")


def _check_packages(config: TrainConfig) -> None:
    """Refuse settings whose package is not installed."""
    if config.lora_rank and importlib.util.find_spec("peft") is None:
        raise InvalidOption("`lora_rank` needs the package peft: pip install -c constraints.txt '.[train]'")
    if config.optimizer == "adamw8bit" and importlib.util.find_spec("bitsandbytes") is None:
        raise InvalidOption("`optimizer` adamw8bit needs the package bitsandbytes: pip install bitsandbytes")
    known = [tracker.value for tracker in get_available_trackers()]
    if config.tracker is not None and config.tracker not in known:
        installed = ", ".join(known) or "none"
        raise InvalidOption(f"`tracker` {config.tracker} is unknown or not installed; installed: {installed}")


def _accelerator(config: TrainConfig, output: Path, *, cpu: bool) -> Accelerator:
    """Accelerate's launcher and its configuration decide on processes, FSDP and DeepSpeed."""
    # A process may train twice, with other settings; accelerate refuses that unless its state is reset.
    AcceleratorState._reset_state(reset_partial_state=True)
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
            raise InvalidOption("`micro_batch` does not go with DeepSpeed: pass a smaller `batch_size`")
        plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = config.batch_size
    return accelerator


def _validation(
    config: TrainConfig, dataset: LayoutDataset, start: StartModel, report: Report
) -> tuple[Layout, ...]:
    """The layouts of the contact sheets.

    Raises:
        InvalidFile: the file that is named cannot be read.
        UnknownLabel: it has a label that the model will not know.
    """
    if not config.report_every:
        return ()
    if config.validation is None:
        return tuple(dataset[k].layout.clip() for k in range(_FROM_DATA))
    requests = read_layouts(Path(config.validation))
    layouts = tuple(arrange_request(one, size_prior=start.size_prior) for one in requests)
    if len(layouts) > _FROM_FILE:
        report(f"contact sheets show the first {_FROM_FILE} of {len(layouts)} layouts of {config.validation}")
    known = None if start.labels is None else {*start.labels, *dataset.labels}
    check_labels({label for layout in layouts[:_FROM_FILE] for label in layout.labels}, known)
    return layouts[:_FROM_FILE]
