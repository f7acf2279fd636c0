"""What a model can be used for here, and what it is in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """What a model can be used for here."""

    PAINTER = "a Stable Diffusion v1, v2 or XL text-to-image model"
    DETECTOR = "an object-detection model"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class ModelKind:
    """What a model is for, and what it is in words: "a FLUX model".

    Attributes:
        base: the name of its configuration in the package, of a painter that is not ours.
    """

    role: Role
    what: str
    base: str | None = None


UNKNOWN = ModelKind(Role.OTHER, "a model of an unknown kind")
LORA = ModelKind(Role.OTHER, "a LoRA, which belongs to a model")
INPUTS = {
    5: "a depth-to-image model",
    7: "an upscaling model",
    8: "an instruct-pix2pix model",
    9: "an inpainting model",
}
"""What a U-Net of Stable Diffusion is made for that reads so many channels, of which 4 are its latents."""
