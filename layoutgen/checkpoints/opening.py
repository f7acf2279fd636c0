"""Where a checkpoint is that a user names, and what is said when it cannot be opened."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from layoutgen.checkpoints.hub import downloaded
from layoutgen.errors import InvalidFile, LayoutgenError, first_line
from layoutgen.io.tensor_header import read_tensor_header
from layoutgen.model_info import find_model


def local_path(name: str) -> Path:
    """The folder or file of the checkpoint called `name`; a hub id is downloaded.

    Raises:
        InvalidOption: there is no such model.
    """
    path = Path(find_model(name).source)
    return path if path.exists() else downloaded(name)


def check_complete(folder: Path, components: Mapping[str, Any]) -> None:
    """Refuse a model whose weights lack some tensors, and let its tokenizer cut texts as its encoder needs.

    Raises:
        InvalidFile: names a tensor, or says how many are missing.
    """
    remedy = "copy the model again"
    for name, part in components.items():
        if not isinstance(part, nn.Module):
            continue
        missing = [key for key, value in part.named_parameters() if value.is_meta]
        if missing:
            raise InvalidFile(folder / name, f"its weights lack {missing[0]}", remedy=remedy)
        # transformers fills what is missing with random numbers.
        files = list((folder / name).glob("*.safetensors"))
        held, needed = sum(len(read_tensor_header(file).shapes) for file in files), len(part.state_dict())
        if files and held < needed:
            raise InvalidFile(folder / name, f"its weights lack {needed - held} tensors", remedy=remedy)
    positions = components["text_encoder"].config.max_position_embeddings
    if components["tokenizer"].model_max_length > positions:  # of no limit, in some folders
        components["tokenizer"].model_max_length = positions


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
