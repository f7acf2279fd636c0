"""Weights in torch's older format, a pickle: read as tensors only, so that no file can run code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from layoutgen.errors import InvalidFile, first_line
from layoutgen.io.pickles import check_tensors_only
from layoutgen.io.tensor_header import TensorHeader


def load_pickle(path: Path) -> dict[str, Any]:
    """The mapping in the .ckpt, .pt, .pth or .bin file at `path`, by a loader that knows tensors only.

    Raises:
        InvalidFile: it names something else, which might be code; or it is no file of weights.
    """
    check_tensors_only(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a broken pickle it is anything
        problem = f"is no file of weights, or cut off: {first_line(error)}"
        raise InvalidFile(path, problem, remedy="copy it again") from error
    if not isinstance(loaded, dict):
        raise InvalidFile(
            path, f"holds a {type(loaded).__name__}, no weights by name", remedy="give a state_dict"
        )
    return loaded


def load_weights(path: Path) -> dict[str, Any]:
    """The tensors by name in the pickle at `path`: what a trainer saves beside them is left out.

    Raises:
        InvalidFile: see :func:`load_pickle`.
    """
    weights = load_pickle(path)
    while isinstance(weights.get("state_dict"), dict):
        weights = weights["state_dict"]
    return weights


def pickled_header(path: Path) -> TensorHeader:
    """Names and shapes of the tensors in the file at `path`, as :func:`read_tensor_header` gives them.

    Raises:
        InvalidFile: see :func:`load_pickle`.
    """
    tensors = {name: value for name, value in load_weights(path).items() if isinstance(value, Tensor)}
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    whole = (name for name, value in tensors.items() if not value.is_floating_point())
    return TensorHeader(shapes, {}, frozenset(whole))
