"""What a training is asked for, checked as a whole before anything heavy is loaded."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from layoutgen.additions import NOTHING_ADDED, Additions
from layoutgen.data.listing import DataListing, list_data
from layoutgen.errors import InvalidOption, LayoutgenError
from layoutgen.formats import read_layouts
from layoutgen.model_info import check_labels
from layoutgen.training.checkpoint_folders import images_done
from layoutgen.training.config import ScratchConfig, TrainConfig
from layoutgen.training.run_config import CONFIG, RunConfig, as_run_config, plain, read_run_config
from layoutgen.training.run_folder import RunFolder
from layoutgen.training.settings_file import read_mapping
from layoutgen.training.start_info import StartInfo, start_info

SHOWN_OF_FILE = 8  # layouts of a contact sheet, at most, of a file that the user names
_TRACKERS = {
    "aim": "aim", "clearml": "clearml", "comet_ml": "comet_ml", "dvclive": "dvclive", "mlflow": "mlflow",
    "swanlab": "swanlab", "tensorboard": "tensorboard", "trackio": "trackio", "wandb": "wandb",
}  # fmt: skip
"""Accelerate's trackers, and the package of each."""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """A training that can begin, as far as can be told without torch.

    Attributes:
        data: folder of the training data; `listing`: what is in it.
        output: the run folder.
        start: the model that it begins with.
        model, shape: of these one, or none (the model in the package), is what the user named.
        done: examples that the run in `output` has been trained on already.
        additions: what is added to the model when it is opened.
        defaults: what the settings are where nobody asks for anything else, and TrainConfig says otherwise.
    """

    data: Path
    listing: DataListing
    output: Path
    config: TrainConfig
    start: StartInfo
    model: str | None
    shape: ScratchConfig | None
    done: int
    defaults: Mapping[str, Any]
    additions: Additions

    def usual(self) -> dict[str, Any]:
        """The settings that the model which the run begins with is usually trained with."""
        return asdict(TrainConfig(**self.defaults))

    def differing(self) -> dict[str, Any]:
        """The settings that differ from the usual ones."""
        usual = self.usual()
        return {key: value for key, value in asdict(self.config).items() if value != usual[key]}


def read_request(
    output: Path,
    given: RunConfig,
    file: Path | None,
    device: str | None,
    usual: Mapping[str, Any] = MappingProxyType({}),
) -> TrainingRequest:
    """Check what is `given`, with the options of `file`, for a run in `output`; a run that is there goes on.

    Args:
        given: what the user asks for; the rest comes from `file`, then from the run, then from the model.
        usual: settings that the command has where nobody asks for anything else.

    Raises:
        LayoutgenError: says all that is wrong.
    """
    wrong = Problems()
    with wrong.noted():
        given = given if file is None else given.over(read_run_config(file))
    wrong.say()  # without the file nothing else is known
    stored = output / CONFIG
    if stored.is_file():
        given = given.over(_of_run(output))
    if given.data is None:
        raise InvalidOption(f"pass `data`, what `layoutgen prepare` wrote: {output} holds no run to continue")

    listing = start = config = None
    defaults: dict[str, Any] = {}
    with wrong.noted():
        listing = list_data(given.data)
    with wrong.noted():
        start = start_info(given.model, given.shape)
    with wrong.noted():
        given.additions.check()
        if given.shape is not None and given.additions != NOTHING_ADDED:
            raise InvalidOption(
                "`vae`, `lora`, `embedding` and `clip_skip` change a checkpoint: pass `model`"
            )
    with wrong.noted():
        distils = bool({**usual, **given.settings}.get("few_steps"))
        defaults = {**(start.defaults(distils=distils) if start else {}), **usual}
        config = TrainConfig(**{**defaults, **given.settings})
    if config is not None:
        wrong.found += _missing_packages(config)
        with wrong.noted():
            check_device(config, device)
        if start is not None:
            wrong.found += start.problems(config)
        if listing is not None and start is not None:
            with wrong.noted():
                _check_data(config, given.data, listing, start)
    if listing is None or start is None or config is None:
        wrong.say()
    assert listing is not None and start is not None and config is not None  # else something was wrong
    done = images_done(output / "checkpoints")
    request = TrainingRequest(
        given.data, listing, output, config, start, given.model, given.shape, done, defaults, given.additions
    )
    with wrong.noted():
        run_folder(request, int(os.environ.get("WORLD_SIZE", "1"))).check()
    wrong.say()
    return request


class Problems:
    """Collects what is wrong, so that all of it is said at once."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._errors: list[LayoutgenError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note what the block cannot do, and go on."""
        try:
            yield
        except LayoutgenError as error:
            self._errors.append(error)
            self.found.append(str(error))

    def say(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            LayoutgenError: the only one, as it was; or all of them in one line.
        """
        if len(self.found) == len(self._errors) == 1:
            raise self._errors[0]
        if self.found:
            raise InvalidOption("; ".join(self.found))


def run_folder(request: TrainingRequest, processes: int) -> RunFolder:
    """The run folder of what is asked for, trained by so many processes."""
    model, shape = request.model, request.shape
    if model is not None and Path(model).exists():
        model = str(Path(model).resolve())
    origin = {
        "model": model,
        "from_scratch": None if shape is None else plain(asdict(shape)),
        "data": request.listing.fingerprint,
        "additions": None if request.additions == NOTHING_ADDED else plain(asdict(request.additions)),
        "processes": processes,
    }
    start = RunConfig(request.data.resolve(), model, shape, additions=request.additions)
    return RunFolder(request.output, request.config, origin, start)


def check_device(config: TrainConfig, device: str | None) -> None:
    """Refuse devices that no training runs on.

    Raises:
        InvalidOption: says which there are.
    """
    if device not in (None, "cpu", "cuda"):
        raise InvalidOption(
            f"`device` must be cpu or cuda, not {device}: accelerate gives each process its GPU"
        )
    if config.mixed_precision == "fp16" and device == "cpu":
        raise InvalidOption("`mixed_precision` fp16 needs a CUDA device: use bf16 or no on the CPU")


def _missing_packages(config: TrainConfig) -> list[str]:
    """Settings whose package is not installed."""
    found = []
    if config.lora_rank and importlib.util.find_spec("peft") is None:
        found.append("`lora_rank` needs the package peft: pip install -c constraints.txt '.[train]'")
    if config.optimizer == "adamw8bit" and importlib.util.find_spec("bitsandbytes") is None:
        found.append("`optimizer` adamw8bit needs the package bitsandbytes: pip install bitsandbytes")
    known = [name for name, package in _TRACKERS.items() if importlib.util.find_spec(package) is not None]
    if config.tracker is not None and config.tracker not in known:
        installed = ", ".join(known) or "none"
        found.append(f"`tracker` {config.tracker} is unknown or not installed; installed: {installed}")
    return found


def _check_data(config: TrainConfig, data: Path, listing: DataListing, start: StartInfo) -> None:
    """Refuse what this data cannot do, and a file of validation layouts that cannot be used.

    Raises:
        InvalidOption: what needs a fixed set of images.
        InvalidFile: the file that is named cannot be read.
        UnknownLabel: it has a label that the model will not know.
    """
    if config.cache_latents and not listing.images:
        raise InvalidOption(
            f"`cache_latents` needs a fixed set of images, and {data} makes new scenes: leave it out"
        )
    if config.validation is not None and config.report_every:
        layouts = read_layouts(Path(config.validation))[:SHOWN_OF_FILE]
        labels = {label for request in layouts for label in request.layout.labels}
        labels |= {group.label for request in layouts for group in request.groups}
        check_labels(labels, None if start.labels is None else {*start.labels, *listing.labels})


def _of_run(output: Path) -> RunConfig:
    """What the run in `output` says of itself; the first runs named their model in ``origin.yaml`` only."""
    stored, origin = read_run_config(output / CONFIG), output / "origin.yaml"
    if stored.data is not None or not origin.is_file():
        return stored
    before = read_mapping(origin)
    start = {
        key: before[key] for key in ("model", "from_scratch", "additions") if before.get(key) is not None
    }
    return stored.over(as_run_config(origin, start))
