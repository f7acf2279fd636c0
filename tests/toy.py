"""Tiny real models: a Stable Diffusion v1 pipeline in all its parts, with random weights."""

from __future__ import annotations

import json
from pathlib import Path

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


def toy_pipeline(folder: Path, *, size: int = 16) -> LayoutPipeline:
    """An SD v1 pipeline of toy size: 4 latent channels, 8 pixels a cell, a window of 8 * `size` pixels."""
    torch.manual_seed(0)
    tokenizer = toy_tokenizer(folder / "toy_tokenizer")
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=24,
        intermediate_size=32,
        projection_dim=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    unet = UNet2DConditionModel(
        sample_size=size,
        layers_per_block=1,
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=24,
        attention_head_dim=2,
        norm_num_groups=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    pipeline = LayoutPipeline(vae.eval(), CLIPTextModel(text).eval(), tokenizer, unet.eval(), scheduler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
