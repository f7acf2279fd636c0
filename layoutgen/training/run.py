"""A training run from its settings: open the data, build or load the model, train, leave a run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from torch import nn
from torch.utils.data import Dataset

from layoutgen.data.dataset import Example, LayoutDataset, open_dataset
from layoutgen.devices import resolve_device, tensor_float_32
from layoutgen.domain.layout import Layout
from layoutgen.domain.requests import arrange_request
from layoutgen.errors import DoesNotFit, InvalidOption
from layoutgen.features.networks import load_features
from layoutgen.formats import read_layouts
from layoutgen.io.disk_space import check_space
from layoutgen.pipeline import LayoutPipeline
from layoutgen.preflight.memory import free_bytes, gib
from layoutgen.training.cached_inputs import ArrayCache, cache_captions, cache_latents
from layoutgen.training.checkpoint import sharded
from layoutgen.training.checkpoint_folders import images_done
from layoutgen.training.config import TrainConfig
from layoutgen.training.data_sizes import BoxesOfData
from layoutgen.training.data_words import words_of_data
from layoutgen.training.denoiser import Component, Denoiser, choose_trained
from layoutgen.training.extend_inputs import extend_inputs, take_resolution
from layoutgen.training.few_steps import make_few_step
from layoutgen.training.loop import Progress, train
from layoutgen.training.plan import Plan, make_plan, state_bytes, written_bytes
from layoutgen.training.request import SHOWN_OF_FILE, TrainingRequest, check_device, run_folder
from layoutgen.training.run_folder import RunFolder
from layoutgen.training.start import start_from_checkpoint, start_from_scratch
from layoutgen.training.start_info import READS_NO_LAYOUTS, XL_IS_NOT_DISTILLED
from layoutgen.training.stopping import stop_on_signals
from layoutgen.training.teacher import Teacher
from layoutgen.training.waiting import Waiting, no_waiting

_FROM_DATA = 4  # layouts of a contact sheet

Report = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A run that is ready to start, or to be continued.

    Attributes:
        components: what is trained, and what is frozen.
        data: folder of `dataset`.
        validation: the layouts of the contact sheets.
        features, teacher: of a distillation.
        boxes: which boxes the data has.
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
    boxes: BoxesOfData
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
        self,
        *,
        max_seconds: float | None = None,
        report: Report = lambda message: None,
        waiting: Waiting = no_waiting,
    ) -> Iterator[Progress]:
        """Train, from the last checkpoint on if there is one; Ctrl-C and SIGTERM stop with a checkpoint.

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
                examples = self._examples(report, waiting)
            with stop_on_signals() as asked_to_stop, tensor_float_32(on=self.config.tf32):
                yield from train(
                    self.pipeline, self.denoiser, self.dataset, examples, self.config, self.folder.path,
                    self.accelerator, validation=self.validation, features=self.features,
                    teacher=self.teacher, max_seconds=max_seconds, asked_to_stop=asked_to_stop,
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
                f"weights, gradients and optimizer take {gib(needed)} of memory, and {gib(free)} are free: "
                "train adapters with `lora_rank`, or paint no contact sheets with `report_every` 0"
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

    def _examples(self, report: Report, waiting: Waiting) -> Dataset[Example]:
        """The examples, encoded once if asked for."""
        if not self.config.cache_latents:
            return self.dataset
        cache = ArrayCache(self.data / ".latents", report, waiting)
        encoders = [part.encoder for part in self.pipeline.backbone.text_parts]
        for encoder in (self.pipeline.vae, *encoders):
            encoder.to(self.accelerator.device)
        if self.config.train_text_encoder:
            report("captions are encoded at every step: the text encoder is trained")
        else:
            cached = cache_captions(self.pipeline, self.dataset, cache)
            for method in self.denoiser.methods:
                method.backbone.use_text_encoders(cached)
        return cache_latents(self.pipeline, self.dataset, cache)


def prepare_run(
    request: TrainingRequest,
    *,
    device: str | None = None,
    dry_run: bool = False,
    report: Report = lambda message: None,
    waiting: Waiting = no_waiting,
) -> Run:
    """Prepare the run that is asked for, or the continuation of the one that is there.

    The folder of a new model is there from the first moment, and says what is trained.

    Args:
        device: cpu or cuda; None: cuda if there is one.
        dry_run: write nothing; a model from scratch has its shape then, but no fitted autoencoder.
        report: gets a line now and then.
        waiting: is told how far a wait is.

    Raises:
        InvalidOption: what this machine cannot do; or a model that cannot be trained.
        OutputExists: the folder holds something else, or another process trains in it.
        CannotSave: it cannot be written.
    """
    config, data = request.config, request.data
    _check_machine(config, device)
    accelerator = _accelerator(config, request.output, cpu=device == "cpu")
    folder = run_folder(request, accelerator.num_processes)
    folder.check()
    features = load_features(config.features) if config.few_steps else None
    open_data = partial(open_dataset, data, seed=config.seed, resolution=config.resolution)
    dataset = open_data(
        multiple=request.start.multiple if config.aspect_buckets else None,
        group=folder.step_size,
        fixed_crops=config.cache_latents,
    )
    validation = _validation(request, dataset, report)

    if request.shape is not None:
        start = start_from_scratch(
            request.shape, folder, open_data, device, dry_run=dry_run, report=report, waiting=waiting
        )
    else:
        assert request.start.source is not None  # it is no new model
        start = start_from_checkpoint(request.start.source, device, request.additions)
    start.check_resolution(config.resolution)
    if config.aspect_buckets and request.start.multiple is None:
        dataset = open_data(multiple=start.multiple, group=folder.step_size, fixed_crops=config.cache_latents)
    if request.shape is not None and not dry_run and accelerator.is_main_process:
        with folder.locked():  # building takes minutes
            folder.write()
    with accelerator.main_process_first():
        pipeline = start.get()
    boxes = BoxesOfData.of(dataset)
    torch.manual_seed(config.seed)  # of the weights that are added
    if not config.few_steps:
        extend_inputs(
            pipeline, config.methods, config.encoding, dataset.labels,
            location_tokens=config.train_text_encoder, residual_tokens=config.residual_tokens,
            trained_on=boxes.prior(), words=words_of_data(dataset) if pipeline.labels is not None else (),
        )  # fmt: skip
    take_resolution(pipeline, config.resolution)
    methods = {
        name: pipeline.method(name, config.encoding if name == "text2img" else None)
        for name in config.methods
    }
    denoiser = Denoiser(pipeline, [methods[name] for name in config.methods])
    teacher = None
    if config.few_steps:
        _check_distillable(pipeline)
        if config.teacher_weight:
            teacher = Teacher.of(pipeline, denoiser.methods, config.teacher_guidance)
        make_few_step(pipeline, config.few_steps)
    components = choose_trained(pipeline, denoiser, config)
    return Run(
        folder, config, pipeline, denoiser, components, dataset, data, validation, accelerator, boxes,
        features=features, teacher=teacher,
    )  # fmt: skip


def _check_distillable(pipeline: LayoutPipeline) -> None:
    """Refuse a model of a hub, of which nothing was known before, that a distillation cannot change.

    Raises:
        InvalidOption: it reads no layouts, or is of another kind.
    """
    if pipeline.text_encoder_2 is not None:
        raise InvalidOption(XL_IS_NOT_DISTILLED)
    if pipeline.layout_encoder is None:
        raise InvalidOption(READS_NO_LAYOUTS)


def _check_machine(config: TrainConfig, device: str | None) -> None:
    """Refuse what needs a device that this machine does not have."""
    check_device(config, resolve_device(device))


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


def _validation(request: TrainingRequest, dataset: LayoutDataset, report: Report) -> tuple[Layout, ...]:
    """The layouts of the contact sheets.

    Raises:
        InvalidFile: the file that is named cannot be read.
    """
    config = request.config
    if not config.report_every:
        return ()
    if config.validation is None:
        return tuple(dataset[k].layout.clip() for k in range(_FROM_DATA))
    requests = read_layouts(Path(config.validation))
    if len(requests) > SHOWN_OF_FILE:
        shown = f"the first {SHOWN_OF_FILE} of {len(requests)} layouts"
        report(f"contact sheets show {shown} of {config.validation}")
    prior = request.start.size_prior
    return tuple(arrange_request(one, size_prior=prior) for one in requests[:SHOWN_OF_FILE])
