"""Runs `layoutgen` in processes of their own that kill themselves at a chosen moment, or have a full disk.

They are forked from a server that has read the libraries, which saves seconds for each.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import matplotlib.backends.backend_agg
import matplotlib.figure  # noqa: F401
import torch
import transformers.models.clip.modeling_clip  # noqa: F401
from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: F401

import layoutgen.training.run  # noqa: F401
from layoutgen.cli import app
from layoutgen.training import snapshot

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


def layoutgen_process(
    arguments: list[str], output: Path, *, place: str = "", number: int = 0, room: int | None = None
) -> int:
    """Runs ``layoutgen`` with `arguments`; returns its exit code, or minus the signal that ended it.

    Args:
        output: file for what it prints.
        place, number: ``module:name`` of a function: the process is killed when its n-th call begins.
        room: bytes that a file may have; writing more fails, as on a full disk.
    """
    process = _CONTEXT.Process(target=_run, args=(arguments, str(output), place, number, room))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run(arguments: list[str], output: str, place: str, number: int, room: int | None) -> None:
    multiprocessing.set_start_method("fork", force=True)  # of the workers that read data, as anywhere else
    torch.set_num_threads(1)
    snapshot._PAINT_STEPS = 2
    with Path(output).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if place:
        _kill_at(place, number)
    if room is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    sys.argv = ["layoutgen", *arguments]
    app()


def _kill_at(place: str, number: int) -> None:
    module, name = place.split(":")
    *owners, function = name.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    real, calls = getattr(owner, function), [0]

    def killing(*given: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **named)

    setattr(owner, function, killing)
