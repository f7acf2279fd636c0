"""What a training run is told; frozen, checked, saved beside its result."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.io.files import read_text
from layoutgen.methods.registry import TRAINABLE

_CHOICES = {
    "encoding": ("box", "text"),
    "mixed_precision": ("no", "fp16", "bf16"),
    "optimizer": ("adamw", "adamw8bit"),
    "schedule": ("constant", "linear", "cosine", "warmup_stable_decay"),
}
_AT_LEAST_ONE = ("images", "batch_size", "resolution", "save_every", "keep_checkpoints")
_SHARES = ("drop_caption", "drop_layout", "ema")  # at least 0, below 1
_NOT_NEGATIVE = (
    "micro_batch",
    "warmup",
    "min_snr",
    "box_weight",
    "lora_rank",
    "report_every",
    "workers",
    "seed",
)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training run.

    Attributes:
        methods: text2img, img2img or both; with several, they take turns from step to step.
        encoding: of text2img: box or text.
        images: examples to show, in all.
        batch_size: examples a step, on each process.
        micro_batch: examples that go through the network at once; 0: the whole batch. Gradients are
            accumulated, so that it changes memory and time, not the result.
        resolution: side of the square training images, in pixels.
        aspect_buckets: train on images of several aspect ratios, of about the same number of pixels.
        learning_rate: of the optimizer, after `warmup` steps; then as `schedule` says, until `images`:
            constant, linear or cosine; or warmup_stable_decay: held, then linearly to 0 in the last fifth.
        optimizer: adamw, or adamw8bit (bitsandbytes).
        ema: decay of the averaged weights, which are what is kept in the end.
        drop_caption, drop_layout: shares of examples that are shown without caption, or without layout.
        min_snr: gamma of the min-SNR weighting (arXiv 2303.09556); 0: off.
        box_weight: exponent of the box-area reweighting (GeoDiffusion: 0.2); 0: off.
        train_text_encoder: also train the text encoder; a model from nothing needs it.
        lora_rank: train low-rank adapters of the U-Net's attention instead of the U-Net; 0: the U-Net.
        gradient_checkpointing: compute activations twice instead of keeping them.
        compile: compile the U-Net with torch.compile.
        cache_latents: encode images, captions and img2img's maps once, on disk; crops are then fixed.
        save_every: examples between two checkpoints; `keep_checkpoints`: how many stay.
        report_every: examples between two reports, with a contact sheet; 0: none.
        validation: file with the layouts of the contact sheet, 8 at most; None: 4 of the data.
        tracker: one of accelerate's trackers, such as tensorboard.
        workers: processes that read data.
    """

    methods: tuple[str, ...] = ("text2img",)
    encoding: str = "box"
    images: int = 100_000
    batch_size: int = 16
    micro_batch: int = 0
    resolution: int = 512
    aspect_buckets: bool = False
    learning_rate: float = 1e-4
    warmup: int = 100
    schedule: str = "constant"
    optimizer: str = "adamw"
    ema: float = 0.999
    drop_caption: float = 0.1
    drop_layout: float = 0.1
    min_snr: float = 5.0
    box_weight: float = 0.2
    train_text_encoder: bool = False
    lora_rank: int = 0
    gradient_checkpointing: bool = False
    compile: bool = False
    cache_latents: bool = False
    save_every: int = 5_000
    keep_checkpoints: int = 2
    report_every: int = 5_000
    validation: str | None = None
    tracker: str | None = None
    workers: int = 1
    mixed_precision: str = "no"
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(self.methods))
        if not self.methods or any(method not in TRAINABLE for method in self.methods):
            named = ", ".join(self.methods) or "none"
            raise InvalidOption(f"--method must be text2img, img2img or both, not {named}")
        for name, choices in _CHOICES.items():
            self._check(name, getattr(self, name) in choices, f"one of {', '.join(choices)}")
        for name in _AT_LEAST_ONE:
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in _SHARES:
            self._check(name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        for name in _NOT_NEGATIVE:
            self._check(name, getattr(self, name) >= 0, "0 or more")
        self._check("learning_rate", self.learning_rate > 0, "above 0")
        for name in ("learning_rate", "min_snr", "box_weight"):
            self._check(name, math.isfinite(getattr(self, name)), "a finite number")
        self._check("seed", self.seed < 2**63, "below 2 ** 63")
        whole = not self.micro_batch or self.batch_size % self.micro_batch == 0
        self._check("micro_batch", whole, f"a divisor of --batch-size {self.batch_size}")
        if self.encoding == "text" and "text2img" not in self.methods:
            raise InvalidOption(
                "--encoding text is an option of --method text2img: leave it out, or add that"
            )
        if self.compile and self.aspect_buckets:  # torch 2.13 fails on graphs of any height and width
            raise InvalidOption("--compile is for one shape, and --aspect-buckets has several: drop one")
        if self.validation is not None and not self.report_every:
            raise InvalidOption(
                "--validation is for contact sheets, and --report-every 0 wants none: drop one"
            )

    def _check(self, name: str, right: bool, rule: str) -> None:
        if not right:
            raise InvalidOption(f"--{name.replace('_', '-')} must be {rule}, not {getattr(self, name)}")


def read_options(path: Path, known: type) -> dict[str, Any]:
    """The options in the YAML file `path` for the dataclass `known`.

    Raises:
        InvalidFile: it is not a YAML mapping, or has a key that `known` does not, or a value of another type.
    """
    try:
        data = yaml.safe_load(read_text(path))
    except (ValueError, yaml.YAMLError) as error:
        raise InvalidFile(path, f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise InvalidFile(path, "must be a mapping of options to values")
    examples = {field.name: field.default for field in fields(known)}
    for key in data:
        if key not in examples:
            raise InvalidFile(
                path, f"unknown option {key!r}", remedy=f"the options are {', '.join(examples)}"
            )
    try:
        return {key: _as(value, examples[key]) for key, value in data.items()}
    except (TypeError, ValueError) as error:
        raise InvalidFile(path, str(error), remedy="see the defaults in `layoutgen train --help`") from error


def _as(value: Any, example: Any) -> Any:
    """`value` in the type of `example`: YAML reads 5e-4 as text, and lists where tuples are meant."""
    if isinstance(example, float) and not isinstance(value, bool):
        return float(value)
    if isinstance(example, tuple) and isinstance(value, list):
        return tuple(value)
    if example is None and (value is None or isinstance(value, str)):
        return value
    if type(value) is not type(example):
        kind = "text" if example is None else "list" if isinstance(example, tuple) else type(example).__name__
        raise TypeError(f"{value!r} is no {kind}")
    return value
