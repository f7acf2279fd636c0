"""Tiny real models: a Stable Diffusion v1 pipeline in all its parts, with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from layoutgen.pipeline import LayoutPipeline


def toy_tokenizer(folder: Path) -> CLIPTokenizer:
    """CLIP's tokenizer with single letters as its only tokens; 77 tokens long, as the real one."""
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77)


def toy_pipeline(folder: Path, *, size: int = 16, **changes: Any) -> LayoutPipeline:
    """An SD v1 pipeline of toy size: 4 latent channels, 8 pixels a cell, a window of 8 * `size` pixels.

    `changes` are of the U-Net.
    """
    text = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 3}
    unet = {
        "layers_per_block": 1,
        "block_out_channels": (16, 32),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "attention_head_dim": 2,
        "norm_num_groups": 8,
    }
    vae = {"block_out_channels": (8, 8, 8, 8), "norm_num_groups": 4}
    return sd_pipeline(folder, text=text, unet={"sample_size": size, **unet, **changes}, vae=vae)


def sd_pipeline(
    folder: Path,
    *,
    text: dict[str, int] | None = None,
    unet: dict[str, Any] | None = None,
    vae: dict[str, Any] | None = None,
) -> LayoutPipeline:
    """A Stable Diffusion v1 pipeline with random weights, at v1's own size where nothing else is said.

    U-Net 320/640/1280/1280, CLIP ViT-L text encoder, 4-channel autoencoder; the tokenizer is a toy's.
    """
    torch.manual_seed(0)
    tokenizer = toy_tokenizer(folder / "toy_tokenizer")
    clip = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
    clip |= text or {}
    text_config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        projection_dim=clip["hidden_size"],
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **clip,
    )
    network = UNet2DConditionModel(
        **{"sample_size": 64, "cross_attention_dim": clip["hidden_size"]} | (unet or {})
    )
    autoencoder = {
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "scaling_factor": 0.18215,
    }
    coder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        **(autoencoder if vae is None else vae),
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    encoder = CLIPTextModel(text_config)
    pipeline = LayoutPipeline(coder.eval(), encoder.eval(), tokenizer, network.eval(), scheduler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
