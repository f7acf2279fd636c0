"""Stable Diffusion in the key layout of single files: the inverse of diffusers' conversion."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

Weights = dict[str, Tensor]

_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}


def original_unet(unet: Any) -> Weights:
    """The U-Net's weights by their original names, without prefix."""
    attends = [name.startswith("CrossAttn") for name in unet.config.up_block_types]
    return {_unet_name(name, attends): value for name, value in unet.state_dict().items()}


def _unet_name(name: str, attends: list[bool]) -> str:
    for ours, theirs in _UNET_ENDS.items():
        if name.startswith(ours + "."):
            return theirs + name.removeprefix(ours)
    part, *rest = re.match(r"(down|mid|up)_blocks?\.(.*)", name).groups()  # type: ignore[union-attr]
    inside = rest[0]
    if part == "mid":
        kind, number, tail = re.match(r"(resnets|attentions)\.(\d+)\.(.*)", inside).groups()  # type: ignore[union-attr]
        place = 2 * int(number) + (kind == "attentions")
        return f"middle_block.{place}.{_resnet(tail) if kind == 'resnets' else tail}"
    block, kind, number, tail = re.match(r"(\d+)\.(\w+)\.(\d+)\.(.*)", inside).groups()  # type: ignore[union-attr]
    if part == "down":
        if kind == "downsamplers":
            return f"input_blocks.{3 * int(block) + 3}.0.op.{tail.removeprefix('conv.')}"
        place = f"input_blocks.{3 * int(block) + 1 + int(number)}"
        return f"{place}.0.{_resnet(tail)}" if kind == "resnets" else f"{place}.1.{tail}"
    if kind == "upsamplers":
        return f"output_blocks.{3 * int(block) + 2}.{1 + attends[int(block)]}.{tail}"
    place = f"output_blocks.{3 * int(block) + int(number)}"
    return f"{place}.0.{_resnet(tail)}" if kind == "resnets" else f"{place}.1.{tail}"


def _resnet(tail: str) -> str:
    layer, _, kind = tail.rpartition(".")
    return f"{_RESNET[layer]}.{kind}"


def original_vae(vae: Any) -> Weights:
    """The autoencoder's weights by their original names, without prefix."""
    levels = len(vae.config.block_out_channels)
    return dict(_vae_entry(name, value, levels) for name, value in vae.state_dict().items())


def _vae_entry(name: str, value: Tensor, levels: int) -> tuple[str, Tensor]:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"down.{m[1]}.block.{m[2]}", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", lambda m: f"down.{m[1]}.downsample", name)
    name = re.sub(
        r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}", name
    )
    name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if "mid_block.attentions.0" in name:
        name = name.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in (("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v")):
            name = name.replace(f".{ours}.", f".{theirs}.")
        name = name.replace(".to_out.0.", ".proj_out.")
        if value.ndim == 2:
            value = value[:, :, None, None]  # a convolution of 1 x 1
    return name, value


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
