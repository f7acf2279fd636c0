"""``layoutgen.train``: teach a model to draw objects where a layout says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from layoutgen.additions import Additions
from layoutgen.api.inputs import PathLike, as_name, as_names, as_path
from layoutgen.errors import InvalidOption, Problems
from layoutgen.imports import importing
from layoutgen.progress import Progress, progress_of
from layoutgen.training.request import TrainingRequest, read_request
from layoutgen.training.run_config import RunConfig, read_shape

if TYPE_CHECKING:
    from layoutgen.training.plan import Plan


@dataclass(frozen=True, slots=True)
class Training:
    """What became of a training.

    Attributes:
        folder: the run folder; `model` is where the model is, of the last checkpoint.
        images: examples that it has been trained on, of `total`.
        stopping: why it stopped before the end: "time", "SIGTERM", or "Ctrl-C"; None: it did not.
        plan: of a dry run, which trains nothing; else None.
    """

    folder: Path
    model: Path
    images: int
    total: int
    stopping: str | None = None
    plan: Plan | None = None


def train(
    data: PathLike | None,
    output: PathLike,
    *,
    model: PathLike | None = None,
    vae: PathLike | None = None,
    lora: PathLike | Sequence[PathLike] = (),
    embedding: PathLike | Sequence[PathLike] = (),
    clip_skip: int | None = None,
    from_scratch: bool | PathLike = False,
    config: PathLike | None = None,
    methods: str | Sequence[str] | None = None,
    encoding: str | None = None,
    residual_tokens: bool | None = None,
    images: int | None = None,
    batch_size: int | None = None,
    micro_batch: int | None = None,
    resolution: int | None = None,
    aspect_buckets: bool | None = None,
    learning_rate: float | None = None,
    unet_lr_factor: float | None = None,
    text_lr_factor: float | None = None,
    warmup: int | None = None,
    schedule: str | None = None,
    optimizer: str | None = None,
    ema: float | None = None,
    drop_caption: float | None = None,
    drop_layout: float | None = None,
    drop_both: float | None = None,
    min_snr: float | None = None,
    box_weight: float | None = None,
    train_text_encoder: bool | None = None,
    lora_rank: int | None = None,
    gradient_checkpointing: bool | None = None,
    compile: bool | None = None,
    cache_latents: bool | None = None,
    save_every: int | None = None,
    keep_checkpoints: int | None = None,
    report_every: int | None = None,
    validation: PathLike | None = None,
    tracker: str | None = None,
    workers: int | None = None,
    mixed_precision: str | None = None,
    tf32: bool | None = None,
    seed: int | None = None,
    max_minutes: float | None = None,
    device: str | None = None,
    dry_run: bool = False,
    progress: bool | Progress = False,
) -> Training:
    """Teach a model to draw the objects of `data` where a layout says; the same as ``layoutgen train``.

    >>> layoutgen.train("scenes", "run", images=20_000)
    >>> layoutgen.sample(number={"dogs": 9}, model="run")

    Args:
        data: what ``prepare`` wrote; None: that of the run in `output`, which goes on.
        output: the run folder. The same call again goes on with a run that was stopped.
        model: checkpoint to start from; None: the small model in the package.
        vae, lora, embedding, clip_skip: see :class:`~layoutgen.additions.Additions`.
        from_scratch: train a new small model of the usual shape (True), or of that in a YAML file.
        config: further options, from a YAML file such as a run's ``config.yaml``.
        methods, and all that follow up to seed: see :class:`~layoutgen.training.config.TrainConfig`; None: as
            `config`, the run, or the model has it.
        max_minutes: stop with a checkpoint after this time; None: no limit.
        device: cpu or cuda; None: cuda if there is one.
        dry_run: only make the plan; nothing is written.
        progress: True: show bars on a terminal; or an object that is told.

    Raises:
        LayoutgenError: what cannot be done, by its kinds, all of it at once, before torch is loaded.
    """
    given: dict[str, Any] = {
        "methods": methods,
        "encoding": encoding,
        "residual_tokens": residual_tokens,
        "images": images,
        "batch_size": batch_size,
        "micro_batch": micro_batch,
        "resolution": resolution,
        "aspect_buckets": aspect_buckets,
        "learning_rate": learning_rate,
        "unet_lr_factor": unet_lr_factor,
        "text_lr_factor": text_lr_factor,
        "warmup": warmup,
        "schedule": schedule,
        "optimizer": optimizer,
        "ema": ema,
        "drop_caption": drop_caption,
        "drop_layout": drop_layout,
        "drop_both": drop_both,
        "min_snr": min_snr,
        "box_weight": box_weight,
        "train_text_encoder": train_text_encoder,
        "lora_rank": lora_rank,
        "gradient_checkpointing": gradient_checkpointing,
        "compile": compile,
        "cache_latents": cache_latents,
        "save_every": save_every,
        "keep_checkpoints": keep_checkpoints,
        "report_every": report_every,
        "validation": validation,
        "tracker": tracker,
        "workers": workers,
        "mixed_precision": mixed_precision,
        "tf32": tf32,
        "seed": seed,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    if isinstance(methods, str):
        settings["methods"] = (methods,)
    if validation is not None:
        settings["validation"] = str(validation)
    added = Additions(as_name(vae), as_names(lora), as_names(embedding), clip_skip)
    shape = None if from_scratch is False else "" if from_scratch is True else str(from_scratch)
    options = RunConfig(as_path(data), as_name(model), settings=settings, additions=added)
    request = read_training(options, Path(output), as_path(config), shape, max_minutes, device)
    with progress_of(progress) as watch:
        return _run(request, max_minutes, device, watch, dry_run=dry_run)


def _run(
    request: TrainingRequest,
    max_minutes: float | None,
    device: str | None,
    watch: Progress,
    *,
    dry_run: bool,
) -> Training:
    """Prepare what is asked for, and train."""
    watch.begin("loading the model")
    with importing():
        from layoutgen.sampling.run import quiet_libraries
        from layoutgen.training.run import prepare_run

    def waiting(what: str, done: int, total: int) -> None:
        watch.begin(what, total)
        watch.advance(done)

    quiet_libraries()
    run = prepare_run(request, device=device, dry_run=dry_run, waiting=waiting)
    for warning in run.boxes.warnings(request.start.size_prior, request.config.resolution):
        watch.note(f"Data: {warning}")
    images, total = request.done, request.config.images
    model = request.output / "model"
    if dry_run:
        return Training(request.output, model, images, total, plan=run.plan())
    stopping = None
    watch.begin("training", total)
    max_seconds = None if max_minutes is None else 60 * max_minutes
    for step in run.start(max_seconds=max_seconds, waiting=waiting):
        watch.advance(step.images, total)
        images, stopping = step.images, step.stopping
    return Training(request.output, model, images, total, stopping)


def read_training(
    given: RunConfig,
    output: Path,
    file: Path | None,
    from_scratch: str | None,
    max_minutes: float | None,
    device: str | None,
    usual: Mapping[str, Any] = MappingProxyType({}),
) -> TrainingRequest:
    """What is asked for, with all that is wrong with it said at once, before torch is loaded.

    Args:
        file: of further options.
        from_scratch: file of the shape of a new model; "": that of the package.
        usual: settings that are used where nobody asks for anything else.

    Raises:
        LayoutgenError: says all that is wrong.
    """
    wrong = Problems()
    with wrong.noted():
        if max_minutes is not None and not max_minutes > 0:
            raise InvalidOption(f"`max_minutes` must be above 0, not {max_minutes}")
    with wrong.noted():
        if from_scratch is not None:
            given = replace(given, shape=read_shape(Path(from_scratch) if from_scratch else None))
    request = None
    with wrong.noted():
        request = read_request(output, given, file, device, usual)
    wrong.say()
    assert request is not None  # else something was wrong
    return request
