"""Which latent hears which token, as attention masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_ROUNDING = 1e-4  # of a cell: an edge between two cells may come out a little beside it
_STRIP = 64  # latents at least: shorter strips leave too little work to one call of attention
_STRIPS = 16  # at most: each has keys and values of its own
_WORTHWHILE = 0.75  # of the context: what a strip may hear
_VECTOR = 16  # the number of tokens of a strip is a multiple of it


class Strips(NamedTuple):
    """Which tokens of the context each of S strips of L latents hears; a strip is some whole rows.

    Attributes:
        tokens: (B, S, M) their places in the context; a strip that hears fewer than M gets others too.
        bias: (B * S, 1, L / S, M) what attention adds to its scores: 0 is heard, -inf is not.
    """

    tokens: Tensor
    bias: Tensor


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
        places: for each number L of latents that a level may have: embeddings (B, L, D) of where in its box
            each latent lies, or that it lies in none. Empty: latents are not told.
    """

    boxes: Tensor
    owner: Tensor
    height: int
    width: int
    group: Tensor | None = None
    exclusive: bool = False
    places: dict[int, Tensor] = field(default_factory=dict)
    _masks: dict[tuple[str, int, torch.dtype], Tensor] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _strips: dict[tuple[int, torch.dtype], Strips | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
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

    def strips(self, length: int, dtype: torch.dtype) -> Strips | None:
        """The same by strips, so that a latent is compared with the boxes of its strip, not with all of them.

        None: strips would hear most of the context, too. Kept for each L. M depends on where the boxes
        are, so that compiled code cannot call this.
        """
        key = (length, dtype)
        if key not in self._strips:
            bias = self.cross(length, dtype)[:, 0].unflatten(1, (_strips(*self._shape(length)), -1))
            heard = bias.isfinite().any(2)  # (B, S, P + T)
            most = -(-int(heard.sum(2).max()) // _VECTOR) * _VECTOR
            if most > _WORTHWHILE * heard.shape[2]:
                self._strips[key] = None
            else:
                tokens = heard.byte().argsort(dim=2, descending=True, stable=True)[..., :most]  # (B, S, M)
                chosen = bias.gather(3, tokens[:, :, None].expand(-1, -1, bias.shape[2], -1))
                self._strips[key] = Strips(tokens, chosen.flatten(0, 1)[:, None])
        return self._strips[key]

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

    def with_places(self, embed: Callable[[Tensor, Tensor], Tensor]) -> Regions:
        """Tell latents where in their box they lie, or that they lie in none.

        `embed` makes (B, L, D) of x and y (B, L, 2) as shares of the box, and of whether there is one (B, L).
        """
        places, height, width = {}, self.height, self.width
        while height * width not in places:
            places[height * width] = embed(*self._where(height * width))
            height, width = (height + 1) // 2, (width + 1) // 2
        return replace(self, places=places)

    def restrict(self, kept: Tensor) -> Regions:
        """Silence the instances and their tokens in the rows where `kept` (B,) is False."""
        heard = kept.to(self.owner.device)[:, None]
        owner = torch.where(heard | (self.owner < 0), self.owner, -2)
        places = {length: told * heard[..., None] for length, told in self.places.items()}
        return replace(self, boxes=self.boxes * heard[..., None], owner=owner, places=places)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Regions:
        """Move to `device`; the embeddings of places also to `dtype`."""
        places = {length: told.to(dtype) for length, told in self.places.items()}
        return replace(self, places=places)._each(lambda tensor: tensor.to(device))

    def __getitem__(self, rows: slice | Tensor) -> Regions:
        """The regions of some of the layouts."""
        return self._each(lambda tensor: tensor[rows])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Regions:
        return replace(
            self,
            boxes=change(self.boxes),
            owner=change(self.owner),
            group=None if self.group is None else change(self.group),
            places={length: change(told) for length, told in self.places.items()},
        )

    def _inside(self, length: int) -> Tensor:
        """(B, L, N) bool: the box covers some of the latent's cell."""
        return self._covered(length) > 0

    def _covered(self, length: int) -> Tensor:
        """(B, L, N) how much of each latent's cell each box covers, 0 to 1."""
        height, width = self._shape(length)
        x0, y0, x1, y1 = self.boxes.unbind(-1)  # (B, N)
        columns, rows = _overlaps(x0, x1, width), _overlaps(y0, y1, height)  # (B, w, N), (B, h, N)
        return (rows[:, :, None] * columns[:, None]).flatten(1, 2)

    def _where(self, length: int) -> tuple[Tensor, Tensor]:
        """Where in its box each latent's centre lies (B, L, 2), 0 to 1, and whether it has a box (B, L).

        Its box is the one that covers most of its cell, and of several that cover all of it the smallest.
        """
        height, width = self._shape(length)
        if self.boxes.shape[1] == 0:
            nowhere = self.boxes.new_zeros(len(self.boxes), length, 2)
            return nowhere, nowhere[..., 0] > 0
        covered = self._covered(length)
        x0, y0, x1, y1 = self.boxes.unbind(-1)
        tie = (x1 - x0) * (y1 - y0) * 1e-3 + x0 * 1e-5 + y0 * 1e-6  # the order of boxes decides nothing
        chosen = (covered - tie[:, None]).masked_fill(covered == 0, -torch.inf).argmax(2)  # (B, L)
        box = self.boxes.gather(1, chosen[..., None].expand(-1, -1, 4))  # (B, L, 4)
        centre = torch.stack(_centres(height, width, self.boxes.device), dim=-1)  # (L, 2)
        where = (centre - box[..., :2]) / (box[..., 2:] - box[..., :2]).clamp_min(1e-6)
        return where.clamp(0, 1), covered.amax(2) > 0

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


def _strips(height: int, width: int) -> int:
    """How many strips of equally many whole rows a level is cut into."""
    fitting = (
        count for count in range(_STRIPS, 1, -1) if height % count == 0 and height // count * width >= _STRIP
    )
    return next(fitting, 1)


def _overlaps(start: Tensor, stop: Tensor, cells: int) -> Tensor:
    """The share (B, cells, N) of each of `cells` parts of [0, 1] that `start` to `stop` (B, N) cover."""
    edge = torch.arange(cells, device=start.device)[:, None] / cells
    share = (stop[:, None].minimum(edge + 1 / cells) - start[:, None].maximum(edge)) * cells
    return share * (share > _ROUNDING)


def _centres(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """x and y (L,) of the centres of L cells, as fractions of the canvas."""
    y, x = torch.meshgrid(
        (torch.arange(height, device=device) + 0.5) / height,
        (torch.arange(width, device=device) + 0.5) / width,
        indexing="ij",
    )
    return x.flatten(), y.flatten()


def _bias(heard: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds to its scores, made once: of a bool mask it would make one in every call."""
    return torch.zeros(heard.shape, dtype=dtype, device=heard.device).masked_fill_(~heard, -torch.inf)
