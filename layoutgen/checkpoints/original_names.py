"""What single files call the tensors that diffusers and transformers have: the original key layout.

Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models", and OpenCLIP.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

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
_BLOCK = re.compile(r"(down|mid|up)_blocks?\.(?:(\d+)\.)?(\w+)\.(\d+)\.(.*)")
_VAE = {
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
    "mid_block.attentions.0.group_norm": "mid.attn_1.norm",
    "mid_block.attentions.0.to_out.0": "mid.attn_1.proj_out",
    "mid_block.attentions.0.to_": "mid.attn_1.",
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
}
_OPEN_CLIP = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding": "token_embedding",
    "final_layer_norm": "ln_final",
    "text_projection.weight": "text_projection",
    "encoder.layers.": "transformer.resblocks.",
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm": "ln_",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def unet_name(name: str, up_blocks: Sequence[str]) -> str:
    """Of the U-Net's tensor `name`; two layers a level.

    Args:
        up_blocks: the classes of its upper blocks.
    """
    for ours, theirs in _UNET_ENDS.items():
        if name.startswith(ours + "."):
            return theirs + name.removeprefix(ours)
    match = _BLOCK.fullmatch(name)
    assert match is not None, name
    side, level, kind, number, tail = match[1], int(match[2] or 0), match[3], int(match[4]), match[5]
    if kind == "resnets":
        layer, _, end = tail.rpartition(".")
        tail = f"{_RESNET[layer]}.{end}"
    attention = int(kind == "attentions")
    if side == "mid":
        return f"middle_block.{2 * number + attention}.{tail}"
    if kind == "downsamplers":
        return f"input_blocks.{3 * level + 3}.0.op.{tail.removeprefix('conv.')}"
    if kind == "upsamplers":
        return f"output_blocks.{3 * level + 2}.{1 + up_blocks[level].startswith('CrossAttn')}.{tail}"
    place = (
        f"input_blocks.{3 * level + 1 + number}" if side == "down" else f"output_blocks.{3 * level + number}"
    )
    return f"{place}.{attention}.{tail}"


def vae_name(name: str, levels: int) -> str:
    """Of the tensor `name` of an autoencoder of so many `levels`; its attention is of 1 x 1 convolutions."""
    for ours, theirs in _VAE.items():
        name = name.replace(ours, theirs)
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(
        r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}", name
    )
    return re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)


def open_clip_name(name: str) -> str:
    """Of the text encoder's tensor `name` in OpenCLIP, where query, key and value are one tensor."""
    name = name.removeprefix("text_model.")
    for ours, theirs in _OPEN_CLIP.items():
        name = name.replace(ours, theirs)
    return re.sub(r"self_attn\.[qkv]_proj\.", "attn.in_proj_", name)
