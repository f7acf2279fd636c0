"""The head of a .safetensors file: names and shapes of its tensors, without their values (or torch)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layoutgen.errors import InvalidFile
from layoutgen.io.stand_ins import check_stand_in

_LARGEST = 100_000_000  # bytes of a head; the limit of the format

Shapes = Mapping[str, tuple[int, ...]]
"""The shape of each tensor by its name."""


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """What a .safetensors file says of itself: the tensors' shapes, and its metadata.

    Attributes:
        whole: names of the tensors of whole numbers, such as positions, or weights that are quantised.
    """

    shapes: Shapes
    metadata: Mapping[str, str]
    whole: frozenset[str] = frozenset()


def read_tensor_header(path: Path) -> TensorHeader:
    """The head of the .safetensors file at `path`.

    Raises:
        InvalidFile: it cannot be read, is cut off, or is no such file.
    """
    remedy = "download it again"
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _LARGEST:
                check_stand_in(path)
                raise InvalidFile(path, "is no .safetensors file, or cut off", remedy=remedy)
            head = json.loads(file.read(length))
        shapes, whole, end = {}, set(), 0
        metadata = head.pop("__metadata__", None) or {}
        for name, entry in head.items():
            shapes[name] = tuple(int(side) for side in entry["shape"])
            if str(entry["dtype"]).startswith(("I", "U", "BOOL")):
                whole.add(name)
            end = max(end, int(entry["data_offsets"][1]))
    except OSError as error:
        raise InvalidFile(path, f"cannot be read: {error.strerror}", remedy="make it readable") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise InvalidFile(path, "is no .safetensors file, or cut off", remedy=remedy) from None
    missing = 8 + length + end - path.stat().st_size
    if missing > 0:
        raise InvalidFile(path, f"is cut off: {missing:,} bytes are missing", remedy=remedy)
    return TensorHeader(shapes, _texts(metadata), frozenset(whole))


def _texts(metadata: Any) -> dict[str, str]:
    """The entries of `metadata` that are text, as all should be."""
    pairs = metadata.items() if isinstance(metadata, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str)}
