"""The contract of every method: what it is asked for, and the condition it answers with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from diffusers import UNet2DConditionModel
from torch import nn

from layoutgen.conditioning.attention import layout_attention
from layoutgen.conditioning.condition import Condition
from layoutgen.domain.layout import Layout


class LayoutMethod(ABC):
    """One way to tell a U-Net about a layout."""

    name: str
    text_encoder: Any

    @abstractmethod
    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """Encode B layouts, all of one canvas size in pixels, a multiple of the autoencoder's factor.

        Raises:
            UnknownLabel: the model has not learnt one of the labels.
        """

    def null(self, condition: Condition) -> Condition:
        """The counterpart of `condition` without layout, for guidance and for dropout in training."""
        return condition.null()

    @contextmanager
    def attached(self, unet: UNet2DConditionModel) -> Iterator[None]:
        """Make `unet` able to hear this method's conditions; it is left exactly as it was."""
        with layout_attention(unet):
            yield

    @abstractmethod
    def modules(self) -> tuple[nn.Module, ...]:
        """The modules besides the U-Net whose parameters belong to this method."""
