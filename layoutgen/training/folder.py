"""The run folder: what a run was told and of what it is made; whether it may be continued so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from layoutgen import __version__
from layoutgen.errors import InvalidOption, OutputExists
from layoutgen.io.files import replacing
from layoutgen.training.checkpoint import images_done, saving
from layoutgen.training.config import TrainConfig, read_options
from layoutgen.training.schedule import learning_rates
from layoutgen.training.scratch import ScratchConfig

# What may differ when a run is continued: it changes neither the examples nor what is learnt from them.
_FREE = {
    "micro_batch", "save_every", "keep_checkpoints", "report_every", "validation", "tracker", "workers",
    "gradient_checkpointing", "compile",
}  # fmt: skip
# What may differ if all steps that were done would have had the same learning rate.
_OF_THE_RATE = ("images", "schedule", "warmup", "learning_rate")
_PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "numpy", "pillow")


@dataclass(frozen=True)
class RunFolder:
    """The folder `path` of a run with `config` and `origin`; ``config.yaml`` and ``origin.yaml`` hold them.

    Attributes:
        origin: of what else a run is made: model, from_scratch, data (a fingerprint), processes.
    """

    path: Path
    config: TrainConfig
    origin: dict[str, Any]

    @property
    def checkpoints(self) -> Path:
        """Where a run continues from."""
        return self.path / "checkpoints"

    @property
    def step_size(self) -> int:
        """Examples of a step, on all processes together."""
        return int(self.config.batch_size * self.origin["processes"])

    def check(self) -> None:
        """Refuse a folder that is no run, or one of a run that this is no continuation of.

        Raises:
            OutputExists: it holds something else.
            InvalidOption: names the option that differs.
        """
        file = self.path / "config.yaml"
        if self.path.exists() and not self.path.is_dir():
            raise InvalidOption(f"--output {self.path} is a file; name a folder")
        if not file.is_file():
            others = [p.name for p in self.path.iterdir() if p.name != "start"] if self.path.is_dir() else []
            if any(not name.startswith(".") for name in others):
                problem = "holds something that is no training run; choose another --output"
                raise OutputExists(f"{self.path} {problem}")
            return
        now = plain(asdict(self.config)) | self.origin
        self._compare(now | self._before(file), now)

    def _before(self, file: Path) -> dict[str, Any]:
        """What was written down; an option that is newer than the run was at its default."""
        config = TrainConfig(**read_options(file, TrainConfig))
        origin = self.path / "origin.yaml"
        if not origin.is_file():  # killed between the two
            return plain(asdict(config))
        stored = yaml.safe_load(origin.read_text(encoding="utf-8"))
        if stored["from_scratch"] is not None:
            stored["from_scratch"] = plain(asdict(ScratchConfig())) | stored["from_scratch"]
        return plain(asdict(config)) | stored

    def _compare(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        compared = [key for key in now if key not in (*_FREE, *_OF_THE_RATE, "batch_size", "processes")]
        if before["batch_size"] * before["processes"] != self.step_size:
            compared += ["batch_size", "processes"]
        if not self._same_rates(before):
            compared += _OF_THE_RATE
        for key in compared:
            if before[key] != now[key]:
                raise InvalidOption(
                    f"{self.path} was trained with {key} {before[key]}, not {now[key]}: "
                    "pass the same options to continue it, or another --output"
                )

    def _same_rates(self, before: dict[str, Any]) -> bool:
        """Whether all steps that were done would have had the same learning rates with this config."""
        earlier = TrainConfig(**{f.name: before[f.name] for f in fields(TrainConfig)})
        old, new = learning_rates(earlier, self.step_size), learning_rates(self.config, self.step_size)
        done = images_done(self.checkpoints) // self.step_size
        return all(old(step) == new(step) for step in range(done))

    def write(self) -> None:
        """Write down what the run was told, and by what it is trained.

        Raises:
            CannotSave: the disk is full, or may not be written.
        """
        origin = self.origin | {"versions": _versions()}
        for name, content in (("config", plain(asdict(self.config))), ("origin", origin)):
            path = self.path / f"{name}.yaml"
            with saving(path, self.checkpoints), replacing(path) as aside:
                aside.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other processes out of the folder; the system lets go of it however this one ends.

        Raises:
            OutputExists: another process trains in it.
        """
        if sys.platform == "win32":
            yield
            return
        import fcntl

        path = self.path / ".lock"
        with saving(path, self.checkpoints):
            self.path.mkdir(parents=True, exist_ok=True)
            file = path.open("w")
        with file:
            try:
                # Unlike flock, it is not inherited by the workers, which outlive a killed run for seconds.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                remedy = "wait for it, or choose another --output"
                raise OutputExists(f"{self.path} is being trained by another process: {remedy}") from error
            yield


def plain(content: dict[str, Any]) -> dict[str, Any]:
    """With lists for tuples, as YAML writes and reads them."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in content.items()}


def _versions() -> dict[str, str]:
    """By what the run is trained: packages, and the commit if layoutgen runs from its own checkout."""
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
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return versions
    return versions | ({"commit": found.stdout.strip()} if found.returncode == 0 else {})
