"""What the denoiser of a file predicts that does not say it: noise, or v.

Stable Diffusion v2 has files of both kinds with the same tensors. diffusers knows one of them by its number
of training steps, and takes all others for the second kind.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_SIDE = 32  # latent cells
_NOISE = 0.5  # correlation: it is about 1 if noise is predicted, and below 0.1 if v is


@torch.no_grad()
def predicted_by(unet: Any, tokenizer: Any, text_encoder: Any, timesteps: int) -> str:
    """epsilon or v_prediction: whether `unet` gives back noise that is all it is shown, or not.

    At the last of all `timesteps` of Stable Diffusion, latents are noise but for 7 %. So epsilon is what the
    denoiser reads, and v (Salimans and Ho 2022, eq. 10) is the latents that it foresees.
    """
    noise = torch.randn(1, unet.config.in_channels, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))
    ids = tokenizer("", padding="max_length", truncation=True, return_tensors="pt").input_ids
    prompt = text_encoder(ids.to(text_encoder.device))[0]
    last = torch.tensor([timesteps - 1], device=unet.device)
    noise = noise.to(unet.device, unet.dtype)
    seen: Tensor = unet(noise, last, encoder_hidden_states=prompt.to(noise), return_dict=False)[0]
    both = torch.stack([noise.flatten(), seen.flatten()]).float()
    return "epsilon" if float(torch.corrcoef(both)[0, 1]) > _NOISE else "v_prediction"
