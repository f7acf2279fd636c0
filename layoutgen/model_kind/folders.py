"""What kind of model a folder holds, by its json files alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layoutgen.io.files import read_json
from layoutgen.model_kind.kinds import INPUTS, LORA, UNKNOWN, ModelKind, Role
from layoutgen.model_kind.parts import FILES

_PIPELINES = {
    "StableDiffusionXL": "a Stable Diffusion XL model",
    "StableDiffusion3": "a Stable Diffusion 3 model",
    "StableDiffusionUpscale": "an upscaling model",
    "StableDiffusionLatentUpscale": "an upscaling model",
    "StableDiffusionDepth2Img": "a depth-to-image model",
    "StableDiffusionInpaint": "an inpainting model",
    "StableDiffusionInstructPix2Pix": "an instruct-pix2pix model",
    "StableDiffusionControlNet": "a model with a ControlNet",
    "StableDiffusionGLIGEN": "a GLIGEN model",
    "StableUnCLIP": "an unCLIP model",
    "AnimateDiff": "a model of videos",
    "Onnx": "an ONNX export of a model",
    "ORT": "an ONNX export of a model",
    "OV": "an OpenVINO export of a model",
    "AltDiffusion": "an AltDiffusion model",
    "IF": "a DeepFloyd IF model",
    "Wuerstchen": "a Wuerstchen model",
    "HunyuanDiT": "a HunyuanDiT model",
    "Sana": "a Sana model",
    "Lumina": "a Lumina model",
    "Flux": "a FLUX model",
    "PixArt": "a PixArt model",
    "QwenImage": "a Qwen-Image model",
    "ZImage": "a Z-Image model",
    "Kandinsky": "a Kandinsky model",
    "StableCascade": "a Stable Cascade model",
    "LatentConsistency": "a latent consistency model, whose U-Net is told the guidance",
}
"""Pipelines of diffusers by the beginning of their class name, and what they are called."""
_OURS, _XL = "LayoutPipeline", "StableDiffusionXLPipeline"
_CLASSES = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL", "PatchAutoencoder"),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
"""What the components of a model that we paint with may be."""
_NETWORKS = {
    "ControlNetModel": "a ControlNet alone",
    "UNet2DConditionModel": "a U-Net alone",
    "AutoencoderKL": "an autoencoder alone",
    "MotionAdapter": "a motion adapter alone",
}


def kind_of_folder(folder: Path) -> ModelKind | None:
    """The kind of the model in `folder`; None: it holds no model.

    Raises:
        InvalidFile: one of its json files is broken.
    """
    if (folder / "model_index.json").is_file():
        return _pipeline_kind(folder)
    if (folder / "adapter_config.json").is_file() or (folder / "pytorch_lora_weights.safetensors").is_file():
        return LORA
    if (folder / "config.json").is_file():
        return _network_kind(read_json(folder / "config.json"))
    return None


def _pipeline_kind(folder: Path) -> ModelKind:
    index = read_json(folder / "model_index.json")
    name = _class_name(index)
    two_encoders = index.get("text_encoder_2") not in (None, [None, None])
    if name == _XL or (name == _OURS and two_encoders):
        return _xl_kind(folder, index)
    for beginning, what in _PIPELINES.items():
        if name.startswith(beginning):
            return ModelKind(Role.OTHER, what)
    missing = [
        part for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler") if part not in index
    ]
    if missing:
        return ModelKind(Role.OTHER, f"a {name or 'diffusers'} without {missing[0]}")
    if two_encoders:
        return ModelKind(Role.OTHER, f"a {name} with two text encoders")
    foreign = _foreign_class(index)
    if foreign is not None:
        return ModelKind(Role.OTHER, f"a {name} whose {foreign}")
    config = folder / "unet" / "config.json"
    unet = read_json(config) if config.is_file() else {}
    other = _foreign_unet(unet, told_layouts=_told_layouts(index))
    if other is not None:
        return ModelKind(Role.OTHER, other.replace("{}", name))
    return ModelKind(Role.PAINTER, Role.PAINTER.value)


def _foreign_unet(unet: dict[str, Any], *, told_layouts: bool) -> str | None:
    """What a model ({}: its class) is whose `unet` has such a configuration; None: one to paint with."""
    channels, latents = unet.get("in_channels", 4), unet.get("out_channels", 4)
    if latents == 4 and channels in INPUTS and not told_layouts:
        return INPUTS[channels]
    if channels != latents and not told_layouts:
        return f"a {{}} whose U-Net reads {channels} channels"
    if unet.get("time_cond_proj_dim") is not None:
        return _PIPELINES["LatentConsistency"]
    if unet.get("addition_embed_type") is not None or unet.get("class_embed_type") is not None:
        return "a {} whose U-Net reads more than text"
    return None


def _told_layouts(index: dict[str, Any]) -> bool:
    """Whether the model is ours, and may be told layouts by more channels."""
    return _class_name(index) == _OURS and index.get("layout_encoder") not in (None, [None, None])


def _foreign_class(index: dict[str, Any]) -> str | None:
    """The first component that is of another class than we know, as "vae is a AutoencoderTiny"."""
    for part, classes in _CLASSES.items():
        kind = index[part][-1] if isinstance(index[part], list) and index[part] else None
        if kind is not None and kind not in (*classes, "Any"):
            return f"{part} is a {kind}"
    return None


def _xl_kind(folder: Path, index: dict[str, Any]) -> ModelKind:
    """Of a folder of Stable Diffusion XL."""
    what = _PIPELINES["StableDiffusionXL"]
    for part in (*FILES, "text_encoder_2", "tokenizer_2"):
        if index.get(part) in (None, [None, None]):
            return ModelKind(Role.OTHER, f"{what} without {part}")
    config = folder / "unet" / "config.json"
    unet = read_json(config) if config.is_file() else {}
    channels = unet.get("in_channels", 4)
    if unet.get("time_cond_proj_dim") is not None:
        return ModelKind(Role.OTHER, _PIPELINES["LatentConsistency"])
    if channels != 4 and not _told_layouts(index):
        return ModelKind(Role.OTHER, INPUTS.get(channels, f"{what} whose U-Net reads {channels} channels"))
    return ModelKind(Role.PAINTER, Role.PAINTER.value, "sdxl")


def _network_kind(config: dict[str, Any]) -> ModelKind:
    """Of a folder with one network of diffusers or transformers."""
    name = _class_name(config)
    if name:
        return ModelKind(Role.OTHER, _NETWORKS.get(name, f"a {name} alone"))
    architectures = config.get("architectures")
    first = str(architectures[0]) if isinstance(architectures, list) and architectures else ""
    detects = first.endswith("ObjectDetection") or str(config.get("model_type", "")).endswith("detector")
    if detects or first == "GridDetector":
        return ModelKind(Role.DETECTOR, Role.DETECTOR.value)
    return ModelKind(Role.OTHER, f"a {first}") if first else UNKNOWN


def _class_name(config: dict[str, Any]) -> str:
    """The class that diffusers wrote down; of our own it writes the module, too."""
    name = config.get("_class_name", "")
    return str(name[-1] if isinstance(name, list) and name else name)
