"""text2img: annotations are embedded and appended to the prompt embedding; cross-attention reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from layoutgen.backbones.clip_text import embed_phrases, embed_prompts, pool_phrases
from layoutgen.conditioning.attention_regions import Regions
from layoutgen.conditioning.condition import Condition
from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.domain.layout import Instance, Layout
from layoutgen.methods.base import LayoutMethod

Encoding = Literal["box", "text"]
LOCATIONS = 512  # tokens for twice the canvas' side; GeoDiffusion has 256 for one side


class Text2Img(LayoutMethod):
    """Each instance becomes tokens that only the latents under its box can hear.

    With the ``box`` encoding a latent also hears where in that box it lies, or that it lies in none.

    Args:
        encoding: ``box``: one token, an MLP of the label's embedding and the box's Fourier features.
            ``text``: the annotation as a sentence through the text encoder, on any checkpoint.
        factor: pixels per latent cell along a side.
    """

    name = "text2img"

    def __init__(
        self,
        tokenizer: CLIPTokenizer,
        text_encoder: CLIPTextModel,
        layout_encoder: LayoutEncoder | None,
        *,
        factor: int,
        encoding: Encoding = "box",
    ) -> None:
        if encoding == "box" and layout_encoder is None:
            raise ValueError("the box encoding needs a LayoutEncoder")
        self.tokenizer, self.text_encoder, self.layout_encoder = tokenizer, text_encoder, layout_encoder
        self.factor, self.encoding = factor, encoding

    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """See :meth:`LayoutMethod.encode`."""
        if self.layout_encoder is not None:
            layouts = self.layout_encoder.on_grid(layouts)
        prompt, negative = prompts_of(self.tokenizer, self.text_encoder, layouts)
        height, width = layouts[0].height // self.factor, layouts[0].width // self.factor
        boxes = box_fractions(layouts).to(prompt.device)  # (B, N, 4)
        tokens, owner = self._tokens(layouts, boxes, prompt)
        silent = owner.new_full(prompt.shape[:2], -1)
        regions = Regions(boxes, torch.cat([silent, owner], dim=1), height, width)
        channels = None
        if self.layout_encoder is not None:
            channels = self.layout_encoder.silence(len(layouts), height, width)
            if self.encoding == "box":
                regions = regions.with_places(self.layout_encoder.embed_places)
        return Condition(prompt, negative, tokens, channels, regions)

    def _tokens(self, layouts: Sequence[Layout], boxes: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, D) and the instance (B, T) each speaks of, -2 for padding."""
        per_instance = [
            (row, index, i) for row, lay in enumerate(layouts) for index, i in enumerate(lay.instances)
        ]
        slots = boxes.shape[1]
        if not per_instance:
            return like.new_zeros(len(layouts), 0, like.shape[-1]), boxes.new_full(
                (len(layouts), 0), -2
            ).long()
        if self.encoding == "box":
            embedded = self._box_tokens(layouts, per_instance, boxes)[:, None]  # (I, 1, D)
            real = torch.ones(embedded.shape[:2], dtype=torch.bool, device=like.device)
        else:
            places = 0 if self.layout_encoder is None else self.layout_encoder.config.location_tokens
            sentences = [sentence(i, layouts[row], places) for row, _, i in per_instance]
            embedded, real = embed_phrases(self.tokenizer, self.text_encoder, sentences)  # (I, M, D), (I, M)
        rows = torch.tensor([row for row, _, _ in per_instance], device=like.device)
        columns = torch.tensor([index for _, index, _ in per_instance], device=like.device)
        tokens = like.new_zeros(len(layouts), slots, *embedded.shape[1:])
        tokens = tokens.index_put((rows, columns), embedded.to(like))
        owner = torch.full((len(layouts), slots, embedded.shape[1]), -2, device=like.device)
        owner = owner.index_put((rows, columns), torch.where(real, columns[:, None], -2))
        return tokens.flatten(1, 2), owner.flatten(1, 2)

    def _box_tokens(
        self, layouts: Sequence[Layout], per_instance: list[tuple[int, int, Instance]], boxes: Tensor
    ) -> Tensor:
        """One token (I, D) for each instance."""
        assert self.layout_encoder is not None  # checked on creation
        names = sorted({instance.label for _, _, instance in per_instance})
        pooled = pool_phrases(self.tokenizer, self.text_encoder, names)
        which = torch.tensor([names.index(i.label) for _, _, i in per_instance], device=pooled.device)
        canvases = torch.tensor([[lay.width, lay.height] * 2 for lay in layouts], device=boxes.device)
        in_windows = boxes * canvases[:, None] / self.layout_encoder.config.window  # (B, N, 4)
        places = torch.stack([in_windows[row, index] for row, index, _ in per_instance])
        return self.layout_encoder(pooled[which], places)

    def modules(self) -> tuple[nn.Module, ...]:
        """The box token MLP, for the ``box`` encoding."""
        return (self.layout_encoder,) if self.encoding == "box" and self.layout_encoder is not None else ()


def prompts_of(
    tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, layouts: Sequence[Layout]
) -> tuple[Tensor, Tensor]:
    """Embeddings (B, P, D) of the layouts' prompts and of their negative prompts, of one length.

    Equal prompts (the windows of one canvas) go through the encoder once.
    """
    texts = [layout.prompt for layout in layouts] + [layout.negative_prompt for layout in layouts]
    distinct = sorted(set(texts))
    embedded = embed_prompts(tokenizer, text_encoder, distinct)
    prompt, negative = embedded[[distinct.index(text) for text in texts]].chunk(2)
    return prompt, negative


def box_fractions(layouts: Sequence[Layout]) -> Tensor:
    """Boxes (B, N, 4) of B layouts, xyxy as fractions of the canvas, unclipped; rows of zeros are padding."""
    boxes = torch.zeros(len(layouts), max(len(layout.instances) for layout in layouts), 4)
    for row, layout in enumerate(layouts):
        for index, instance in enumerate(layout.instances):
            boxes[row, index] = torch.tensor(instance.box.scale(1 / layout.width, 1 / layout.height).xyxy)
    return boxes


def sentence(instance: Instance, layout: Layout, places: int = 0) -> str:
    """An annotation as text: its label and its corners in thousandths of the canvas.

    With `places`, corners are location tokens instead: that many for the range from -0.5 to 1.5 canvases,
    so that a box that begins outside a window still says so.
    """
    corners = instance.box.scale(1 / layout.width, 1 / layout.height).xyxy
    if places:
        numbers = (min(places - 1, max(0, int((v + 0.5) / 2 * places))) for v in corners)
        return " ".join([instance.label, *map(location_token, numbers)])
    return " ".join([instance.label, *(str(round(1000 * v)) for v in corners)])


def add_location_tokens(tokenizer: CLIPTokenizer) -> None:
    """Give `tokenizer` a token for each place; its text encoder must grow with it."""
    tokenizer.add_tokens([location_token(place) for place in range(LOCATIONS)])


def location_token(place: int) -> str:
    """The token of a place."""
    return f"<place_{place}>"
