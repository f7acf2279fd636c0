"""Adds the low-rank adapters in a file to the weights that they belong to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from layoutgen.additions import Lora
from layoutgen.checkpoints.opening import as_invalid_file
from layoutgen.checkpoints.pickles import load_weights
from layoutgen.checkpoints.single_file import header_of
from layoutgen.errors import InvalidOption
from layoutgen.io.tensor_header import TensorHeader
from layoutgen.model_kind import LORA, kind_of_tensors

_ADAPTER = "added"
_PAIRS = ((".lora_down", ".lora_up"), (".lora_A", ".lora_B"), ("lora.down", "lora.up"))
"""What the two matrices of an adapter are called, in the keys of kohya, of peft, and of older diffusers."""
_CONFIGURED = "lora_adapter_metadata"
"""Where diffusers writes the ranks and scales of the adapters into a file, and reads them."""


def add_lora(theirs: Any, lora: Lora) -> None:
    """Add the adapters in a file to the weights of `theirs`, a pipeline of diffusers.

    Raises:
        InvalidOption: it is no LoRA, or one for another base model.
        InvalidFile: it is broken.
    """
    with as_invalid_file(lora.path, "is it whole, and for this base model?"), _only_errors_raised():
        header = header_of(lora.path)
        kind = kind_of_tensors(header.shapes)  # of a pickle nothing was known before
        if kind != LORA:
            raise InvalidOption(f"`lora` {lora.path} is {kind.what}: give a LoRA")
        state, *_ = theirs.lora_state_dict(_given(lora, header), unet_config=theirs.unet.config)
        in_file = sum(".alpha" not in name for name in state)
        try:
            theirs.load_lora_weights(_given(lora, header), adapter_name=_ADAPTER)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError) as error:  # layers of other sizes, or none of these names
            raise InvalidOption(
                f"`lora` {lora.path} is for another base model: its layers have other names or sizes than "
                "those of this one; take one of the same"
            ) from error
        networks = (part for part in theirs.components.values() if isinstance(part, nn.Module))
        added = sum(map(_adapter_tensors, networks))
        if added < in_file:
            raise InvalidOption(
                f"`lora` {lora.path} is for another base model: only {added} of its {in_file} tensors "
                "have a place in this one; take one of the same"
            )
        theirs.fuse_lora(lora_scale=lora.weight, adapter_names=[_ADAPTER])
        theirs.unload_lora_weights()


def alike(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same adapters, all of one rank and without a scale of their own.

    An adapter adds alpha / rank * up @ down to a weight. Files that were resized, or have adapters of
    convolutions, have several alphas and ranks; diffusers gives most of them the commonest alpha.
    """
    result = dict(weights)
    pairs = {name: pair for name in weights if (pair := _other(name)) in weights}
    largest = max((weights[down].shape[0] for down in pairs), default=0)
    for down, up in pairs.items():
        rank = weights[down].shape[0]
        alpha = result.pop(f"{_layer(down)}.alpha", None)
        scale = 1.0 if alpha is None else float(alpha) / rank
        result[down] = _extended(weights[down], 0, largest)
        result[up] = _extended(weights[up].float() * scale, 1, largest)
    return result


def _given(lora: Lora, header: TensorHeader) -> Any:
    """What diffusers is told to read; it takes a dictionary apart."""
    safe = lora.path.suffix == ".safetensors"
    if _CONFIGURED in header.metadata:
        return str(lora.path)
    # A pickle may hold them inside of what a trainer saves.
    return alike(load_file(lora.path) if safe else load_weights(lora.path))


def _other(down: str) -> str:
    """The name of the second matrix of the adapter whose first is `down`; "": it is no first one."""
    return next((down.replace(first, second) for first, second in _PAIRS if first in down), "")


def _layer(down: str) -> str:
    """The name of the layer that an adapter belongs to."""
    mark = next(first for first, _ in _PAIRS if first in down)
    return down.partition(mark)[0].removesuffix(".").removesuffix("_")


def _extended(matrix: Tensor, dim: int, size: int) -> Tensor:
    """`matrix` with zeros at the end of `dim`, up to `size`."""
    shape = list(matrix.shape)
    shape[dim] = size - shape[dim]
    return torch.cat([matrix, matrix.new_zeros(shape)], dim).contiguous()


def _adapter_tensors(module: nn.Module) -> int:
    return sum(f".{_ADAPTER}." in name and "lora_" in name for name, _ in module.named_parameters())


@contextlib.contextmanager
def _only_errors_raised() -> Iterator[None]:
    """Keep diffusers from writing what it raises anyway into its log, of many lines."""
    import diffusers

    level = diffusers.utils.logging.get_verbosity()
    diffusers.utils.logging.set_verbosity(diffusers.utils.logging.CRITICAL)
    try:
        yield
    finally:
        diffusers.utils.logging.set_verbosity(level)
