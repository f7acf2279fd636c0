"""What a denoiser is told about layouts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from layoutgen.conditioning.attention_regions import Regions


@dataclass(frozen=True)
class Condition:
    """What the U-Net is told about B layouts.

    Attributes:
        prompt: prompt embeddings (B, P, D).
        negative: embeddings (B, P, D) of the negative prompts, which guidance moves away from.
        tokens: layout tokens (B, T, D), appended to the prompt; T may be 0.
        channels: extra U-Net input channels (B, C, h, w), or None if the U-Net has none.
        regions: which latent hears which token; None: every latent hears the prompt, and there are no tokens.
    """

    prompt: Tensor
    negative: Tensor
    tokens: Tensor
    channels: Tensor | None = None
    regions: Regions | None = None

    def without_layout(self, rows: Tensor) -> Condition:
        """Hide the layout in the rows where `rows` (B,) is True: no token is heard, extra channels are 0."""
        kept = ~rows.to(self.prompt.device)
        channels = None if self.channels is None else self.channels * kept.view(-1, 1, 1, 1).to(self.channels)
        regions = None if self.regions is None else self.regions.restrict(kept)
        return replace(self, channels=channels, regions=regions)

    def null(self) -> Condition:
        """The condition of guidance: the negative prompt, and no layout."""
        channels = None if self.channels is None else torch.zeros_like(self.channels)
        return replace(self, prompt=self.negative, tokens=self.tokens[:, :0], channels=channels, regions=None)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Condition:
        """Move to `device`; floating-point tensors also to `dtype`."""
        return replace(
            self,
            prompt=self.prompt.to(device, dtype),
            negative=self.negative.to(device, dtype),
            tokens=self.tokens.to(device, dtype),
            channels=None if self.channels is None else self.channels.to(device, dtype),
            regions=None if self.regions is None else self.regions.to(device, dtype),
        )

    def __getitem__(self, rows: slice | Tensor) -> Condition:
        """The condition of some of the layouts: a slice, or their numbers."""
        return replace(
            self,
            prompt=self.prompt[rows],
            negative=self.negative[rows],
            tokens=self.tokens[rows],
            channels=None if self.channels is None else self.channels[rows],
            regions=None if self.regions is None else self.regions[rows],
        )

    def predict(self, unet: nn.Module, latents: Tensor, timesteps: Tensor) -> Tensor:
        """The U-Net's prediction (B, C, h, w) for noisy `latents` (B, C, h, w) at `timesteps` (B,) or ().

        A U-Net that hears `regions` must be inside :meth:`LayoutMethod.attached`.
        """
        inputs = latents if self.channels is None else torch.cat([latents, self.channels.to(latents)], dim=1)
        context = torch.cat([self.prompt, self.tokens], dim=1)
        extra: dict[str, Any] = (
            {} if self.regions is None else {"cross_attention_kwargs": {"regions": self.regions}}
        )
        return unet(inputs, timesteps, encoder_hidden_states=context, return_dict=False, **extra)[0]
