"""Applies what a user adds to a checkpoint to its components; afterwards they are plain components."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from layoutgen.additions import Additions, Lora
from layoutgen.checkpoints.opening import as_invalid_file
from layoutgen.checkpoints.pickles import load_pickle, load_weights
from layoutgen.checkpoints.single_file import header_of
from layoutgen.checkpoints.vae import open_vae
from layoutgen.errors import InvalidOption
from layoutgen.model_kind import LORA, kind_of_tensors

_ADAPTER = "added"
_REMEDY = "is it whole, and for this base model?"


def add_to(components: dict[str, Any], additions: Additions) -> dict[str, Any]:
    """The components of a Stable Diffusion pipeline with what is added to them; they are changed in place.

    Raises:
        InvalidOption, InvalidFile: something does not go with this model.
    """
    additions.check()
    parts = dict(components)
    if additions.vae is not None:
        parts["vae"] = open_vae(Path(additions.vae).expanduser(), parts["vae"])
    if additions.embedding or additions.lora:
        theirs = _as_diffusers(parts)
        for file in additions.embedding:
            _add_embedding(theirs, Path(file).expanduser())
        for lora in additions.loras:
            _add_lora(theirs, lora)
    if additions.clip_skip is not None and not _is_xl(parts):  # which reads one layer and pools another
        _cut(parts["text_encoder"], additions.clip_skip - 1)
    return parts


def _as_diffusers(parts: dict[str, Any]) -> Any:
    """diffusers' own pipeline of the same components, which knows the formats."""
    import diffusers  # here: its pipelines are slow to import, and say much meanwhile

    common = {name: parts[name] for name in ("vae", "text_encoder", "tokenizer", "unet", "scheduler")}
    if _is_xl(parts):
        second = {name: parts[name] for name in ("text_encoder_2", "tokenizer_2")}
        return diffusers.StableDiffusionXLPipeline(**common, **second, add_watermarker=False)
    return diffusers.StableDiffusionPipeline(
        **common, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )


def _is_xl(parts: dict[str, Any]) -> bool:
    return parts.get("text_encoder_2") is not None


def _add_embedding(theirs: Any, path: Path) -> None:
    """Give the text encoders the words in the file at `path`."""
    with as_invalid_file(path, _REMEDY):
        vectors = load_file(path) if path.suffix == ".safetensors" else load_pickle(path)
        pair = {"clip_l", "clip_g"} <= vectors.keys()
        if pair != (getattr(theirs, "text_encoder_2", None) is not None):
            one, other = ("XL", "this is v1 or v2") if pair else ("v1 or v2", "this is XL")
            raise InvalidOption(
                f"`embedding` {path} is for Stable Diffusion {one}, and {other}: leave it out"
            )
        if pair:
            _add_pair(theirs, path.stem, vectors)
            return
        if len(vectors) != 1 and "string_to_param" not in vectors:
            raise InvalidOption(f"`embedding` {path} is no textual inversion embedding: give one")
        # A file of diffusers holds its token; that of other tools goes by the file's name.
        own = len(vectors) == 1 and not vectors.keys() & {"emb_params", "clip_l", "clip_g"}
        theirs.load_textual_inversion(vectors, token=None if own else path.stem)


def _add_pair(theirs: Any, word: str, vectors: Mapping[str, Any]) -> None:
    """Give each text encoder of Stable Diffusion XL its own `vectors` of `word`."""
    for key, part in (("clip_l", ""), ("clip_g", "_2")):
        theirs.load_textual_inversion(
            vectors[key],
            token=word,
            text_encoder=getattr(theirs, f"text_encoder{part}"),
            tokenizer=getattr(theirs, f"tokenizer{part}"),
        )


def _add_lora(theirs: Any, lora: Lora) -> None:
    """Add the adapters in a file to the weights that they belong to."""
    with as_invalid_file(lora.path, _REMEDY):
        kind = kind_of_tensors(header_of(lora.path).shapes)  # of a pickle nothing was known before
        if kind != LORA:
            raise InvalidOption(f"`lora` {lora.path} is {kind.what}: give a LoRA")
        # A pickle may hold them inside of what a trainer saves. Diffusers takes a dictionary apart.
        given: Any = str(lora.path) if lora.path.suffix == ".safetensors" else load_weights(lora.path)
        state, *_ = theirs.lora_state_dict(copy.copy(given), unet_config=theirs.unet.config)
        in_file = sum(".alpha" not in name for name in state)
        theirs.load_lora_weights(given, adapter_name=_ADAPTER)
        networks = (part for part in theirs.components.values() if isinstance(part, nn.Module))
        added = sum(map(_adapter_tensors, networks))
        if added < in_file:
            raise InvalidOption(
                f"`lora` {lora.path} is for another base model: only {added} of its {in_file} tensors "
                "have a place in this one; take one of the same"
            )
        theirs.fuse_lora(lora_scale=lora.weight, adapter_names=[_ADAPTER])
        theirs.unload_lora_weights()


def _adapter_tensors(module: nn.Module) -> int:
    return sum(f".{_ADAPTER}." in name and "lora_" in name for name, _ in module.named_parameters())


def _cut(text_encoder: Any, layers: int) -> None:
    """Leave out the last `layers` of a text encoder, whose last norm then reads the one before them."""
    network = getattr(text_encoder, "text_model", text_encoder)  # flat in newer transformers
    kept = len(network.encoder.layers) - layers
    if kept < 1:
        most = kept + layers
        raise InvalidOption(f"`clip_skip` must be from 1 to {most}, the layers of this text encoder")
    network.encoder.layers = network.encoder.layers[:kept]
    text_encoder.config.num_hidden_layers = kept
