"""What methods, training and sampling ask of a base model, whatever its kind.

A new base model is one file beside this one, and an attention processor if its attention has another form.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from layoutgen.backbones.clip_text import TextPart
from layoutgen.conditioning.attention_regions import Level
from layoutgen.conditioning.condition import DenoiserInputs, Prompts
from layoutgen.devices import execution_device


class Backbone(ABC):
    """A base model: text encoder, autoencoder, denoiser and noise schedule.

    Attributes:
        denoiser: the network that predicts, in latent space.
        prediction_type: what the denoiser predicts: epsilon (noise), v_prediction, or sample (latents).
    """

    denoiser: nn.Module
    prediction_type: str

    # Sizes.

    @property
    @abstractmethod
    def pixels_per_latent(self) -> int:
        """Pixels per latent cell along a side."""

    @property
    @abstractmethod
    def latent_channels(self) -> int:
        """Channels of the latents."""

    @property
    @abstractmethod
    def native_size(self) -> int:
        """Side of the square canvas that the denoiser was trained on, in latent cells."""

    @property
    @abstractmethod
    def activation_channels(self) -> int:
        """Channels of the denoiser's finest level, on which its memory depends."""

    @abstractmethod
    def levels(self, height: int, width: int) -> tuple[Level, ...]:
        """The sizes of the denoiser's levels for latents of `height` x `width` cells, the finest first."""

    @property
    def size_multiple(self) -> int:
        """The sides of training images are multiples of so many pixels: every level is twice the next."""
        return self.pixels_per_latent * 2 ** (len(self.levels(1, 1)) - 1)

    # Text.

    @property
    @abstractmethod
    def text_parts(self) -> tuple[TextPart, ...]:
        """The text encoders, in their order."""

    @abstractmethod
    def use_text_encoders(self, encoders: Sequence[Any]) -> None:
        """Encode by `encoders` instead, in the same order; training has some that remember."""

    @abstractmethod
    def encode_prompts(self, prompts: Sequence[str]) -> Prompts:
        """Embeddings (B, P, D) of B `prompts` of any length."""

    def as_negative(self, prompts: Prompts, texts: Sequence[str]) -> Prompts:
        """Encoded negative `prompts`, whose words are `texts`, as this model moves away from them."""
        return prompts

    @abstractmethod
    def encode_phrases(self, phrases: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Embeddings (N, M, D) of N short `phrases`, and which of them are real tokens (N, M) bool."""

    @abstractmethod
    def pool_phrases(self, phrases: Sequence[str]) -> Tensor:
        """One vector (N, D) for each of N `phrases`."""

    @abstractmethod
    def find_words(self, prompts: Sequence[str], words: Sequence[Sequence[str]]) -> Tensor:
        """Which tokens (B, P) bool of :meth:`encode_prompts` spell one of the B groups of `words`."""

    # Images.

    @abstractmethod
    def to_latents(self, pixels: Tensor) -> Tensor:
        """Latents (B, C, h, w) of `pixels` (B, 3, H, W) in [-1, 1], as the denoiser reads them."""

    @abstractmethod
    def to_pixels(self, latents: Tensor) -> Tensor:
        """`latents` (B, C, h, w) of the denoiser as pixels (B, 3, H, W), about in [-1, 1], float32."""

    # Denoising.

    @abstractmethod
    def predict(
        self,
        noisy: Tensor,
        timesteps: Tensor,
        inputs: DenoiserInputs,
        *,
        denoiser: nn.Module | None = None,
    ) -> Tensor:
        """The denoiser's prediction (B, C, h, w) for `noisy` latents (B, C, h, w) at `timesteps` (B,) or ().

        It must be inside :meth:`reading_layouts`.

        Args:
            denoiser: the denoiser as something else wraps it (for sharding, say); None: as it is.
        """

    @abstractmethod
    def training_target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """Noisy latents (B, C, h, w), and what should be predicted of them.

        Args:
            latents: as :meth:`to_latents` makes them.
            noise: of a normal distribution, of their shape.
            timesteps: (B,), of the noise schedule.
        """

    @property
    @abstractmethod
    def timesteps(self) -> int:
        """How many timesteps the noise schedule has."""

    @abstractmethod
    def signal_to_noise(self, timesteps: Tensor) -> Tensor:
        """The signal-to-noise ratio (B,) at `timesteps` (B,)."""

    @contextmanager
    @abstractmethod
    def reading_layouts(self) -> Iterator[None]:
        """Let the denoiser's attention read layouts; it is left exactly as it was."""
        yield

    @abstractmethod
    def cacheable_blocks(self) -> tuple[list[nn.Module], nn.Module]:
        """The blocks of all levels but the finest, and the one of them whose output the finest reads."""

    @property
    def device(self) -> torch.device:
        """Where the denoiser computes."""
        return execution_device(self.denoiser)

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the denoiser."""
        dtype: Any = self.denoiser.dtype
        assert isinstance(dtype, torch.dtype)
        return dtype
