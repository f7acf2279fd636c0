"""What kind of model a folder or a file holds, without loading it: one check for all commands."""

from __future__ import annotations

from pathlib import Path

from layoutgen.io.tensor_header import read_tensor_header
from layoutgen.model_kind.folders import kind_of_folder
from layoutgen.model_kind.kinds import LORA, UNKNOWN, ModelKind, Role
from layoutgen.model_kind.parts import check_parts
from layoutgen.model_kind.single_files import kind_of_tensors

__all__ = ["LORA", "UNKNOWN", "ModelKind", "Role", "check_parts", "kind_of", "kind_of_tensors"]


def kind_of(path: Path) -> ModelKind | None:
    """The kind of the model in the folder or the .safetensors file at `path`; None: it holds no model.

    Raises:
        InvalidFile: one of its files is broken.
    """
    if path.is_dir():
        return kind_of_folder(path)
    if path.suffix == ".safetensors":
        return kind_of_tensors(read_tensor_header(path).shapes)
    return None
