"""How much memory a canvas takes, and how much there is, before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from layoutgen.domain.layout import Layout
from layoutgen.errors import DoesNotFit

_BYTES = 140
"""Of a pixel while it is painted, decoded, drawn and saved; measured: 130 from 1,536 x 1,536 px on."""
_LIMITS = Path("/sys/fs/cgroup")


def check_memory(layouts: Sequence[Layout], zoom: Callable[[Layout], int]) -> None:
    """Refuse canvases that do not fit into memory, each painted `zoom` of it times as large.

    Raises:
        DoesNotFit: says how much the largest needs, how much there is, and what would do.
    """
    if not layouts:
        return
    needed, largest, times = max(
        ((canvas_bytes(one, zoom(one)), one, zoom(one)) for one in layouts), key=lambda found: found[0]
    )
    free = free_bytes()
    if needed <= free:
        return
    ratio = math.sqrt(free / needed)
    size = " x ".join(
        f"{max(64, int(side * ratio) // 64 * 64):,}" for side in (largest.width, largest.height)
    )
    larger = f", painted {times} times as large," if times > 1 else ""
    raise DoesNotFit(
        f"a canvas of {largest.width:,} x {largest.height:,} px{larger} takes about {gib(needed)} of "
        f"memory, and {gib(free)} are free: use one of at most {size} px"
    )


def canvas_bytes(layout: Layout, zoom: int = 1) -> int:
    """About how much memory it takes to paint `layout`, `zoom` times as large, beside the model itself."""
    return layout.width * layout.height * zoom**2 * _BYTES


def free_bytes() -> int:
    """The memory that this process may still take: of the machine, or of its container."""
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((_LIMITS / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no container, or "max": no limit
        return free
    return max(0, min(free, limit - used))


def gib(count: int) -> str:
    """So many bytes in GiB, as people read it."""
    return f"{count / 2**30:,.1f} GiB" if count < 100 * 2**30 else f"{count / 2**30:,.0f} GiB"
