"""Classifier-free guidance: a condition and its counterpart without layout, made ready for many steps."""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from layoutgen.conditioning.attention import Heard
from layoutgen.conditioning.condition import Condition
from layoutgen.denoising.feature_cache import Features, deep_features


class Guided:
    """A condition with its counterpart without layout, for all steps of one denoising.

    What does not change over the steps is computed once, and is gone with this object. Both go through the
    U-Net in one batch.
    """

    def __init__(self, condition: Condition, null: Condition | None) -> None:
        told = (condition,) if null is None else (condition, null)
        self._heard = [
            Heard(torch.cat([c.prompt, c.tokens], dim=1), c.regions if _tells(c) else None) for c in told
        ]
        planes = [c.channels for c in told if c.channels is not None]
        self._channels = torch.cat(planes) if planes else None
        self._deep: dict[int, Features] = {}

    def predict(
        self,
        unet: UNet2DConditionModel,
        latents: Tensor,
        time: Tensor,
        guidance: float,
        *,
        reuse: bool = False,
    ) -> Tensor:
        """The U-Net's prediction (B, C, h, w) in float32 for noisy `latents` (B, C, h, w) at `time` ().

        Classifier-free guidance (Ho & Salimans 2022, eq. 6); 1: only what the condition says, at half the
        work. With `reuse` the U-Net's deeper levels answer what they have since the last call without; guided
        and other steps have features of their own, and compute them where there are none yet. The U-Net must
        be inside :meth:`LayoutMethod.attached`.
        """
        heard = self._heard if guidance != 1 else self._heard[:1]
        inputs = torch.cat([latents] * len(heard))
        if self._channels is not None:
            inputs = torch.cat([inputs, self._channels[: len(inputs)].to(inputs)], dim=1)
        context = heard[0].context  # only says that there is one
        extra = {"cross_attention_kwargs": {"heard": heard}}
        if not reuse:
            self._deep = {}
        with deep_features(unet, self._deep.setdefault(len(inputs), {})):
            predicted = unet(inputs, time, encoder_hidden_states=context, return_dict=False, **extra)[0]
        predicted = predicted.float()
        if len(heard) == 1:
            return predicted
        told, untold = predicted.chunk(2)
        return untold + guidance * (told - untold)


def _tells(condition: Condition) -> bool:
    """Whether there is anything in `condition` that some latents hear and others do not."""
    return condition.regions is not None and bool(condition.tokens.shape[1] or condition.regions.places)
