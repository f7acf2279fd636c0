"""Whether a single file holds the tensors of the networks that it is to fill, seen before any is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import diffusers
import torch
import transformers

from layoutgen.checkpoints.configuration import Configuration
from layoutgen.checkpoints.original_names import open_clip_name, unet_name, vae_name
from layoutgen.errors import InvalidFile
from layoutgen.io.tensor_header import Shapes, TensorHeader
from layoutgen.model_kind.original_layout import TEXTS, UNET, VAE

_CALLED = {"sd1": "Stable Diffusion v1", "sd2": "Stable Diffusion v2", "sdxl": "Stable Diffusion XL"}
_WHOLE = "copy it again"
_SCALES = (".scale_weight", ".weight_scale", ".scale_input", ".input_scale")
"""How the names of tensors end by which quantised weights are to be multiplied."""


def check_tensors(path: Path, header: TensorHeader, base: str, configuration: Configuration) -> None:
    """Refuse the single file at `path` unless its tensors are those of a `base` of this `configuration`.

    A library would fill what is missing with nothing, and leave out what has no place.

    Raises:
        InvalidFile: names a tensor that is missing, of another shape, quantised, or without a place.
    """
    scale = next((name for name in header.shapes if name.endswith(_SCALES)), None)
    if scale is not None:
        raise InvalidFile(
            path,
            f"has the tensor {scale}: its weights are quantised to scaled fp8",
            remedy="take the model in fp16 or fp32",
        )
    expected = dict(_expected(base, configuration, header.shapes))
    missing = [name for name in expected if name not in header.shapes]
    if missing:
        raise InvalidFile(path, lacks(missing), remedy=another_depth(base))
    for name, shape in expected.items():
        _check_tensor(path, header, name, shape)
    for name in header.shapes:
        if name.startswith(UNET) and name not in expected:
            problem = f"has the tensor {name}, for which {_CALLED[base]} has no place"
            raise InvalidFile(path, problem, remedy="take a model without additions, in fp16 or fp32")


def _check_tensor(path: Path, header: TensorHeader, name: str, shape: tuple[int, ...]) -> None:
    """Refuse the tensor `name` of the file at `path` unless it has this `shape`, and is of real numbers.

    Raises:
        InvalidFile: says what it is.
    """
    if _plain(header.shapes[name]) != _plain(shape):
        problem = f"its tensor {name} has the shape {header.shapes[name]}, and {shape} is needed"
        raise InvalidFile(path, problem, remedy=_WHOLE)
    if name in header.whole:
        problem = f"its tensor {name} is of whole numbers: the weights are quantised"
        raise InvalidFile(path, problem, remedy="take the model in fp16 or fp32")


def lacks(missing: list[str]) -> str:
    """Says that a file lacks tensors."""
    return f"lacks the tensor {missing[0]}" + (f" and {len(missing) - 1} more" if missing[1:] else "")


def another_depth(base: str) -> str:
    """What to do about a file of `base` that lacks tensors: it may be damaged, or of fewer layers."""
    return f"{_WHOLE}; if it is whole, it has fewer layers than {_CALLED[base]}: take its folder of diffusers"


def _expected(base: str, configuration: Configuration, held: Shapes) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the tensors that a single file of `base` has to hold."""
    with torch.device("meta"):
        unet = _shapes(diffusers.UNet2DConditionModel.from_config(configuration["unet"]))
        vae = _shapes(diffusers.AutoencoderKL.from_config(configuration["vae"]))
    for name, shape in unet.items():
        yield UNET + unet_name(name, configuration["unet"]["up_block_types"]), shape
    levels = len(configuration["vae"]["block_out_channels"])
    for name, shape in vae.items():
        yield VAE + vae_name(name, levels), shape
    for part, prefix in TEXTS[base].items():
        kind = getattr(transformers, configuration["model_index"][part][1])
        with torch.device("meta"):
            network = kind(transformers.CLIPTextConfig(**configuration[part]))
        for name, shape in _shapes(network).items():
            yield from _of_text(prefix, name, shape, held)


def _of_text(
    prefix: str, name: str, shape: tuple[int, ...], held: Shapes
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The tensor `name` of a text encoder whose tensors begin with `prefix` in the file."""
    if name.endswith("position_ids"):  # they are counted, and most files leave them out
        return
    if not prefix.endswith(".model."):
        inside = "text_model." if any(key.startswith(prefix + "text_model.") for key in held) else ""
        yield prefix + inside + name.removeprefix("text_model."), shape
        return
    original = open_clip_name(name)
    if ".in_proj_" in original:
        shape = (3 * shape[0], *shape[1:])
    yield prefix + original, shape[::-1] if original == "text_projection" else shape


def _shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def _plain(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A convolution of 1 x 1 is a matrix."""
    return shape[:2] if shape[2:] == (1, 1) else shape
