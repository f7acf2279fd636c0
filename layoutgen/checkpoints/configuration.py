"""The configuration of a single-file checkpoint: that of its base model, with the file's own widths.

A file in the original key layout holds weights alone. Which base model it is, its tensors' names say; their
shapes say how wide it is, so that pruned and small relatives of a base model open, too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layoutgen.assets import CONFIGURATIONS
from layoutgen.checkpoints.clip_vocabulary import write_clip_tokenizer
from layoutgen.io.tensor_header import Shapes
from layoutgen.model_kind.sizes import side_of_file, stated_prediction

Configuration = dict[str, dict[str, Any]]
"""The json files of a diffusers folder, by component; `model_index` is that of the folder."""

_UNET, _VAE = "model.diffusion_model.", "first_stage_model."
_TEXTS = {
    "sd1": {"text_encoder": "cond_stage_model.transformer."},
    "sd2": {"text_encoder": "cond_stage_model.model."},
    "sdxl": {
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
}
"""Where the text encoders of each base model are; those of OpenCLIP end in `model`."""
_PIXELS = 8  # a side of a latent of all these models
_HEAD = 64  # channels of an attention head, of all models but v1


def configuration_of(base: str, shapes: Shapes, metadata: Mapping[str, str]) -> Configuration:
    """The configuration of a checkpoint with tensors of these `shapes`.

    Args:
        base: name of a configuration in the package: sd1, sd2 or sdxl.
        metadata: of the file; it tells v2's two kinds apart, where it says what is predicted.
    """
    config: Configuration = copy.deepcopy(json.loads((CONFIGURATIONS / f"{base}.json").read_text("utf-8")))
    channels = _widths(shapes, _UNET + "input_blocks.{}.0.out_layers.3.weight", range(1, 99, 3))
    config["unet"]["block_out_channels"] = channels
    cross = next(shape for name, shape in shapes.items() if name.endswith("attn2.to_k.weight"))
    config["unet"]["cross_attention_dim"] = cross[1]
    if base != "sd1":
        config["unet"]["attention_head_dim"] = [max(1, width // _HEAD) for width in channels]
    config["vae"]["block_out_channels"] = _widths(
        shapes, _VAE + "encoder.down.{}.block.0.conv1.weight", range(99)
    )
    for part, prefix in _TEXTS[base].items():
        if prefix.endswith(".model."):
            config[part] |= _open_clip(shapes, prefix, unread=int(base == "sd2"))
        else:
            config[part] |= _clip(shapes, prefix)
    if base == "sdxl":
        label = shapes[_UNET + "label_emb.0.0.weight"]
        config["unet"]["projection_class_embeddings_input_dim"] = label[1]
        config["text_encoder_2"]["projection_dim"] = shapes[
            _TEXTS[base]["text_encoder_2"] + "text_projection"
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


def _widths(shapes: Shapes, name: str, numbers: range) -> list[int]:
    """The first side of the tensors called `name` with each of `numbers`, as far as there are some."""
    found = (shapes.get(name.format(number)) for number in numbers)
    return [shape[0] for shape in found if shape is not None]


def _clip(shapes: Shapes, prefix: str) -> dict[str, int]:
    """What OpenAI's CLIP says of its size; some files lack the ``text_model`` in its names."""
    prefix += "text_model." if any(prefix + "text_model." in name for name in shapes) else ""
    layer = prefix + "encoder.layers.{}.mlp.fc1.weight"
    vocabulary, width = shapes[prefix + "embeddings.token_embedding.weight"]
    return {
        "hidden_size": width,
        "num_attention_heads": max(1, width // _HEAD),
        "num_hidden_layers": len(_widths(shapes, layer, range(99))),
        "intermediate_size": shapes[layer.format(0)][0],
        "vocab_size": vocabulary,
    }


def _open_clip(shapes: Shapes, prefix: str, unread: int) -> dict[str, int]:
    """What OpenCLIP says of its size; v2 leaves its last layer `unread`."""
    layer = prefix + "transformer.resblocks.{}.mlp.c_fc.weight"
    vocabulary, width = shapes[prefix + "token_embedding.weight"]
    return {
        "hidden_size": width,
        "num_attention_heads": max(1, width // _HEAD),
        "num_hidden_layers": len(_widths(shapes, layer, range(99))) - unread,
        "intermediate_size": shapes[layer.format(0)][0],
        "vocab_size": vocabulary,
    }
