"""What a training run is told; frozen, checked, saved beside its result."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from layoutgen.errors import InvalidFile, InvalidOption

METHODS = ("text2img", "img2img")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training run.

    Attributes:
        methods: text2img, img2img or both; with both, they take turns from step to step.
        encoding: of text2img: box or text.
        images: examples to show, in all.
        batch_size: examples a step, on each process.
        resolution: side of the square training images, in pixels.
        learning_rate: of Adam, after `warmup` steps.
        ema: decay of the averaged weights, which are what is kept in the end.
        drop_caption, drop_layout: shares of examples that are shown without caption, or without layout.
        min_snr: gamma of the min-SNR weighting (arXiv 2303.09556); 0: off.
        box_weight: exponent of the box-area reweighting (GeoDiffusion: 0.2); 0: off.
        train_text_encoder: also train the text encoder; a model from nothing needs it.
        save_every: examples between two checkpoints.
    """

    methods: tuple[str, ...] = ("text2img",)
    encoding: str = "box"
    images: int = 100_000
    batch_size: int = 16
    resolution: int = 512
    learning_rate: float = 1e-4
    warmup: int = 100
    ema: float = 0.999
    drop_caption: float = 0.1
    drop_layout: float = 0.1
    min_snr: float = 5.0
    box_weight: float = 0.2
    train_text_encoder: bool = False
    save_every: int = 5_000
    workers: int = 1
    mixed_precision: str = "no"
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(self.methods))
        if not self.methods or any(method not in METHODS for method in self.methods):
            named = ", ".join(self.methods) or "none"
            raise InvalidOption(f"--method must be text2img, img2img or both, not {named}")
        for name, choices in (("encoding", ("box", "text")), ("mixed_precision", ("no", "fp16", "bf16"))):
            self._check(name, getattr(self, name) in choices, f"one of {', '.join(choices)}")
        for name in ("images", "batch_size", "resolution", "save_every"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in ("drop_caption", "drop_layout", "ema"):
            self._check(name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        for name in ("warmup", "min_snr", "box_weight", "workers", "seed"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        self._check("learning_rate", self.learning_rate > 0, "above 0")

    def _check(self, name: str, right: bool, rule: str) -> None:
        if not right:
            raise InvalidOption(f"--{name.replace('_', '-')} must be {rule}, not {getattr(self, name)}")


def read_options(path: Path, known: type) -> dict[str, Any]:
    """The options in the YAML file `path` for the dataclass `known`.

    Raises:
        InvalidFile: it is not a YAML mapping, or has a key that `known` does not.
    """
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InvalidFile(path, f"cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise InvalidFile(path, "must be a mapping of options to values")
    names = [field.name for field in fields(known)]
    for key in data:
        if key not in names:
            raise InvalidFile(path, f"unknown option {key!r}", remedy=f"the options are {', '.join(names)}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
