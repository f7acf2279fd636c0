"""Runs `layoutgen` in processes that are ended from outside, or have too little of something.

They are forked from a server that has read the libraries, which saves seconds for each.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers.models.clip.modeling_clip  # noqa: F401
from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: F401

import layoutgen.training.run  # noqa: F401
from layoutgen.cli import app
from layoutgen.training import snapshot

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])
for module in ("prepare_coco", "write_scenes", "scene_recipe"):
    importlib.import_module(f"layoutgen.data.{module}")


@dataclass(frozen=True)
class Limits:
    """What a process may have.

    Attributes:
        after: seconds after which the `signal` is sent.
        file_size: bytes of a file; writing more fails, as on a full disk.
        memory: bytes that it may take, more than it begins with.
        threads: of torch.
    """

    after: float | None = None
    signal: int = signal.SIGKILL
    file_size: int | None = None
    memory: int | None = None
    threads: int = 1


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or minus the signal; what it printed; seconds that it took."""

    code: int
    printed: str
    seconds: float


def run(arguments: list[str], log: Path, limits: Limits | None = None) -> Ended:
    """Runs ``layoutgen`` with `arguments`, which prints into `log`."""
    limits = limits or Limits()
    process = _CONTEXT.Process(target=_run, args=(arguments, str(log), limits))
    started = log.with_name(f"{log.name}.started")
    started.unlink(missing_ok=True)
    process.start()
    while not started.exists() and process.is_alive():
        time.sleep(0.002)
    begun = time.monotonic()
    if limits.after is not None:
        process.join(limits.after)
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, limits.signal)
    process.join()
    assert process.exitcode is not None
    return Ended(process.exitcode, log.read_text(errors="replace"), time.monotonic() - begun)


def _run(arguments: list[str], log: str, limits: Limits) -> None:
    multiprocessing.set_start_method("fork", force=True)  # of workers, as anywhere else
    torch.set_num_threads(limits.threads)
    snapshot._PAINT_STEPS = 2
    with Path(log).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if limits.file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_size, limits.file_size))
    if limits.memory is not None:
        status = Path("/proc/self/status").read_text().splitlines()
        now = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
        resource.setrlimit(resource.RLIMIT_DATA, (now + limits.memory, now + limits.memory))
    sys.argv = ["layoutgen", *arguments]
    Path(f"{log}.started").touch()
    app()
