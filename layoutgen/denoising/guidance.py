"""Classifier-free guidance: a condition and its counterpart without layout, made ready for many steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from layoutgen.backbones.base import Backbone
from layoutgen.conditioning.condition import Condition, DenoiserInputs
from layoutgen.denoising.feature_cache import Features, feature_cache
from layoutgen.domain.layout import Layout


class GuidedDenoiser:
    """Guided predictions for one condition over all steps of one denoising.

    What does not change over the steps is computed once, and is gone with this object. The condition and its
    counterpart go through the denoiser in one batch.

    Args:
        null: the counterpart of `condition` without layout; None: there is no guidance in any step.
        rescale: how far guided predictions keep the contrast of unguided ones, from 0 to 1.
    """

    def __init__(
        self, backbone: Backbone, condition: Condition, null: Condition | None, *, rescale: float = 0.0
    ) -> None:
        self._backbone, self._rescale = backbone, rescale
        self._inputs = DenoiserInputs.of([condition] if null is None else [condition, null], cached=True)
        self._features: dict[int, Features] = {}

    def predict(
        self, noisy: Tensor, timestep: Tensor, guidance: float | Tensor, *, reuse_features: bool = False
    ) -> Tensor:
        """The prediction (B, C, h, w) in float32 for `noisy` latents (B, C, h, w) at `timestep` ().

        The denoiser must be inside :meth:`Backbone.reading_layouts`.

        Args:
            guidance: scale (Ho & Salimans 2022, eq. 6), or one for each cell (B, 1, h, w); 1: the prediction
                of the condition alone, at half the work.
            reuse_features: the deeper levels answer as in the last call without; guided and other steps have
                features of their own, and compute them where there are none yet.
        """
        plain = isinstance(guidance, float) and guidance == 1
        inputs = self._inputs.first(1) if plain else self._inputs
        repeated = torch.cat([noisy] * len(inputs.contexts))
        if not reuse_features:
            self._features = {}
        with feature_cache(self._backbone, self._features.setdefault(len(repeated), {})):
            predicted = self._backbone.predict(repeated, timestep, inputs).float()
        if len(inputs.contexts) == 1:
            return predicted
        conditional, unconditional = predicted.chunk(2)
        guided = unconditional + guidance * (conditional - unconditional)
        return rescaled(guided, conditional, self._rescale) if self._rescale else guided


def rescaled(guided: Tensor, conditional: Tensor, share: float) -> Tensor:
    """`guided` predictions (B, C, h, w), with the contrast of `conditional` ones by `share`.

    Source: Lin et al., arXiv 2305.08891, section 3.4, equations 15 and 16.
    """
    spread, own = (values.std(dim=(1, 2, 3), keepdim=True) for values in (conditional, guided))
    return share * (guided * (spread / own)) + (1 - share) * guided


def guidance_map(
    layouts: Sequence[Layout], height: int, width: int, *, inside: float, outside: float
) -> Tensor:
    """Guidance scales (B, 1, height, width): `inside` for cells whose centre lies in a box, else `outside`.

    What guidance makes of a ground is stronger in colour than any photo; an object needs it to be one.
    """
    scales = torch.full((len(layouts), 1, height, width), outside)
    for row, layout in enumerate(layouts):
        for instance in layout.instances:
            x0, y0, x1, y1 = instance.box.scale(width / layout.width, height / layout.height).xyxy
            rows = slice(max(0, round(y0)), max(0, round(y1)))
            scales[row, 0, rows, max(0, round(x0)) : max(0, round(x1))] = inside
    return scales
