"""Features of the U-Net's deeper levels, made in one step and used again in the next ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diffusers import UNet2DConditionModel
from torch import nn

Features = dict[nn.Module, Any]


@contextmanager
def deep_features(unet: UNet2DConditionModel, kept: Features) -> Iterator[None]:
    """Let all levels of `unet` but the first answer with what is `kept`; what is not is computed and kept.

    From one step to the next they change little, and the first level, which sees the latents as they are,
    is computed in every one (DeepCache, Ma et al., arXiv 2312.00858). The U-Net is left as it was.
    """
    last = unet.up_blocks[-2] if len(unet.up_blocks) > 1 else unet.mid_block  # all that the first level reads
    blocks = [*unet.down_blocks[1:], unet.mid_block, *unet.up_blocks[:-1]]
    before = {block: vars(block).get("forward") for block in blocks}

    def keeping(block: nn.Module) -> Any:
        compute = block.forward

        def forward(*inputs: Any, **options: Any) -> Any:
            if block in kept:
                return kept[block]
            answer = compute(*inputs, **options)
            kept[block] = answer if block is last else _shape_of(answer)
            return answer

        return forward

    for block in blocks:
        block.forward = keeping(block)
    try:
        yield
    finally:
        for block, forward in before.items():
            if forward is None:
                del block.forward
            else:
                block.forward = forward


def _shape_of(answer: Any) -> Any:
    """Of tensors that only hand on their shape: the same without their memory."""
    if isinstance(answer, tuple):
        return tuple(map(_shape_of, answer))
    return answer.new_zeros(()).expand(answer.shape)
