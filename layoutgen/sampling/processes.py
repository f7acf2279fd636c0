"""Which of several processes this one is, as accelerate and torchrun say it; without talking to them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Processes:
    """This process is number `rank` of `count`, and number `local` on its machine."""

    rank: int = 0
    count: int = 1
    local: int = 0

    def device(self) -> str | None:
        """The accelerator that is this process's; None: whichever there is."""
        import torch

        return f"cuda:{self.local}" if self.count > 1 and torch.cuda.is_available() else None

    def share(self, work: Sequence[T]) -> list[T]:
        """The part of `work` that is this process's: one in `count`."""
        return list(work[self.rank :: self.count])


ALONE = Processes()


def running_processes() -> Processes:
    """Who we are, from the environment that ``accelerate launch`` sets."""
    named = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0}
    return Processes(*(int(os.environ.get(name, number)) for name, number in named.items()))
