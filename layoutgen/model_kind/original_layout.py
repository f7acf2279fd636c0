"""The original key layout of Stable Diffusion: how the names of a part's tensors begin in a single file."""

from __future__ import annotations

from collections.abc import Iterable

UNET, VAE = "model.diffusion_model.", "first_stage_model."
FIRST_CONVOLUTION = f"{UNET}input_blocks.0.0.weight"
"""Of the U-Net."""
TEXTS = {
    "sdxl": {
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
    "sd1": {"text_encoder": "cond_stage_model.transformer."},
    "sd2": {"text_encoder": "cond_stage_model.model."},
}
"""Where the text encoders of each base model are; those of OpenCLIP end in `model`."""


def base_of_names(names: Iterable[str]) -> str | None:
    """The base model of a file whose tensors have these `names`: sd1, sd2 or sdxl.

    None: it has no text encoder that is known.
    """
    listed = list(names)
    for base, texts in TEXTS.items():
        last = [*texts.values()][-1]  # that of XL which no other base has
        if any(name.startswith(last) for name in listed):
            return base
    return None
