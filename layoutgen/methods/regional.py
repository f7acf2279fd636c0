"""regional: training-free, for any checkpoint: attention masks keep each box to its own label."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from layoutgen.backbones.clip_text import embed_prompts
from layoutgen.conditioning.attention_regions import Regions
from layoutgen.conditioning.condition import Condition
from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.domain.layout import Layout
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.text2img import box_fractions, prompts_of


class Regional(LayoutMethod):
    """A latent inside a box reads its own label's tokens, and looks at its own box and the background.

    One pass of the U-Net a step, whatever the number of instances: tokens are kept for each label, not for
    each instance.
    """

    name = "regional"

    def __init__(
        self,
        tokenizer: CLIPTokenizer,
        text_encoder: CLIPTextModel,
        layout_encoder: LayoutEncoder | None = None,
        *,
        factor: int,
    ) -> None:
        self.tokenizer, self.text_encoder, self.layout_encoder = tokenizer, text_encoder, layout_encoder
        self.factor = factor

    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """See :meth:`LayoutMethod.encode`."""
        prompt, negative = prompts_of(self.tokenizer, self.text_encoder, layouts)
        labels = sorted({label for layout in layouts for label in layout.labels})
        height, width = layouts[0].height // self.factor, layouts[0].width // self.factor
        boxes = box_fractions(layouts).to(prompt.device)  # (B, N, 4)
        group = torch.zeros(boxes.shape[:2], dtype=torch.long, device=prompt.device)
        for row, layout in enumerate(layouts):
            for index, instance in enumerate(layout.instances):
                group[row, index] = labels.index(instance.label)
        tokens, owner = prompt[:, :0], group[:, :0]
        if labels:
            told = embed_prompts(
                self.tokenizer, self.text_encoder, [f"a photo of a {label}" for label in labels]
            )
            tokens = told.flatten(0, 1).expand(len(layouts), -1, -1)  # (B, K * M, D)
            numbers = torch.arange(len(labels), device=prompt.device)
            owner = numbers.repeat_interleave(told.shape[1]).expand(len(layouts), -1)
        free = owner.new_full(prompt.shape[:2], -1)
        regions = Regions(boxes, torch.cat([free, owner], dim=1), height, width, group, exclusive=True)
        channels = None
        if self.layout_encoder is not None:
            channels = self.layout_encoder.silence(len(layouts), height, width)
        return Condition(prompt, negative, tokens, channels, regions)

    def modules(self) -> tuple[nn.Module, ...]:
        """None: nothing is learnt."""
        return ()
