"""Which methods there are, and what each needs of a model; loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """What is to be known of a method without loading a model.

    Attributes:
        name: as users write it.
        trainable: whether a model can be trained for it.
        encodings: the ways in which it writes an instance, the usual one first; () where there is only one.
        untrained_encodings: those that a model without layout training can read.
        draws_layout: whether the layout is drawn, as latents: extra input channels of a trained denoiser, and
            the start of an untrained one.
    """

    name: str
    trainable: bool = True
    encodings: tuple[str, ...] = ()
    untrained_encodings: tuple[str, ...] = ()
    draws_layout: bool = False


IMG2IMG = MethodInfo("img2img", draws_layout=True)
TEXT2IMG = MethodInfo("text2img", encodings=("box", "text"), untrained_encodings=("text",))
REGIONAL = MethodInfo("regional", trainable=False)

METHODS: Mapping[str, MethodInfo] = {method.name: method for method in (IMG2IMG, TEXT2IMG, REGIONAL)}
"""By name; the first that a model was trained for is the one that it uses where none is asked for."""

TRAINABLE = tuple(name for name, method in METHODS.items() if method.trainable)
"""The names of the methods that a model can be trained for."""


def extra_channels(methods: tuple[str, ...], latent_channels: int) -> int:
    """Input channels beside its latents that a denoiser needs for `methods`: class map and position map."""
    drawn = any(METHODS[name].draws_layout for name in methods)
    return latent_channels + POSITION_CHANNELS if drawn else 0


POSITION_CHANNELS = 3
"""Channels of the position map: x, y and 1."""
