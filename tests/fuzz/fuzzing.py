"""One broken input after the other: changes a valid one, runs a command on it, puts it right again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from layoutgen.assets import MODEL
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling.run import load_pipeline
from tests.fuzz.inputs import Input
from tests.fuzz.mutations import mutate
from tests.fuzz.running import problem


@dataclass(frozen=True)
class Finding:
    """An input on which a command did neither work nor refuse in one line."""

    seed: int
    command: str
    file: str
    what: str


@dataclass
class Fuzzer:
    """Changes the files of `kind`, which it keeps in `folder`; the change number n is a function of n alone."""

    kind: Input
    folder: Path
    files: list[Path] = field(init=False)
    contents: dict[Path, bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.kind.make(self.folder)
        self.files = sorted(
            {path for pattern in self.kind.files for path in self.folder.glob(pattern) if path.is_file()}
        )
        assert self.files, self.kind.name
        self.contents = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def run(self, seed: int) -> Finding | None:
        """Make the change number `seed` and run one of the commands."""
        return self.run_with(Random(f"{self.kind.name} {seed}"), seed)

    def run_with(self, random: Random, seed: int = 0) -> Finding | None:
        """Make the change that `random` says and run one of the commands."""
        file, command, output = (
            random.choice(self.files),
            random.choice(self.kind.commands),
            self.folder / "OUT",
        )
        file.write_bytes(mutate(self.contents[file], file.name, random))
        try:
            words = [
                word.replace("IN", str(self.folder)).replace("OUT", str(output)) for word in command.split()
            ]
            found = problem(words)
            lost = found or self._harm(file)
        finally:
            self._put_right(file)
        return None if lost is None else Finding(seed, command, str(file.relative_to(self.folder)), lost)

    def _harm(self, changed: Path) -> str | None:
        """What the command did to the files that it should only read."""
        if any("IN/run" in command for command in self.kind.commands):  # it continues the run
            return None
        for path, content in self.contents.items():
            if path != changed and (not path.is_file() or path.stat().st_size != len(content)):
                return f"changed {path.relative_to(self.folder)}"
        known = {*self.contents, *(p for path in self.contents for p in path.parents)}
        new = [
            p for p in self.folder.rglob("*") if p not in known and not p.is_relative_to(self.folder / "OUT")
        ]
        return f"left {new[0].relative_to(self.folder)}" if new else None

    def _put_right(self, changed: Path) -> None:
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in self.contents:
                path.unlink()
        for path, content in self.contents.items():
            if path == changed or not path.is_file() or path.stat().st_size != len(content):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        for path in self.folder.iterdir():
            if path.name.startswith(("OUT", ".")):
                shutil.rmtree(path, ignore_errors=True)


@cache
def _small_model() -> LayoutPipeline:
    return load_pipeline(str(MODEL), "cpu", "fp32")


@contextmanager
def without_painting(active: bool) -> Iterator[None]:
    """Let `sample` do all but paint, with a model that is loaded once: what reads its input comes before."""

    def nothing(*_: Any, **__: Any) -> Iterator[Any]:
        yield from ()

    if not active:
        yield
        return
    with (
        mock.patch("layoutgen.sampling.run.load_pipeline", lambda *_, **__: _small_model()),
        mock.patch("layoutgen.sampling.run.sample", nothing),
    ):
        yield
