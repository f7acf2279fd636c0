"""Classifier-free guidance: a condition and its counterpart without layout, made ready for many steps."""

from __future__ import annotations

import torch
from torch import Tensor

from layoutgen.backbones.base import Backbone
from layoutgen.conditioning.condition import Condition, DenoiserInputs
from layoutgen.denoising.feature_cache import Features, feature_cache


class GuidedDenoiser:
    """Guided predictions for one condition over all steps of one denoising.

    What does not change over the steps is computed once, and is gone with this object. The condition and its
    counterpart go through the denoiser in one batch.

    Args:
        null: the counterpart of `condition` without layout; None: there is no guidance in any step.
    """

    def __init__(self, backbone: Backbone, condition: Condition, null: Condition | None) -> None:
        self._backbone = backbone
        self._inputs = DenoiserInputs.of([condition] if null is None else [condition, null], cached=True)
        self._features: dict[int, Features] = {}

    def predict(
        self, noisy: Tensor, timestep: Tensor, guidance: float, *, reuse_features: bool = False
    ) -> Tensor:
        """The prediction (B, C, h, w) in float32 for `noisy` latents (B, C, h, w) at `timestep` ().

        The denoiser must be inside :meth:`Backbone.reading_layouts`.

        Args:
            guidance: scale (Ho & Salimans 2022, eq. 6); 1: the prediction of the condition alone, at half the
                work.
            reuse_features: the deeper levels answer as in the last call without; guided and other steps have
                features of their own, and compute them where there are none yet.
        """
        inputs = self._inputs if guidance != 1 else self._inputs.first(1)
        repeated = torch.cat([noisy] * len(inputs.contexts))
        if not reuse_features:
            self._features = {}
        with feature_cache(self._backbone, self._features.setdefault(len(repeated), {})):
            predicted = self._backbone.predict(repeated, timestep, inputs).float()
        if len(inputs.contexts) == 1:
            return predicted
        conditional, unconditional = predicted.chunk(2)
        return unconditional + guidance * (conditional - unconditional)
