"""regional: training-free, for any checkpoint: attention masks keep each box to its own label."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from layoutgen.conditioning.attention_regions import PADDING, PROMPT, AttentionRegions
from layoutgen.conditioning.condition import Condition
from layoutgen.domain.layout import Layout
from layoutgen.domain.prompts import object_prompt
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.registry import REGIONAL
from layoutgen.methods.token_layout import box_fractions, prompt_owners


class Regional(LayoutMethod):
    """A latent attends to the labels of the boxes in its cell, and to its own box and the background.

    What a cell hears is mixed by how much of it each box, and the ground between them, covers: at the coarse
    levels, where Stable Diffusion decides what is where, a cell holds several small boxes and ground.

    One pass of the denoiser a step, whatever the number of instances: tokens are kept for each label, not for
    each instance.
    """

    info = REGIONAL

    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """See :meth:`LayoutMethod.encode`."""
        prompt, negative = self.encode_prompts(layouts)
        labels = _labels(layouts)
        device = prompt.embeddings.device
        boxes = box_fractions(layouts).to(device)  # (B, N, 4)
        groups = torch.zeros(boxes.shape[:2], dtype=torch.long)
        for row, layout in enumerate(layouts):
            for index, instance in enumerate(layout.instances):
                groups[row, index] = labels.index(instance.label)
        tokens, owners = self._encode_labels(layouts, labels, prompt.embeddings[:, :0])
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

    def label_tokens(self, layouts: Sequence[Layout]) -> Tensor:
        """See :class:`LayoutMethod`: those of the prompt, and of what each label is told as."""
        found, labels = super().label_tokens(layouts), _labels(layouts)
        if not labels:
            return found
        phrases = [phrase for row in _phrases(layouts, labels) for phrase in row]
        words = [[label] for label in labels] * len(layouts)
        told = self.backbone.find_words(phrases, words)  # (B * K, M)
        return torch.cat([found, told.unflatten(0, (len(layouts), -1)).flatten(1)], dim=1)

    def _encode_labels(
        self, layouts: Sequence[Layout], labels: Sequence[str], empty: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Tokens (B, K * M, D) of K `labels`, and the number of the label of each; `empty` is (B, 0, D)."""
        if not labels:
            return empty, torch.full(empty.shape[:2], PROMPT, device=empty.device)
        wanted = _phrases(layouts, labels)
        phrases = sorted({phrase for row in wanted for phrase in row})
        encoded = self.backbone.encode_prompts(phrases)  # (phrases, M, D)
        rows = torch.tensor([[phrases.index(phrase) for phrase in row] for row in wanted])
        tokens = encoded.embeddings[rows]  # (B, K, M, D)
        numbers = torch.arange(len(labels), device=empty.device)[:, None].expand(tokens.shape[:3])
        if encoded.mask is not None:
            numbers = numbers.masked_fill(~encoded.mask[rows], PADDING)
        return tokens.flatten(1, 2), numbers.flatten(1, 2)


def _phrases(layouts: Sequence[Layout], labels: Sequence[str]) -> list[list[str]]:
    """As what each of B `layouts` tells each of K `labels`: as its prompt would be of one such object.

    So boxes are of the same style as the picture.
    """
    return [[object_prompt(one.prompt, one.labels, label) for label in labels] for one in layouts]


def _labels(layouts: Sequence[Layout]) -> list[str]:
    """The distinct labels of all `layouts`, sorted."""
    return sorted({label for layout in layouts for label in layout.labels})
