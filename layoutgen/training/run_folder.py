"""The run folder: the settings of a run, and whether other settings would continue it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from layoutgen import __version__
from layoutgen.errors import InvalidFile, InvalidOption, OutputExists
from layoutgen.io.files import replacing
from layoutgen.io.output_path import check_folder
from layoutgen.training.checkpoint_folders import images_done
from layoutgen.training.config import TrainConfig
from layoutgen.training.run_config import CONFIG, RunConfig, plain, read_run_config
from layoutgen.training.settings_file import read_mapping

# Settings that may differ when a run is continued: they change neither the examples nor the gradients.
_FREE = {
    "micro_batch", "save_every", "keep_checkpoints", "report_every", "validation", "tracker", "workers",
    "gradient_checkpointing", "compile",
}  # fmt: skip
# Settings that may differ if all steps that were done would have had the same learning rate.
_OF_THE_LEARNING_RATE = ("images", "schedule", "warmup", "learning_rate")
_FILES = (".lock", "metrics.jsonl", CONFIG, "origin.yaml")
_PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "numpy", "pillow")


def check_place(path: Path) -> None:
    """Refuse a place for a run, whatever its settings are, before anything there is read.

    Raises:
        InvalidOption: `path` can be no folder.
        InvalidFile: a file that a run writes is a link, which may lead to any file of the user's.
        OutputExists: it is a folder of something else.
    """
    check_folder(path)
    for name in _FILES:
        if (path / name).is_symlink():
            remedy = "put the file itself there, or choose another `output`"
            raise InvalidFile(path / name, "is a link, and a run writes to it", remedy=remedy)
    if (path / CONFIG).is_file() or not path.is_dir():
        return
    others = [one.name for one in path.iterdir() if one.name != "start"]
    if any(not name.startswith(".") for name in others):
        raise OutputExists(f"{path} holds something that is no training run; choose another `output`")


@dataclass(frozen=True)
class RunFolder:
    """The folder `path` of a run with `config` and `origin`; ``config.yaml`` and ``origin.yaml`` hold them.

    Attributes:
        origin: on what else the result depends: model, from_scratch, data (a fingerprint), processes.
        start: where data and model are, for the command that only names the run.
    """

    path: Path
    config: TrainConfig
    origin: dict[str, Any]
    start: RunConfig = field(default_factory=RunConfig)

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints that a run continues from."""
        return self.path / "checkpoints"

    @property
    def step_size(self) -> int:
        """Examples of an optimizer step, on all processes together."""
        return int(self.config.batch_size * self.origin["processes"])

    def check(self) -> None:
        """Refuse a folder of something else, or of a run that these settings would not continue.

        Raises:
            OutputExists: it holds something else.
            InvalidOption: names the settings that differ.
        """
        check_place(self.path)
        file = self.path / CONFIG
        if not file.is_file():
            return
        if not images_done(self.checkpoints) and not (self.path / "model").exists():
            return  # nothing was trained that other settings could spoil
        stored = TrainConfig(**read_run_config(file).settings)
        origin = self.path / "origin.yaml"
        # A run that was killed between the two files has not begun.
        before = self._read_origin(origin) if origin.is_file() else self.origin
        self._compare(stored, plain(asdict(stored)) | before, plain(asdict(self.config)) | self.origin)

    def _read_origin(self, file: Path) -> dict[str, Any]:
        found = {"additions": None} | read_mapping(file)  # earlier runs say nothing of them
        missing = [key for key in self.origin if key not in found]
        if missing or type(found["processes"]) is not int:
            where = missing[0] if missing else "processes"
            raise InvalidFile(
                file, "is damaged", where=where, remedy="copy it again, or choose another `output`"
            )
        return found

    def _compare(self, stored: TrainConfig, before: dict[str, Any], now: dict[str, Any]) -> None:
        compared = [
            key for key in now if key not in (*_FREE, *_OF_THE_LEARNING_RATE, "batch_size", "processes")
        ]
        if before["batch_size"] * before["processes"] != self.step_size:
            compared += ["batch_size", "processes"]
        if not self._same_learning_rates(stored):
            compared += _OF_THE_LEARNING_RATE
        differing = [
            f"{key} {before[key]}, not {now[key]}"
            for key in compared
            if before[key] != now[key] and not (key == "model" and _same_model(before[key], now[key]))
        ]
        if differing:
            remedy = "pass the same options to continue it, or another `output`"
            if len(differing) == 1 and differing[0].startswith("images "):
                remedy = (
                    "its learning rate was to fall until then; train on from what it is, as another run: "
                    f"`model` {self.path} and another `output`"
                )
            raise InvalidOption(f"{self.path} was trained with {'; with '.join(differing)}: {remedy}")

    def _same_learning_rates(self, stored: TrainConfig) -> bool:
        """Whether all steps that were done would have had the same learning rates with this config."""
        if all(getattr(stored, key) == getattr(self.config, key) for key in _OF_THE_LEARNING_RATE):
            return True
        from layoutgen.training.optimizer import learning_rates  # here, as it loads torch

        old, new = learning_rates(stored, self.step_size), learning_rates(self.config, self.step_size)
        done = images_done(self.checkpoints) // self.step_size
        return all(old(step) == new(step) for step in range(done))

    def write(self) -> None:
        """Write the settings of the run, and the versions of the software that trains it.

        Raises:
            CannotSave: the disk is full, or may not be written.
        """
        from layoutgen.training.checkpoint import saving  # here, as it loads torch

        origin = self.origin | {"versions": _versions()}
        config = replace(self.start, settings=asdict(self.config)).plain()
        for name, content in (("config", config), ("origin", origin)):
            path = self.path / f"{name}.yaml"
            with saving(path, self.checkpoints), replacing(path) as aside:
                aside.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out of the folder; the system unlocks it however this process ends.

        Raises:
            OutputExists: another process trains in it.
        """
        if sys.platform == "win32":
            yield
            return
        import fcntl

        from layoutgen.training.checkpoint import saving

        path = self.path / ".lock"
        with saving(path, self.checkpoints):
            self.path.resolve().mkdir(parents=True, exist_ok=True)
            file = path.open("w")
        with file:
            try:
                # Unlike flock, it is not inherited by the workers, which outlive a killed run for seconds.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                remedy = "wait for it, or choose another `output`"
                raise OutputExists(f"{self.path} is being trained by another process: {remedy}") from error
            yield


def _same_model(one: str | None, other: str | None) -> bool:
    """Whether two ways to write a folder, or a hub id, mean the same model."""
    return one is not None and other is not None and Path(one).resolve() == Path(other).resolve()


def _versions() -> dict[str, str]:
    """Versions of the packages, and the commit if layoutgen runs from its own checkout."""
    versions = {"layoutgen": __version__, "python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # installed, perhaps inside the checkout of something else
        return versions
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        # Nothing of the command comes from a user.
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return versions
    return versions | ({"commit": found.stdout.strip()} if found.returncode == 0 else {})
