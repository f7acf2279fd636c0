"""Where a checkpoint is that a user names, and what is said when it cannot be opened."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from layoutgen.checkpoints.hub import downloaded
from layoutgen.checkpoints.weight_files import names_read
from layoutgen.errors import InvalidFile, LayoutgenError, first_line
from layoutgen.model_info import find_model


def local_path(name: str) -> Path:
    """The folder or file of the checkpoint called `name`; a hub id is downloaded.

    Raises:
        InvalidOption: there is no such model.
    """
    path = Path(find_model(name).source)
    return path if path.exists() else downloaded(name)


def check_complete(folder: Path, components: Mapping[str, Any], variant: str | None = None) -> None:
    """Refuse a model whose weights lack some tensors, and let its tokenizer cut texts as its encoder needs.

    Args:
        variant: of the weights, which was asked for.

    Raises:
        InvalidFile: names a tensor.
    """
    for name, part in components.items():
        if not isinstance(part, nn.Module):
            continue
        missing = [key for key, value in part.named_parameters() if value.is_meta]
        if not missing and isinstance(part, PreTrainedModel):
            # transformers fills what is missing with random numbers.
            held = {_plain(key) for key in names_read(folder / name, variant)}
            missing = [key for key, _ in part.named_parameters() if _plain(key) not in held]
        if missing:
            more = f" and {len(missing) - 1} more" if missing[1:] else ""
            problem = f"its weights lack {missing[0]}{more}"
            raise InvalidFile(folder / name, problem, remedy="copy the model again")
    positions = components["text_encoder"].config.max_position_embeddings
    if components["tokenizer"].model_max_length > positions:  # of no limit, in some folders
        components["tokenizer"].model_max_length = positions


def _plain(name: str) -> str:
    """The name of a tensor of CLIP, which newer versions of transformers write without ``text_model``."""
    return name.removeprefix("text_model.")


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
