"""Arrays on disk that were computed once, found by a key of everything that they depend on.

A changed file, weight or setting has another key, so a stale array is never read; none is deleted by
anybody but the user (``DATA/.latents``).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import nn

from layoutgen.errors import CannotSave
from layoutgen.io.files import replacing

Half = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Cache:
    """Half-precision arrays in `folder`; `report` is told before one is computed."""

    folder: Path
    report: Callable[[str], None] = lambda message: None

    def array(self, name: str, shape: tuple[int, ...], parts: Iterable[Half], what: str) -> Path:
        """The file of the array called `name`; `parts`, joined along the first axis, are it if there is none.

        It is written from front to back, not through a mapping, which a full disk would turn into a crash.

        Raises:
            CannotSave: the disk is full, or may not be written.
        """
        file = self.folder / f"{name}.npy"
        if file.is_file():
            return file
        self.report(f"encoding {what} into {file}")
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        try:
            with replacing(file) as aside, aside.open("wb") as out:
                np.lib.format.write_array_header_1_0(out, header)
                for part in parts:
                    out.write(part.astype("<f2").tobytes())
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            remedy = "make room, or leave out --cache-latents"
            raise CannotSave(f"{file} cannot be written: {error.strerror}; {remedy}") from error
        return file


def key(module: nn.Module, content: object) -> str:
    """A name for what `module`, with its weights, makes of `content` (plain values)."""
    digest = hashlib.sha256(json.dumps([str(module), content]).encode())
    for value in module.state_dict().values():
        digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]
