"""Boxes and token owners as tensors: what text2img and regional have in common."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from layoutgen.conditioning.attention_regions import PADDING, PROMPT
from layoutgen.conditioning.condition import Prompts
from layoutgen.domain.layout import Layout


def box_fractions(layouts: Sequence[Layout]) -> Tensor:
    """Boxes (B, N, 4) of B layouts, xyxy as fractions of the canvas, unclipped; rows of zeros are padding."""
    most = max(len(layout.instances) for layout in layouts)
    rows = []
    for layout in layouts:
        width, height = 1 / layout.width, 1 / layout.height
        boxes = [one.box.scale(width, height).xyxy for one in layout.instances]
        rows.append(boxes + [(0.0,) * 4] * (most - len(boxes)))
    return torch.tensor(rows, dtype=torch.float32).view(len(layouts), most, 4)


def prompt_owners(prompt: Prompts) -> Tensor:
    """`token_to_instance` (B, P) of the tokens of `prompt`."""
    shape, device = prompt.embeddings.shape[:2], prompt.embeddings.device
    owners = torch.full(shape, PROMPT, device=device)
    return owners if prompt.mask is None else owners.masked_fill(~prompt.mask, PADDING)
