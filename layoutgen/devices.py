"""Which device torch computes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from layoutgen.errors import InvalidOption

if TYPE_CHECKING:
    import torch

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""The number formats that a model computes in, and torch's names of them."""


def resolve_device(name: str | None = None) -> str:
    """The device called `name`, such as ``cpu`` or ``cuda:1``; None: CUDA if there is one, else the CPU.

    Raises:
        InvalidOption: it is a CUDA device, and this machine has none.
    """
    import torch  # here, so that modules that load no torch can import this one

    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InvalidOption(f"`device` {name}: this machine has no CUDA device; leave it out, or use cpu")
    return name


def execution_device(module: Any) -> torch.device:
    """Where `module` computes: where it is, or where accelerate's hook moves it for that."""
    import torch

    hook = getattr(module, "_hf_hook", None)
    return torch.device(getattr(hook, "execution_device", None) or module.device)


def fastest_dtype(device: str) -> str:
    """The number format in which `device` is fastest."""
    import torch

    if device.startswith("cuda"):
        return "fp16"
    # torch has no public way to ask.
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    has_bf16 = device == "cpu" and any(getattr(torch.cpu, name, bool)() for name in asked)
    return "bf16" if has_bf16 else "fp32"


@contextmanager
def tensor_float_32(*, on: bool) -> Iterator[None]:
    """Let CUDA multiply fp32 matrices in TF32, or not; torch asks one switch for the whole process."""
    import torch

    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = on
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
