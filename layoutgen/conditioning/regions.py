"""Which latent hears which token, as attention masks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Regions:
    """Where the N instances of B layouts are, and which of the P + T context tokens speaks of which.

    Attributes:
        boxes: (B, N, 4) xyxy as fractions of the canvas; rows of zeros are padding.
        owner: (B, P + T) the group of instances that a token speaks of; -1 prompt, -2 nothing (padding).
        height, width: latent cells.
        group: (B, N) the group that an instance belongs to; None: each instance is its own.
        exclusive: the regional method: inside boxes the prompt is not heard, and self-attention looks only
            at boxes it shares and at the background. Otherwise the prompt is heard everywhere and
            self-attention is free.
    """

    boxes: Tensor
    owner: Tensor
    height: int
    width: int
    group: Tensor | None = None
    exclusive: bool = False
    _masks: dict[tuple[str, int, torch.dtype], Tensor] = field(
        default_factory=dict, repr=False, compare=False
    )

    def cross(self, length: int, dtype: torch.dtype) -> Tensor:
        """Bias (B, 1, L, P + T) of cross-attention for L latents: 0 is heard, -inf is not.

        Kept for each L. A latent that would hear nothing hears the prompt.
        """
        key = ("cross", length, dtype)
        if key not in self._masks:
            inside = self._inside(length)  # (B, L, N)
            owner = self.owner[:, None].expand(-1, length, -1)  # (B, L, P + T)
            padded = F.pad(self._by_group(inside), (0, 1))  # an index to gather from also when N is 0
            told = padded.gather(2, owner.clamp_min(0)) & (owner >= 0)
            general = owner == -1
            if self.exclusive:
                general = general & ~(inside.any(2, keepdim=True) & told.any(2, keepdim=True))
            self._masks[key] = _bias(told | general, dtype)[:, None]
        return self._masks[key]

    def self_(self, length: int, dtype: torch.dtype) -> Tensor | None:
        """Bias (B, 1, L, L) of self-attention, or None: every latent sees every other. Kept for each L."""
        if not self.exclusive or self.boxes.shape[1] == 0:
            return None
        key = ("self", length, dtype)
        if key not in self._masks:
            inside = self._inside(length).float()  # (B, L, N)
            background = inside.sum(2) == 0  # (B, L)
            same = inside @ inside.transpose(1, 2) > 0
            self._masks[key] = _bias(same | background[:, None, :], dtype)[:, None]
        return self._masks[key]

    def restrict(self, kept: Tensor) -> Regions:
        """Silence the instances and their tokens in the rows where `kept` (B,) is False."""
        silent = (~kept.to(self.owner.device))[:, None]
        owner = torch.where(silent & (self.owner >= 0), -2, self.owner)
        return replace(self, boxes=self.boxes * (~silent)[..., None], owner=owner, _masks={})

    def to(self, device: torch.device | str) -> Regions:
        """Move to `device`."""
        group = None if self.group is None else self.group.to(device)
        return replace(self, boxes=self.boxes.to(device), owner=self.owner.to(device), group=group, _masks={})

    def __getitem__(self, rows: slice | Tensor) -> Regions:
        """The regions of some of the layouts."""
        group = None if self.group is None else self.group[rows]
        return replace(self, boxes=self.boxes[rows], owner=self.owner[rows], group=group, _masks={})

    def _inside(self, length: int) -> Tensor:
        """(B, L, N) bool: the box covers some of the latent's cell."""
        height, width = self._shape(length)
        device = self.boxes.device
        x = torch.arange(width, device=device) / width  # left edges
        y = torch.arange(height, device=device) / height
        x0, y0, x1, y1 = self.boxes.unbind(-1)  # (B, N)
        columns = (x0[:, None] < x[:, None] + 1 / width) & (x1[:, None] > x[:, None])  # (B, w, N)
        rows = (y0[:, None] < y[:, None] + 1 / height) & (y1[:, None] > y[:, None])  # (B, h, N)
        return (rows[:, :, None] & columns[:, None]).flatten(1, 2)

    def _by_group(self, inside: Tensor) -> Tensor:
        """(B, L, N) per instance to (B, L, G) per group."""
        if self.group is None or self.group.shape[1] == 0:
            return inside
        members = F.one_hot(self.group)  # (B, N, G)
        return inside.float() @ members.float() > 0

    def _shape(self, length: int) -> tuple[int, int]:
        """Height and width of the U-Net's level with `length` latents: each level halves, rounding up."""
        height, width = self.height, self.width
        while height * width > length:
            height, width = (height + 1) // 2, (width + 1) // 2
        if height * width != length:
            raise ValueError(f"no level of a {self.height} x {self.width} latent has {length} positions")
        return height, width


def _bias(heard: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds to its scores, made once: of a bool mask it would make one in every call."""
    return torch.zeros(heard.shape, dtype=dtype, device=heard.device).masked_fill_(~heard, -torch.inf)
