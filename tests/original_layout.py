"""Stable Diffusion in the key layout of single files: the inverse of diffusers' conversion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from layoutgen.checkpoints.original_names import unet_name, vae_name

Weights = dict[str, Tensor]


def original_unet(unet: Any) -> Weights:
    """The U-Net's weights by their original names, without prefix."""
    blocks = unet.config.up_block_types
    return {unet_name(name, blocks): value for name, value in unet.state_dict().items()}


def original_vae(vae: Any) -> Weights:
    """The autoencoder's weights by their original names, without prefix."""
    levels = len(vae.config.block_out_channels)
    return dict(_vae_entry(name, value, levels) for name, value in vae.state_dict().items())


def _vae_entry(name: str, value: Tensor, levels: int) -> tuple[str, Tensor]:
    if "mid_block.attentions.0" in name and value.ndim == 2:
        value = value[:, :, None, None]  # a convolution of 1 x 1
    return vae_name(name, levels), value


def original_clip(text_encoder: Any) -> Weights:
    """OpenAI's CLIP text encoder: the names of transformers."""
    state = text_encoder.state_dict()
    return {name if name.startswith("text_model.") else f"text_model.{name}": v for name, v in state.items()}


def original_open_clip(text_encoder: Any, *, last_layers: int = 0) -> Weights:
    """OpenCLIP's text encoder; `last_layers` more at its end, which Stable Diffusion v2 does not read."""
    state = {name.removeprefix("text_model."): value for name, value in text_encoder.state_dict().items()}
    width = text_encoder.config.hidden_size
    weights = {
        "positional_embedding": state["embeddings.position_embedding.weight"],
        "token_embedding.weight": state["embeddings.token_embedding.weight"],
        "ln_final.weight": state["final_layer_norm.weight"],
        "ln_final.bias": state["final_layer_norm.bias"],
        "text_projection": state.get("text_projection.weight", torch.eye(width)).T.contiguous(),
    }
    layers = text_encoder.config.num_hidden_layers
    for number in range(layers + last_layers):
        layer, to = f"encoder.layers.{min(number, layers - 1)}", f"transformer.resblocks.{number}"
        for kind in ("weight", "bias"):
            joined = torch.cat([state[f"{layer}.self_attn.{which}_proj.{kind}"] for which in "qkv"])
            weights[f"{to}.attn.in_proj_{kind}"] = joined
            weights[f"{to}.attn.out_proj.{kind}"] = state[f"{layer}.self_attn.out_proj.{kind}"].clone()
            for ours, theirs in (("layer_norm1", "ln_1"), ("layer_norm2", "ln_2")):
                weights[f"{to}.{theirs}.{kind}"] = state[f"{layer}.{ours}.{kind}"].clone()
            weights[f"{to}.mlp.c_fc.{kind}"] = state[f"{layer}.mlp.fc1.{kind}"].clone()
            weights[f"{to}.mlp.c_proj.{kind}"] = state[f"{layer}.mlp.fc2.{kind}"].clone()
    return weights


def original_weights(pipeline: Any) -> Weights:
    """All weights of a Stable Diffusion v1, v2 or XL pipeline in the layout of single files."""
    text = pipeline.text_encoder
    if getattr(pipeline, "text_encoder_2", None) is not None:
        texts = {
            "conditioner.embedders.0.transformer.": original_clip(text),
            "conditioner.embedders.1.model.": original_open_clip(pipeline.text_encoder_2),
        }
    elif text.config.hidden_act == "gelu":
        texts = {"cond_stage_model.model.": original_open_clip(text, last_layers=1)}
    else:
        texts = {"cond_stage_model.transformer.": original_clip(text)}
    parts = {
        "model.diffusion_model.": original_unet(pipeline.unet),
        "first_stage_model.": original_vae(pipeline.vae),
        **texts,
    }
    return {prefix + name: value for prefix, part in parts.items() for name, value in part.items()}


def write_single_file(pipeline: Any, path: Path, metadata: dict[str, str] | None = None) -> Path:
    """Write `pipeline` as one .safetensors file in the original layout."""
    weights = {
        name: value.detach().clone().contiguous() for name, value in original_weights(pipeline).items()
    }
    save_file(weights, path, metadata=metadata)
    return path
