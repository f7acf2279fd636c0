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


def configuration(base: str, *, narrow: bool = True, size: int = 16) -> dict[str, dict[str, Any]]:
    """The configuration of `base` as it ships, or a narrow one for windows of `size` latent cells."""
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
    return config


@cache
def _vocabulary() -> Path:
    import tempfile

    folder = Path(tempfile.mkdtemp())
    write_clip_tokenizer(folder, {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"})
    return folder


def real_shaped(base: str, *, narrow: bool = True, size: int = 16) -> Any:
    """diffusers' own pipeline of `base` with random weights, from its configuration."""
    config = configuration(base, narrow=narrow, size=size)
    torch.manual_seed(0)
    parts: dict[str, Any] = {}
    for name, (library, kind) in ((k, v) for k, v in config["model_index"].items() if isinstance(v, list)):
        values = config[name]
        if name.startswith("tokenizer"):
            pad = values["pad_token"]
            parts[name] = transformers.CLIPTokenizer.from_pretrained(
                _vocabulary(), model_max_length=77, pad_token=pad
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
