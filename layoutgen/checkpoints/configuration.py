"""The configuration of a single-file checkpoint: that of its base model, with the file's own widths.

A file in the original key layout holds weights alone. Which base model it is, its tensors' names say; their
shapes say how wide it is, so that pruned and small relatives of a base model open, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layoutgen.assets import CONFIGURATIONS
from layoutgen.checkpoints.clip_vocabulary import CLIP_WORDS, write_clip_tokenizer
from layoutgen.io.tensor_header import Shapes
from layoutgen.model_kind.original_layout import TEXTS, UNET, VAE
from layoutgen.model_kind.sizes import side_of_file, stated_prediction

Configuration = dict[str, dict[str, Any]]
"""The json files of a diffusers folder, by component; `model_index` is that of the folder."""

_PIXELS = 8  # a side of a latent of all these models
_HEAD = 64  # channels of an attention head, of all models but v1


def base_configuration(base: str) -> Configuration:
    """The configuration in the package of that name: sd1, sd2 or sdxl."""
    config: Configuration = json.loads((CONFIGURATIONS / f"{base}.json").read_text("utf-8"))
    return config


def configuration_of(base: str, shapes: Shapes, metadata: Mapping[str, str]) -> Configuration:
    """The configuration of a checkpoint with tensors of these `shapes`.

    Args:
        base: name of a configuration in the package: sd1, sd2 or sdxl.
        metadata: of the file; it tells v2's two kinds apart, where it says what is predicted.

    Raises:
        KeyError: the name of a tensor that the file lacks.
    """
    config = base_configuration(base)
    levels = len(config["unet"]["down_block_types"])
    block = UNET + "input_blocks.{}.0.out_layers.3.weight"
    channels = [shapes[block.format(1 + 3 * level)][0] for level in range(levels)]
    config["unet"]["block_out_channels"] = channels
    cross = shapes[UNET + "middle_block.1.transformer_blocks.0.attn2.to_k.weight"]
    config["unet"]["cross_attention_dim"] = cross[1]
    if base != "sd1":
        config["unet"]["attention_head_dim"] = [max(1, width // _HEAD) for width in channels]
    levels, block = len(config["vae"]["down_block_types"]), VAE + "encoder.down.{}.block.0.conv1.weight"
    config["vae"]["block_out_channels"] = [shapes[block.format(level)][0] for level in range(levels)]
    for part, prefix in TEXTS[base].items():
        if prefix.endswith(".model."):
            config[part] |= _open_clip(shapes, prefix, unread=int(base == "sd2"))
        else:
            config[part] |= _clip(shapes, prefix)
    if base == "sdxl":
        label = shapes[UNET + "label_emb.0.0.weight"]
        config["unet"]["projection_class_embeddings_input_dim"] = label[1]
        config["text_encoder_2"]["projection_dim"] = shapes[
            TEXTS[base]["text_encoder_2"] + "text_projection"
        ][1]
        if "v_pred" in shapes:
            config["scheduler"]["prediction_type"] = "v_prediction"
        if "ztsnr" in shapes:
            config["scheduler"] |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    predicted = stated_prediction(metadata)
    if predicted is not None:
        config["scheduler"]["prediction_type"] = predicted
    config["unet"]["sample_size"] = side_of_file(base, metadata) // _PIXELS
    return config


def write_configuration(config: Configuration, folder: Path) -> None:
    """Write `config` as a diffusers folder without weights."""
    (folder / "model_index.json").write_text(json.dumps(config["model_index"]), encoding="utf-8")
    for name, values in config.items():
        if name == "model_index":
            continue
        if name.startswith("tokenizer"):
            write_clip_tokenizer(folder / name, values)
            continue
        file = "scheduler_config.json" if name == "scheduler" else "config.json"
        (folder / name).mkdir()
        (folder / name / file).write_text(json.dumps(values), encoding="utf-8")


def _layers(shapes: Shapes, prefix: str) -> int:
    """How many layers there are whose tensors' names begin with `prefix` and their number."""
    numbers = (name.removeprefix(prefix).split(".")[0] for name in shapes if name.startswith(prefix))
    return 1 + max((int(number) for number in numbers if number.isdecimal()), default=-1)


def _clip(shapes: Shapes, prefix: str) -> dict[str, int]:
    """What OpenAI's CLIP says of its size; some files lack the ``text_model`` in its names."""
    prefix += "text_model." if any(prefix + "text_model." in name for name in shapes) else ""
    vocabulary, width = shapes[prefix + "embeddings.token_embedding.weight"]
    return {
        "hidden_size": width,
        "num_attention_heads": max(1, width // _HEAD),
        "num_hidden_layers": _layers(shapes, prefix + "encoder.layers."),
        "intermediate_size": shapes[prefix + "encoder.layers.0.mlp.fc1.weight"][0],
        "vocab_size": max(vocabulary, CLIP_WORDS),
    }


def _open_clip(shapes: Shapes, prefix: str, unread: int) -> dict[str, int]:
    """What OpenCLIP says of its size; v2 leaves its last layer `unread`."""
    vocabulary, width = shapes[prefix + "token_embedding.weight"]
    return {
        "hidden_size": width,
        "num_attention_heads": max(1, width // _HEAD),
        "num_hidden_layers": _layers(shapes, prefix + "transformer.resblocks.") - unread,
        "intermediate_size": shapes[prefix + "transformer.resblocks.0.mlp.c_fc.weight"][0],
        "vocab_size": max(vocabulary, CLIP_WORDS),
    }
