"""Applies what a user adds to a checkpoint to its components; afterwards they are plain components."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from layoutgen.additions import UNNAMED_EMBEDDING, Additions
from layoutgen.checkpoints.lora import add_lora
from layoutgen.checkpoints.opening import as_invalid_file
from layoutgen.checkpoints.pickles import load_pickle
from layoutgen.checkpoints.vae import open_vae
from layoutgen.errors import InvalidOption

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
            add_lora(theirs, lora)
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
        vectors: Any = load_file(path) if path.suffix == ".safetensors" else load_pickle(path)
        pair = {"clip_l", "clip_g"} <= vectors.keys()
        if pair != (getattr(theirs, "text_encoder_2", None) is not None):
            one, other = ("XL", "this is v1 or v2") if pair else ("v1 or v2", "this is XL")
            raise InvalidOption(
                f"`embedding` {path} is for Stable Diffusion {one}, and {other}: leave it out"
            )
        if pair:
            for key, part in (("clip_l", ""), ("clip_g", "_2")):
                _add_word(theirs, path, path.stem, vectors[key], part)
            return
        if len(vectors) != 1 and "string_to_param" not in vectors:
            raise InvalidOption(f"`embedding` {path} is no textual inversion embedding: give one")
        # A file of diffusers holds its token; that of other tools goes by the file's name.
        own = len(vectors) == 1 and not vectors.keys() & UNNAMED_EMBEDDING
        word, held = next(iter(vectors.items())) if own else (path.stem, next(iter(vectors.values())))
        if "string_to_param" in vectors:
            held = vectors["string_to_param"]["*"]
        _add_word(theirs, path, str(word), held)


def _add_word(theirs: Any, path: Path, word: str, vectors: Any, part: str = "") -> None:
    """Give a text encoder the `vectors` of `word`, from the file at `path`.

    Args:
        part: "" for the first text encoder, "_2" for the second one.
    """
    encoder, tokenizer = getattr(theirs, f"text_encoder{part}"), getattr(theirs, f"tokenizer{part}")
    width = encoder.get_input_embeddings().weight.shape[-1]
    if vectors.shape[-1] != width:
        raise InvalidOption(
            f"`embedding` {path} is for another base model: its vectors have {vectors.shape[-1]} numbers, "
            f"and this one's {width}; take one of the same"
        )
    if word in tokenizer.get_vocab():
        raise InvalidOption(
            f"`embedding` {path} goes by {word!r}, which the model knows already: give it once, under a file "
            "name that is no part of a common word"
        )
    theirs.load_textual_inversion(vectors, token=word, text_encoder=encoder, tokenizer=tokenizer)


def _cut(text_encoder: Any, layers: int) -> None:
    """Leave out the last `layers` of a text encoder, whose last norm then reads the one before them."""
    network = getattr(text_encoder, "text_model", text_encoder)  # flat in newer transformers
    kept = len(network.encoder.layers) - layers
    if kept < 1:
        most = kept + layers
        raise InvalidOption(f"`clip_skip` must be from 1 to {most}, the layers of this text encoder")
    network.encoder.layers = network.encoder.layers[:kept]
    text_encoder.config.num_hidden_layers = kept
