"""regional: training-free, for any checkpoint: attention masks keep each box to its own label."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from layoutgen.conditioning.attention_regions import PADDING, PROMPT, AttentionRegions
from layoutgen.conditioning.condition import Condition
from layoutgen.domain.layout import Layout
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.registry import REGIONAL
from layoutgen.methods.token_layout import box_fractions, prompt_owners


class Regional(LayoutMethod):
    """A latent inside a box attends to its own label's tokens, and to its own box and the background.

    One pass of the denoiser a step, whatever the number of instances: tokens are kept for each label, not for
    each instance.
    """

    info = REGIONAL

    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """See :meth:`LayoutMethod.encode`."""
        prompt, negative = self.encode_prompts(layouts)
        labels = sorted({label for layout in layouts for label in layout.labels})
        device = prompt.embeddings.device
        boxes = box_fractions(layouts).to(device)  # (B, N, 4)
        groups = torch.zeros(boxes.shape[:2], dtype=torch.long)
        for row, layout in enumerate(layouts):
            for index, instance in enumerate(layout.instances):
                groups[row, index] = labels.index(instance.label)
        tokens, owners = self._label_tokens(labels, prompt.embeddings[:, :0])
        regions = AttentionRegions(
            boxes,
            torch.cat([prompt_owners(prompt), owners], dim=1),
            self.backbone.levels(*self.cell_size(layouts)),
            groups.to(device),
            exclusive=True,
        )
        channels = None
        if self.layout_encoder is not None:
            channels = self.layout_encoder.zero_channels(len(layouts), *self.cell_size(layouts))
        return Condition(prompt, negative, tokens, channels, regions)

    def _label_tokens(self, labels: Sequence[str], empty: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, K * M, D) of K `labels`, and the number of the label of each; `empty` is (B, 0, D)."""
        if not labels:
            return empty, torch.full(empty.shape[:2], PROMPT, device=empty.device)
        encoded = self.backbone.encode_prompts([f"a photo of a {label}" for label in labels])
        numbers = torch.arange(len(labels), device=empty.device)[:, None].expand(encoded.embeddings.shape[:2])
        if encoded.mask is not None:
            numbers = numbers.masked_fill(~encoded.mask, PADDING)
        return encoded.embeddings.flatten(0, 1).expand(len(empty), -1, -1), numbers.flatten().expand(
            len(empty), -1
        )
