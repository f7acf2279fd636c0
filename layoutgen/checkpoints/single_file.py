"""Opens checkpoints that are one file, in the original key layout, without a network."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from layoutgen.checkpoints.configuration import Configuration, configuration_of, write_configuration
from layoutgen.checkpoints.opening import as_invalid_file
from layoutgen.checkpoints.pickles import pickled_header
from layoutgen.checkpoints.prediction import predicted_by
from layoutgen.checkpoints.tensor_check import another_depth, check_tensors, lacks
from layoutgen.errors import InvalidFile
from layoutgen.io.tensor_header import TensorHeader, read_tensor_header
from layoutgen.model_kind import ModelKind, Role, kind_of_tensors
from layoutgen.model_kind.sizes import V2_OF_NOISE, stated_prediction, stated_side

COMPONENTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler", "text_encoder_2", "tokenizer_2")


def open_single_file(path: Path, dtype: torch.dtype | None = None) -> dict[str, Any]:
    """The components of the checkpoint at `path` by name, as a diffusers pipeline has them.

    Raises:
        InvalidFile: it is no Stable Diffusion checkpoint, or damaged; says what it is.
    """
    header = header_of(path)
    kind = kind_of_tensors(header.shapes)
    check_single_file(path, kind)
    assert kind.base is not None  # a painter has one
    import diffusers  # here: its pipelines are slow to import, and say much meanwhile

    with as_invalid_file(path), tempfile.TemporaryDirectory() as folder:
        configuration = _checked_configuration(path, header, kind.base)
        write_configuration(configuration, Path(folder))
        opener = getattr(diffusers, configuration["model_index"]["_class_name"])
        unsafe = {} if kind.base == "sdxl" else {"requires_safety_checker": False}
        pipeline = opener.from_single_file(
            str(path), config=folder, local_files_only=True, torch_dtype=dtype, **unsafe
        )
        if kind.base == "sd2" and stated_prediction(header.metadata) is None:
            _find_out_what_is_predicted(pipeline, stated_side(header.metadata) or V2_OF_NOISE)
    return {name: pipeline.components[name] for name in COMPONENTS if name in pipeline.components}


def _checked_configuration(path: Path, header: TensorHeader, base: str) -> Configuration:
    """The configuration of the file at `path`, which holds all tensors that it needs.

    Raises:
        InvalidFile: see :func:`check_tensors`.
    """
    try:
        configuration = configuration_of(base, header.shapes, header.metadata)
    except KeyError as error:
        raise InvalidFile(path, lacks([error.args[0]]), remedy=another_depth(base)) from None
    check_tensors(path, header, base, configuration)
    return configuration


def _find_out_what_is_predicted(pipeline: Any, side_if_noise: int) -> None:
    """Let `pipeline` of v2 say what it predicts; of noise, it was trained on images of `side_if_noise` px."""
    timesteps = int(pipeline.scheduler.config.num_train_timesteps)
    predicted = predicted_by(pipeline.unet, pipeline.tokenizer, pipeline.text_encoder, timesteps)
    if predicted == "epsilon":
        pipeline.scheduler = type(pipeline.scheduler).from_config(
            pipeline.scheduler.config, prediction_type=predicted
        )
        pipeline.unet.register_to_config(sample_size=side_if_noise // pipeline.vae_scale_factor)


def header_of(path: Path) -> TensorHeader:
    """Names and shapes of the tensors in the file at `path`, and its metadata.

    Raises:
        InvalidFile: it is no file of weights, or holds more than weights.
    """
    return read_tensor_header(path) if path.suffix == ".safetensors" else pickled_header(path)


def check_single_file(path: Path, kind: ModelKind) -> None:
    """Refuse a file that is no model to paint with.

    Raises:
        InvalidFile: says what it is.
    """
    if kind.role is not Role.PAINTER:
        raise InvalidFile(path, f"is {kind.what}", remedy=f"give {Role.PAINTER.value}")
