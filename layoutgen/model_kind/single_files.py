"""What a file of weights holds, by the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Callable

from layoutgen.io.tensor_header import Shapes
from layoutgen.model_kind.kinds import INPUTS, LORA, UNKNOWN, ModelKind, Role
from layoutgen.model_kind.original_layout import FIRST_CONVOLUTION, VAE, base_of_names

_OTHERS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (
        "a ControlNet alone",
        lambda key: key.startswith(("control_model.", "controlnet_", "input_hint_block.")),
    ),
    ("a T2I-Adapter alone", lambda key: key.startswith(("adapter.body.", "body.0."))),
    ("an IP-Adapter, which belongs to a model", lambda key: key.startswith(("ip_adapter.", "image_proj."))),
    ("a motion module, which belongs to a model", lambda key: ".motion_modules." in key),
    ("a FLUX model", lambda key: "double_blocks.0.img_attn" in key),
    ("a Stable Diffusion 3 model", lambda key: "joint_blocks.0.context_block" in key),
    ("a Qwen-Image or a Z-Image model", lambda key: "transformer_blocks.0.img_mod" in key),
    ("a PixArt model", lambda key: "adaln_single." in key),
    ("a Stable Diffusion XL refiner", lambda key: key.startswith("conditioner.embedders.0.model.")),
    ("a Playground v2.5 model", lambda key: key == "edm_mean"),
    ("a CosXL model, of other noise levels than Stable Diffusion", lambda key: key.startswith("edm_vpred.")),
)
"""What a file is in which some tensor has such a name; the first that fits."""
_LORA_MARKS = ("lora_up", "lora_down", "lora_A", "lora_B", "lora.up", "lora.down")
_LORA_RELATIVES = {
    "lora_mid": "a LoCon of LyCORIS of three factors (Tucker)",
    "hada_w1": "a LoHa of LyCORIS",
    "lokr_w1": "a LoKr of LyCORIS",
    ".oft_": "an OFT",
    "dora_scale": "a DoRA in the keys of LyCORIS",
    ".diff.": "a LyCORIS of whole layers",
    ".w_norm.": "a LyCORIS of whole layers",
    ".on_input.": "an (IA)3 of LyCORIS",
    ".a1.weight.": "a GLoRA of LyCORIS",
}
"""What a file is in which some name and a dot hold this; diffusers reads none, or a part of it."""
EMBEDDING_KEYS = frozenset(("emb_params", "clip_l", "clip_g"))
"""What vectors of a textual inversion are called that has no token of its own."""


def kind_of_tensors(shapes: Shapes) -> ModelKind:
    """The kind of a file with tensors of these `shapes`."""
    for mark, what in _LORA_RELATIVES.items():
        if any(mark in f"{key}." for key in shapes):
            return ModelKind(Role.OTHER, f"{what}, which belongs to a model and is not read here")
    if any(mark in key for key in shapes for mark in _LORA_MARKS):
        return LORA
    for what, fits in _OTHERS:
        if any(map(fits, shapes)):
            return ModelKind(Role.OTHER, what)
    if FIRST_CONVOLUTION in shapes:
        return _stable_diffusion(shapes)
    network = _renamed(shapes) or _network(shapes)
    return UNKNOWN if network is None else ModelKind(Role.OTHER, network)


def _stable_diffusion(shapes: Shapes) -> ModelKind:
    """Of a file with a U-Net in the original layout."""
    channels = shapes[FIRST_CONVOLUTION][1]
    if channels != 4:
        return ModelKind(Role.OTHER, INPUTS.get(channels, f"a U-Net that reads {channels} channels"))
    base = base_of_names(shapes)
    if base is None:
        return ModelKind(Role.OTHER, "a U-Net without its text encoder")
    if not any(key.startswith(f"{VAE}decoder.") for key in shapes):
        return ModelKind(Role.OTHER, "a checkpoint without its autoencoder")
    return ModelKind(Role.PAINTER, Role.PAINTER.value, base)


def _renamed(shapes: Shapes) -> str | None:
    """What a checkpoint is whose tensors have other names than all others have; None: it is none."""
    if any(key.startswith("model_ema.diffusion_model") for key in shapes):
        return "a checkpoint of averaged weights (EMA) alone"
    wrapped = next((key for key in shapes if key.endswith(f".{FIRST_CONVOLUTION}")), None)
    if wrapped is None:
        return None
    return f"a checkpoint with {wrapped.removesuffix(FIRST_CONVOLUTION)!r} before the names of its tensors"


def _network(shapes: Shapes) -> str | None:
    """What a file is that holds one network; None: unknown."""
    if len(shapes) <= 2 and EMBEDDING_KEYS & shapes.keys():
        return "a textual inversion embedding, which belongs to a model"
    if len(shapes) == 1 and len(next(iter(shapes.values()))) <= 2:
        return "a textual inversion embedding, which belongs to a model"
    if any("decoder.mid" in key or "decoder.up" in key for key in shapes):
        return "an autoencoder alone"
    if "time_embedding.linear_1.weight" in shapes and "conv_in.weight" in shapes:
        return "a U-Net alone"
    if any("text_model.encoder.layers." in key for key in shapes):
        return "a text encoder alone"
    return None
