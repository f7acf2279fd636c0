"""How much memory a call needs at its worst moment."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(call: Callable[[], object]) -> float:
    """MB in use at the worst moment of `call`, with all that the process held before; NaN where unknown.

    On CUDA: of the allocator. On a CPU: of the whole process, as Linux counts it.
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        call()
        return torch.cuda.max_memory_allocated() / 2**20
    if not sys.platform.startswith("linux"):
        call()
        return float("nan")
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls freed would hide what this one needs
    _RESET.write_text("5")  # the high-water mark starts anew: proc(5)
    call()
    (line,) = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
