"""text2img: annotations are embedded and appended to the prompt embedding; cross-attention reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer

from layoutgen.backbones.base import Backbone
from layoutgen.conditioning.attention_regions import PADDING, AttentionRegions
from layoutgen.conditioning.condition import Condition
from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.domain.layout import Instance, Layout
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.registry import TEXT2IMG
from layoutgen.methods.token_layout import box_fractions, prompt_owners

LOCATIONS = 512  # tokens for twice the canvas' side; GeoDiffusion has 256 for one side


class _Entry(NamedTuple):
    """Instance number `column` of layout number `row`."""

    row: int
    column: int
    instance: Instance


class Text2Img(LayoutMethod):
    """Each instance becomes tokens that only the latents under its box attend to.

    With the ``box`` encoding a latent is also told where in that box it lies, or that it lies in none.

    Args:
        encoding: ``box``: one token, an MLP of the label's embedding and the box's Fourier features.
            ``text``: the annotation as a sentence through the text encoder, on any checkpoint.
    """

    info = TEXT2IMG

    def __init__(
        self, backbone: Backbone, layout_encoder: LayoutEncoder | None, encoding: str | None = "box"
    ) -> None:
        if encoding == "box" and layout_encoder is None:
            raise ValueError("the box encoding needs a LayoutEncoder")
        super().__init__(backbone, layout_encoder, encoding)

    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """See :meth:`LayoutMethod.encode`."""
        if self.layout_encoder is not None:
            layouts = self.layout_encoder.on_grid(layouts)
        prompt, negative = self.encode_prompts(layouts)
        size = self.cell_size(layouts)
        boxes = box_fractions(layouts).to(prompt.embeddings.device)  # (B, N, 4)
        tokens, owners = self._tokens(layouts, boxes, prompt.embeddings)
        owners = torch.cat([prompt_owners(prompt), owners], dim=1)
        regions = AttentionRegions(boxes, owners, self.backbone.levels(*size))
        channels = None
        if self.layout_encoder is not None:
            channels = self.layout_encoder.zero_channels(len(layouts), *size)
            if self.encoding == "box":
                regions = regions.with_positions(self.layout_encoder.embed_positions)
        return Condition(prompt, negative, tokens, channels, regions)

    def _tokens(self, layouts: Sequence[Layout], boxes: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, D) and the instance (B, T) that each belongs to."""
        entries = [
            _Entry(row, column, instance)
            for row, layout in enumerate(layouts)
            for column, instance in enumerate(layout.instances)
        ]
        if not entries:
            empty = like.new_zeros(len(layouts), 0, like.shape[-1])
            return empty, torch.full((len(layouts), 0), PADDING, device=like.device)
        if self.encoding == "box":
            embedded = self._box_tokens(layouts, entries, boxes)[:, None]  # (I, 1, D)
            real = torch.ones(embedded.shape[:2], dtype=torch.bool, device=like.device)
        else:
            locations = 0 if self.layout_encoder is None else self.layout_encoder.config.location_tokens
            sentences = [sentence(entry.instance, layouts[entry.row], locations) for entry in entries]
            embedded, real = self.backbone.encode_phrases(sentences)  # (I, M, D), (I, M)
        rows = torch.tensor([entry.row for entry in entries], device=like.device)
        columns = torch.tensor([entry.column for entry in entries], device=like.device)
        shape = (len(layouts), boxes.shape[1])
        tokens = like.new_zeros(*shape, *embedded.shape[1:])
        tokens = tokens.index_put((rows, columns), embedded.to(like))
        owners = torch.full((*shape, embedded.shape[1]), PADDING, device=like.device)
        owners = owners.index_put((rows, columns), torch.where(real, columns[:, None], PADDING))
        return tokens.flatten(1, 2), owners.flatten(1, 2)

    def _box_tokens(self, layouts: Sequence[Layout], entries: Sequence[_Entry], boxes: Tensor) -> Tensor:
        """One token (I, D) for each instance."""
        assert self.layout_encoder is not None  # checked on creation
        names = sorted({entry.instance.label for entry in entries})
        pooled = self.backbone.pool_phrases(names)
        which, rows, columns = torch.tensor(
            [(names.index(entry.instance.label), entry.row, entry.column) for entry in entries],
            device=pooled.device,
        ).unbind(1)  # (I,)
        canvases = torch.tensor(
            [[layout.width, layout.height] * 2 for layout in layouts], device=boxes.device
        )
        in_windows = boxes * canvases[:, None] / self.layout_encoder.unit  # (B, N, 4)
        return self.layout_encoder(pooled[which], in_windows[rows, columns])

    def modules(self) -> tuple[nn.Module, ...]:
        """The box token MLP, for the ``box`` encoding."""
        return (self.layout_encoder,) if self.encoding == "box" and self.layout_encoder is not None else ()


def sentence(instance: Instance, layout: Layout, locations: int = 0) -> str:
    """An annotation as text: its label and its corners in thousandths of the canvas.

    With `locations`, corners are location tokens instead: that many for the range from -0.5 to 1.5 canvases,
    so that a box that begins outside a window still says so.
    """
    corners = instance.box.scale(1 / layout.width, 1 / layout.height).xyxy
    if locations:
        numbers = (min(locations - 1, max(0, int((v + 0.5) / 2 * locations))) for v in corners)
        return " ".join([instance.label, *map(location_token, numbers)])
    return " ".join([instance.label, *(str(round(1000 * v)) for v in corners)])


def add_location_tokens(tokenizer: CLIPTokenizer) -> None:
    """Give `tokenizer` a token for each location; its text encoder must grow with it."""
    tokenizer.add_tokens([location_token(number) for number in range(LOCATIONS)])


def location_token(number: int) -> str:
    """The token of a location."""
    return f"<place_{number}>"
