"""What the picture would be if denoising ended now: for previews."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from layoutgen.errors import InvalidOption


def clean_latents(scheduler: Any, scaled: Tensor, predicted: Tensor, timestep: Tensor) -> Tensor:
    """The latents without noise that a prediction implies, (B, C, h, w).

    Args:
        scheduler: of diffusers, with the ``alphas_cumprod`` of the model.
        scaled: what the denoiser saw, as ``scale_model_input`` makes it: of unit variance, (B, C, h, w).
        predicted: what it answered; the scheduler's config says of what: noise (Ho et al., arXiv
            2006.11239, equation 15), v (Salimans and Ho, arXiv 2202.00512, appendix D) or the latents.
        timestep: of the training noise schedule, scalar.

    Raises:
        InvalidOption: the scheduler predicts something else.
    """
    kind = getattr(scheduler.config, "prediction_type", "epsilon")
    if kind == "sample":
        return predicted
    alpha = scheduler.alphas_cumprod[int(timestep)].to(scaled)
    signal, noise = alpha.sqrt(), (1 - alpha).sqrt()
    if kind == "epsilon":
        return (scaled - noise * predicted) / signal
    if kind == "v_prediction":
        return signal * scaled - noise * predicted
    raise InvalidOption(f"there is no preview of a model that predicts {kind}: leave it out")
