"""``layoutgen`` in processes on the CPU that accelerate takes for GPUs: it wraps the model by FSDP."""

from __future__ import annotations

import sys
from typing import Any

import torch
import torch.distributed.fsdp as fsdp
from accelerate.state import PartialState
from accelerate.utils import DistributedType

from layoutgen.cli import app

_CONFIG = fsdp.FullStateDictConfig


def _gloo(self: PartialState, *arguments: Any, **named: Any) -> tuple[str, DistributedType]:
    return "gloo", DistributedType.MULTI_GPU


def _cpu(self: PartialState) -> None:
    self.device = torch.device("cpu")


def _not_offloaded(**named: Any) -> fsdp.FullStateDictConfig:
    # What is on the CPU already would be freed with its shard.
    return _CONFIG(**named | {"offload_to_cpu": False, "rank0_only": False})


if __name__ == "__main__":
    PartialState._prepare_backend = _gloo
    PartialState.set_device = _cpu
    fsdp.FullStateDictConfig = _not_offloaded
    sys.argv[0] = "layoutgen"
    app()
