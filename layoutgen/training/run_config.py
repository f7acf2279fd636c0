"""A file of options, such as ``config.yaml`` of a run: its settings, its data, the model it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from layoutgen.additions import NOTHING_ADDED, Additions
from layoutgen.assets import SHAPE
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.training.config import ScratchConfig, TrainConfig
from layoutgen.training.settings_file import as_settings, read_mapping

CONFIG = "config.yaml"
_EVERY_RUN_SAYS = frozenset({"images", "batch_size", "learning_rate", "mixed_precision", "workers", "seed"})
"""Settings that each run has written down from the first on; nobody writes all of them by hand."""
_OPTIONS = "write {option: value}"


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a file of options says; None, or an absent key, where it says nothing.

    Attributes:
        data: folder of the training data.
        model: checkpoint to start from.
        shape: of a new model to start from instead.
        settings: of TrainConfig.
        additions: what is added to the model when it is opened.
    """

    data: Path | None = None
    model: str | None = None
    shape: ScratchConfig | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    additions: Additions = NOTHING_ADDED

    def over(self, other: RunConfig) -> RunConfig:
        """This, and where it says nothing, what `other` says."""
        starts = self if self.model is not None or self.shape is not None else other
        settings = {**other.settings, **self.settings}
        added = other.additions if self.additions == NOTHING_ADDED and starts is other else self.additions
        return RunConfig(self.data or other.data, starts.model, starts.shape, settings, added)

    def plain(self) -> dict[str, Any]:
        """As YAML writes it, and :func:`read_run_config` reads it."""
        shape = None if self.shape is None else _plain_shape(self.shape)
        start = {"data": None if self.data is None else str(self.data), "model": self.model}
        added = None if self.additions == NOTHING_ADDED else plain(asdict(self.additions))
        return start | {"from_scratch": shape, "additions": added} | plain(dict(self.settings))


def read_run_config(path: Path) -> RunConfig:
    """The options in the YAML file `path`.

    Raises:
        InvalidFile: it is not a YAML mapping, or has an unknown key, or a value of another type.
    """
    return as_run_config(path, read_mapping(path))


def as_run_config(path: Path, content: dict[Any, Any]) -> RunConfig:
    """The options that the mapping `content` of the file `path` holds.

    Raises:
        InvalidFile: an unknown key, or a value of another type.
    """
    content = dict(content)
    texts = {key: content.pop(key, None) for key in ("data", "model")}
    for key, text in texts.items():
        if not isinstance(text, (str, type(None))):
            raise InvalidFile(path, f"{text!r} is no text", where=key, remedy="write a path or a name")
    shape = content.pop("from_scratch", None)
    if not isinstance(shape, (dict, type(None))):
        raise InvalidFile(path, f"{shape!r} is no shape of a model", where="from_scratch", remedy=_OPTIONS)
    added = content.pop("additions", None) or {}
    if not isinstance(added, dict):
        raise InvalidFile(path, f"{added!r} is no mapping", where="additions", remedy=_OPTIONS)
    skip = added.pop("clip_skip", None)
    if not isinstance(skip, (int, type(None))):
        raise InvalidFile(
            path, f"{skip!r} is no whole number", where="additions.clip_skip", remedy="write 1 or more"
        )
    additions = Additions(**as_settings(path, added, Additions), clip_skip=skip)
    settings = as_settings(path, content, TrainConfig)
    if settings.keys() >= _EVERY_RUN_SAYS:  # those that came later were as TrainConfig has them
        settings = asdict(TrainConfig(**settings))
    data = None if texts["data"] is None else Path(texts["data"])
    built = None if shape is None else _shape(path, shape)
    return RunConfig(data, texts["model"], built, settings, additions)


def read_shape(path: Path | None) -> ScratchConfig:
    """The shape of a new model from a YAML file; None: that of the model in the package.

    Raises:
        InvalidFile: it has unknown keys, or no model can have this shape.
    """
    path = path or SHAPE
    return _shape(path, read_mapping(path))


def plain(content: dict[str, Any]) -> dict[str, Any]:
    """With lists for tuples, as YAML writes and reads them."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in content.items()}


def _shape(path: Path, content: Mapping[str, Any]) -> ScratchConfig:
    try:
        return ScratchConfig(**as_settings(path, content, ScratchConfig))
    except InvalidOption as error:
        raise InvalidFile(path, str(error)) from error


def _plain_shape(shape: ScratchConfig) -> dict[str, Any]:
    return plain(asdict(shape))
