"""Features of the denoiser's deeper levels, computed in one step and used again in the next ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from layoutgen.backbones.base import Backbone

Features = dict[nn.Module, Any]


@contextmanager
def feature_cache(backbone: Backbone, features: Features) -> Iterator[None]:
    """Let all levels of the denoiser but the finest answer with their `features`; missing ones are computed.

    From one step to the next they change little, and the finest level, which sees the latents as they are,
    is computed in every one (DeepCache, Ma et al., arXiv 2312.00858). The denoiser is left as it was.
    """
    blocks, last = backbone.cacheable_blocks()
    before = {block: vars(block).get("forward") for block in blocks}

    def cached(block: nn.Module) -> Any:
        compute = block.forward

        def forward(*inputs: Any, **options: Any) -> Any:
            if block in features:
                return features[block]
            output = compute(*inputs, **options)
            features[block] = output if block is last else _shape_only(output)
            return output

        return forward

    for block in blocks:
        block.forward = cached(block)
    try:
        yield
    finally:
        for block, forward in before.items():
            if forward is None:
                del block.forward
            else:
                block.forward = forward


def _shape_only(output: Any) -> Any:
    """Of tensors of which only the shape is read later: the same without their memory."""
    if isinstance(output, tuple):
        return tuple(map(_shape_only, output))
    return output.new_zeros(()).expand(output.shape)
