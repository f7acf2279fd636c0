"""A training run from its options: open the data, make or load the model, train, leave a run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from torch.utils.data import Dataset

from layoutgen.data.dataset import Example, LayoutDataset, fingerprint, open_dataset
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidOption
from layoutgen.formats import read_layouts
from layoutgen.model_info import check_labels
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.cache import Cache
from layoutgen.training.captions import cache_captions
from layoutgen.training.checkpoint import images_done
from layoutgen.training.checks import check_options, check_resolution
from layoutgen.training.config import TrainConfig
from layoutgen.training.denoiser import Denoiser, Part, choose_trained
from layoutgen.training.extend_inputs import adapt
from layoutgen.training.folder import RunFolder, plain
from layoutgen.training.latents import cache_latents
from layoutgen.training.loop import Progress, train
from layoutgen.training.plan import Plan, make_plan
from layoutgen.training.scratch import ScratchConfig
from layoutgen.training.start import Start, from_checkpoint, from_scratch

_SHOWN, _READ = 4, 8  # layouts in a contact sheet: of the data; at most of a file that the user names

Report = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A run that is ready to start, or to be continued.

    Attributes:
        parts: what is trained, and what is frozen.
        validation: the layouts that are painted on the way.
    """

    folder: RunFolder
    config: TrainConfig
    pipeline: LayoutPipeline
    denoiser: Denoiser
    parts: list[Part]
    dataset: LayoutDataset
    data: Path
    validation: tuple[Layout, ...]
    accelerator: Accelerator

    def plan(self) -> Plan:
        """What the run is going to do; nothing is written."""
        done = images_done(self.folder.checkpoints)
        return make_plan(
            self.pipeline, self.denoiser, self.parts, self.dataset, self.config, self.accelerator, done=done
        )

    def start(
        self, *, max_seconds: float | None = None, report: Report = lambda message: None
    ) -> Iterator[Progress]:
        """Train, from the last checkpoint on if there is one.

        Raises:
            OutputExists: another process trains in the folder.
            CannotSave: the disk is full; the last checkpoint is untouched.
            InvalidFile: the last checkpoint is damaged.
            Diverged: the loss is no number any more.
        """
        with self.folder.claimed() if self.accelerator.is_main_process else nullcontext():
            if self.accelerator.is_main_process:
                self.folder.write()
            self._start_tracker()
            with self.accelerator.main_process_first():
                examples = self._examples(report)
            yield from train(
                self.pipeline, self.denoiser, self.dataset, examples, self.config, self.folder.path,
                self.accelerator, validation=self.validation, max_seconds=max_seconds,
            )  # fmt: skip
            self.accelerator.end_training()

    def _start_tracker(self) -> None:
        if self.config.tracker is None:
            return
        settings = {
            k: v if isinstance(v, (int, float, str, bool)) else str(v) for k, v in asdict(self.config).items()
        }
        # What a killed run showed beyond its last checkpoint is not shown twice.
        purge = {"tensorboard": {"purge_step": images_done(self.folder.checkpoints) + 1}}
        self.accelerator.init_trackers("layoutgen", settings, init_kwargs=purge)

    def _examples(self, report: Report) -> Dataset[Example]:
        """The examples, encoded once if asked for."""
        if not self.config.cache_latents:
            return self.dataset
        cache = Cache(self.data / ".latents", report)
        for part in (self.pipeline.vae, self.pipeline.text_encoder):
            part.to(self.accelerator.device)
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
    scratch: ScratchConfig | None = None,
    device: str | None = None,
    dry: bool = False,
    report: Report = lambda message: None,
) -> Run:
    """Prepare a run in the folder `output`, or the continuation of the one that is there.

    Args:
        dry: write nothing; a model from scratch has its shape then, but no fitted autoencoder.

    Raises:
        InvalidOption: options that do not go together, or not with the run that is continued.
        InvalidFile: `data` or the file of validation layouts cannot be read.
        OutputExists: the folder holds something else.
    """
    check_options(config, model, scratch, device)
    accelerator = _accelerator(config, output, cpu=device == "cpu")
    origin = {
        "model": model,
        "from_scratch": None if scratch is None else plain(asdict(scratch)),
        "data": fingerprint(data),
        "processes": accelerator.num_processes,
    }
    folder = RunFolder(output, config, origin)
    folder.check()
    opened = partial(open_dataset, data, seed=config.seed, resolution=config.resolution)
    if scratch is not None:
        start = from_scratch(scratch, folder, opened, device, dry=dry, report=report)
    else:
        assert model is not None  # checked above
        start = from_checkpoint(model, device)

    # All that can be refused is refused before a new model is made, which takes minutes.
    check_resolution(config, start.multiple)
    dataset = opened(
        multiple=start.multiple if config.aspect_buckets else None,
        group=folder.step_size,
        fixed_crops=config.cache_latents,
    )
    if config.cache_latents and dataset.sources[0].path is None:
        raise InvalidOption(
            f"--cache-latents needs a fixed set of images, and {data} makes new scenes: leave it out"
        )
    validation = _validation(config, dataset, start, report)

    with accelerator.main_process_first():
        pipeline = start.make()
    torch.manual_seed(config.seed)  # of what `adapt` and the adapters add
    adapt(
        pipeline, config.methods, config.encoding, dataset.labels, location_tokens=config.train_text_encoder
    )
    made = {
        name: pipeline.method(name, config.encoding if name == "text2img" else None)
        for name in config.methods
    }
    denoiser = Denoiser(pipeline, [made[name] for name in config.methods])
    parts = choose_trained(pipeline, denoiser, config)
    return Run(folder, config, pipeline, denoiser, parts, dataset, data, validation, accelerator)


def _accelerator(config: TrainConfig, output: Path, *, cpu: bool) -> Accelerator:
    """Accelerate's launcher and its configuration decide on processes, FSDP and DeepSpeed."""
    # A process may train twice, by other settings, which accelerate refuses while it remembers the first.
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
            raise InvalidOption("--micro-batch does not go with DeepSpeed: pass a smaller --batch-size")
        plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = config.batch_size
    return accelerator


def _validation(
    config: TrainConfig, dataset: LayoutDataset, start: Start, report: Report
) -> tuple[Layout, ...]:
    """The layouts of the contact sheets.

    Raises:
        InvalidFile: the file that is named cannot be read.
        UnknownLabel: it has a label that the model will not know.
    """
    if not config.report_every:
        return ()
    if config.validation is None:
        return tuple(dataset[k].layout.clip() for k in range(_SHOWN))
    layouts = read_layouts(Path(config.validation), size_prior=start.size_prior)
    if len(layouts) > _READ:
        report(f"contact sheets show the first {_READ} of {len(layouts)} layouts of {config.validation}")
    known = None if start.labels is None else {*start.labels, *dataset.labels}
    check_labels({label for layout in layouts[:_READ] for label in layout.labels}, known)
    return layouts[:_READ]
