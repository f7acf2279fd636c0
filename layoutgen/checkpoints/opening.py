"""Where a checkpoint is that a user names, and what is said when it cannot be opened."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from layoutgen.checkpoints.hub import downloaded
from layoutgen.errors import InvalidFile, LayoutgenError, first_line
from layoutgen.model_info import find_model


def local_path(name: str) -> Path:
    """The folder or file of the checkpoint called `name`; a hub id is downloaded.

    Raises:
        InvalidOption: there is no such model.
    """
    path = Path(find_model(name).source)
    return path if path.exists() else downloaded(name)


@contextlib.contextmanager
def as_invalid_file(path: Path, remedy: str = "is it whole?") -> Iterator[None]:
    """Say in one line what other libraries raise about the checkpoint at `path`.

    Raises:
        InvalidFile: instead of what they raise. Running out of memory stays what it is.
    """
    import torch

    try:
        with warnings.catch_warnings():
            # diffusers renames `torch_dtype`; its older versions do not know the new name.
            warnings.filterwarnings("ignore", "`torch_dtype` is deprecated", FutureWarning)
            yield
    except (LayoutgenError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # what the libraries raise on a broken file is anything
        problem = f"cannot be opened: {first_line(error)}"
        raise InvalidFile(path, problem, remedy=remedy) from error
