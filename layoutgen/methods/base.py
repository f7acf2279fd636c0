"""The contract of every method: what it is asked for, and what it needs of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from layoutgen.backbones.base import Backbone
from layoutgen.conditioning.condition import Condition, Prompts
from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.domain.layout import Layout
from layoutgen.methods.registry import MethodInfo


class LayoutMethod(ABC):
    """One way to tell a base model about a layout.

    Args:
        layout_encoder: what the model has learnt of layouts; None: nothing.
        encoding: the way in which the method writes an instance; None where there is only one.

    Attributes:
        info: what is to be known of the method without a model.
    """

    info: ClassVar[MethodInfo]

    def __init__(
        self, backbone: Backbone, layout_encoder: LayoutEncoder | None, encoding: str | None = None
    ) -> None:
        self.backbone, self.layout_encoder, self.encoding = backbone, layout_encoder, encoding

    @abstractmethod
    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """Encode B layouts, all of one canvas size in pixels, whole latent cells.

        Raises:
            UnknownLabel: the model has not learnt one of the labels.
        """

    def label_tokens(self, layouts: Sequence[Layout]) -> Tensor:
        """Which of the first tokens (B, P or more) of the context that :meth:`encode` makes spell a label."""
        return self.backbone.find_words(
            [layout.prompt for layout in layouts], [layout.labels for layout in layouts]
        )

    @property
    def starts_from_drawing(self) -> bool:
        """Whether denoising starts from :meth:`initial_latents` with noise, not from noise alone."""
        return False

    def initial_latents(self, layouts: Sequence[Layout]) -> Tensor:
        """The drawn layouts as latents (B, C, h, w), where denoising starts from them."""
        raise ValueError(f"{self.info.name} starts from noise alone")

    def modules(self) -> tuple[nn.Module, ...]:
        """The modules besides the base model's whose parameters belong to this method."""
        return ()

    def cell_size(self, layouts: Sequence[Layout]) -> tuple[int, int]:
        """Height and width of `layouts` in latent cells."""
        side = self.backbone.pixels_per_latent
        return layouts[0].height // side, layouts[0].width // side

    def encode_prompts(self, layouts: Sequence[Layout]) -> tuple[Prompts, Prompts]:
        """The prompts of B layouts and their negative prompts.

        Equal prompts (the windows of a canvas share theirs) go through the text encoder once.
        """
        texts = [layout.prompt for layout in layouts] + [layout.negative_prompt for layout in layouts]
        distinct = sorted(set(texts))
        rows = [distinct.index(text) for text in texts]
        embedded = self.backbone.encode_prompts(distinct)
        negative = self.backbone.as_negative(embedded[rows[len(layouts) :]], texts[len(layouts) :])
        return embedded[rows[: len(layouts)]], negative
