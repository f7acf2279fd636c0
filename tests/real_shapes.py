"""Models of the real configurations of Stable Diffusion with random weights, narrow or at their own size."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from layoutgen.assets import CONFIGURATIONS
from layoutgen.checkpoints.clip_vocabulary import write_clip_tokenizer
from tests.toy import toy_tokenizer

_LETTERS = 190  # tokens of a toy's tokenizer
NARROW: dict[str, dict[str, Any]] = {
    "sd1": {"unet": {"block_out_channels": [32, 64, 64, 64], "cross_attention_dim": 64}},
    "sd2": {
        "unet": {
            "block_out_channels": [32, 64, 64, 64],
            "cross_attention_dim": 64,
            "attention_head_dim": [1, 1, 1, 1],
        }
    },
    "sdxl": {
        "unet": {
            "block_out_channels": [32, 64, 64],
            "cross_attention_dim": 192,
            "attention_head_dim": [1, 1, 1],
            "projection_class_embeddings_input_dim": 6 * 256 + 128,
        }
    },
}
"""What differs from the real configuration: widths; blocks, layers and names are the real ones."""


def configuration(
    base: str, *, narrow: bool = True, size: int = 16, shallow: bool = False
) -> dict[str, dict[str, Any]]:
    """The configuration of `base` as it ships, or a narrow one for windows of `size` latent cells.

    Args:
        shallow: with fewer layers and a toy's vocabulary, too; blocks and names are the real ones.
    """
    config = copy.deepcopy(json.loads((CONFIGURATIONS / f"{base}.json").read_text()))
    if narrow:
        for part, values in NARROW[base].items():
            config[part] |= values
        config["unet"]["sample_size"] = size
        config["vae"]["block_out_channels"] = [32, 32, 32, 32]
        for name, width in (("text_encoder", 64), ("text_encoder_2", 128)):
            if name in config:
                heads = {"num_attention_heads": width // 64, "projection_dim": width}
                config[name] |= {"hidden_size": width, "intermediate_size": 2 * width, **heads}
    if shallow:
        depths = config["unet"].get("transformer_layers_per_block")
        if depths:
            layers = {"layers_per_block": 1, "transformer_layers_per_block": [1] * len(depths)}
            config["unet"] |= layers
        for name in ("text_encoder", "text_encoder_2"):
            if name in config:
                config[name] |= {"num_hidden_layers": 4, "vocab_size": _LETTERS}
                config[name] |= {"bos_token_id": _LETTERS - 2, "eos_token_id": _LETTERS - 1}
    return config


@cache
def _vocabulary(shallow: bool) -> Path:
    import tempfile

    folder = Path(tempfile.mkdtemp())
    if shallow:
        toy_tokenizer(folder)
        return folder
    write_clip_tokenizer(folder, {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"})
    return folder


def real_shaped(base: str, *, narrow: bool = True, size: int = 16, shallow: bool = False) -> Any:
    """diffusers' own pipeline of `base` with random weights, from its :func:`configuration`."""
    config = configuration(base, narrow=narrow, size=size, shallow=shallow)
    torch.manual_seed(0)
    parts: dict[str, Any] = {}
    for name, (library, kind) in ((k, v) for k, v in config["model_index"].items() if isinstance(v, list)):
        values = config[name]
        if name.startswith("tokenizer"):
            pad = values["pad_token"]
            parts[name] = transformers.CLIPTokenizer.from_pretrained(
                _vocabulary(shallow), model_max_length=77, pad_token=pad
            )
        elif library == "transformers":
            parts[name] = getattr(transformers, kind)(transformers.CLIPTextConfig(**values)).eval()
        else:
            parts[name] = getattr(diffusers, kind).from_config(values)
            if isinstance(parts[name], torch.nn.Module):
                parts[name].eval()
    if base == "sdxl":
        pipeline = diffusers.StableDiffusionXLPipeline(**parts, add_watermarker=False)
    else:
        pipeline = diffusers.StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
