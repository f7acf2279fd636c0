"""Which latent attends to which token, as attention biases: a layout in the form that attention reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

PROMPT = -1
"""In `token_to_instance`: a token of the prompt."""
PADDING = -2
"""In `token_to_instance`: a token that no latent attends to."""

Level = tuple[int, int]
"""Height and width, in latent cells, of one level of the denoiser."""

_ROUNDING = 1e-4  # of a cell: an edge between two cells may come out a little beside it
_MIN_BLOCK = 64  # latents: smaller blocks leave too little work to one call of attention
_MAX_BLOCKS = 16  # each has keys and values of its own
_WORTHWHILE = 0.75  # of the context: what a block may attend to
_VECTOR = 16  # the number of tokens of a block is a multiple of it


class RowBlocks(NamedTuple):
    """Which tokens of the context each of S blocks of whole rows attends to.

    Attributes:
        tokens: (B, S, M) indices into the context; a block that attends to fewer than M gets others too.
        bias: (B * S, 1, L / S, M) added to the attention scores: 0 attends, -inf does not.
    """

    tokens: Tensor
    bias: Tensor


@dataclass(frozen=True)
class AttentionRegions:
    """Where the N instances of B layouts are, and which of the P + T context tokens belongs to which.

    Attributes:
        boxes: (B, N, 4) xyxy as fractions of the canvas; rows of zeros are padding.
        token_to_instance: (B, P + T) the group of instances that a token belongs to, `PROMPT` or `PADDING`.
        levels: the sizes of the denoiser's levels, the finest first.
        instance_to_group: (B, N) the group that an instance belongs to; None: each instance is its own.
        exclusive: a latent attends to the tokens of a box, and to the prompt, as much as they have of its
            cell, and to other latents only if these belong to the same box or to the background. Otherwise
            every latent attends to the prompt, and self-attention is free.
        positions: for each number L of latents that a level may have: embeddings (B, L, D) of where in its
            box each latent lies, or that it lies in none. Empty: latents are not told.
    """

    boxes: Tensor
    token_to_instance: Tensor
    levels: Sequence[Level]
    instance_to_group: Tensor | None = None
    exclusive: bool = False
    positions: dict[int, Tensor] = field(default_factory=dict)
    _biases: dict[tuple[str, int, torch.dtype], Tensor] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _blocks: dict[tuple[int, torch.dtype], RowBlocks | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def cross_attention_bias(self, length: int, dtype: torch.dtype) -> Tensor:
        """Bias (B, 1, L, P + T) of cross-attention for a level of L latents: 0 attends, -inf does not.

        Where regions are exclusive, it is the logarithm of the share that a token's box, or the ground, has
        of the latent's cell: at coarse levels a cell holds several boxes, and most hold ground. Kept for each
        L. A latent that would attend to nothing attends to the prompt.
        """
        key = ("cross", length, dtype)
        if key not in self._biases and self.exclusive:
            self._biases[key] = self._log_shares(length).to(dtype)[:, None]
        if key not in self._biases:
            inside = self._inside(length)  # (B, L, N)
            owner = self.token_to_instance[:, None].expand(-1, length, -1)  # (B, L, P + T)
            padded = F.pad(self._by_group(inside), (0, 1))  # an index to gather from also when N is 0
            own = padded.gather(2, owner.clamp_min(0)) & (owner >= 0)
            self._biases[key] = _bias(own | (owner == PROMPT), dtype)[:, None]
        return self._biases[key]

    def self_attention_bias(self, length: int, dtype: torch.dtype) -> Tensor | None:
        """Bias (B, 1, L, L) of self-attention; None: every latent attends to every other. Kept for each L.

        A latent belongs to what has the largest share of its cell: one of the boxes, or the background.
        """
        if not self.exclusive or self.boxes.shape[1] == 0:
            return None
        key = ("self", length, dtype)
        if key not in self._biases:
            shares = self._shares(length)  # (B, L, N)
            ground = 1 - shares.sum(2, keepdim=True)
            largest = (shares - self._order()[:, None]).masked_fill(shares == 0, -torch.inf)
            owner = torch.cat([ground, largest], dim=2).argmax(2)  # (B, L), 0 is the background
            background = owner == 0
            same = owner[:, :, None] == owner[:, None]
            self._biases[key] = _bias(same | background[:, None, :], dtype)[:, None]
        return self._biases[key]

    def row_blocks(self, length: int, dtype: torch.dtype) -> RowBlocks | None:
        """Cross-attention by blocks of rows: a latent is compared with the boxes of its rows, not with all.

        None: blocks would attend to most of the context, too. Kept for each L. M depends on where the boxes
        are, so that compiled code cannot call this.
        """
        key = (length, dtype)
        if key not in self._blocks:
            bias = self.cross_attention_bias(length, dtype)[:, 0]
            bias = bias.unflatten(1, (_block_count(*self._size(length)), -1))  # (B, S, L / S, P + T)
            attended = bias.isfinite().any(2)  # (B, S, P + T)
            most = -(-int(attended.sum(2).max()) // _VECTOR) * _VECTOR
            if most > _WORTHWHILE * attended.shape[2]:
                self._blocks[key] = None
            else:
                tokens = attended.byte().argsort(dim=2, descending=True, stable=True)[..., :most]  # (B, S, M)
                chosen = bias.gather(3, tokens[:, :, None].expand(-1, -1, bias.shape[2], -1))
                self._blocks[key] = RowBlocks(tokens, chosen.flatten(0, 1)[:, None])
        return self._blocks[key]

    def with_positions(self, embed: Callable[[Tensor, Tensor], Tensor]) -> AttentionRegions:
        """Tell latents where in their box they lie, or that they lie in none.

        `embed` makes (B, L, D) of x and y (B, L, 2) as fractions of the box, and of whether there is one
        (B, L).
        """
        lengths = (height * width for height, width in self.levels)
        return replace(self, positions={length: embed(*self._in_box(length)) for length in lengths})

    def drop_layout(self, dropped: Tensor) -> AttentionRegions:
        """Hide the instances and their tokens in the rows where `dropped` (B,) is True."""
        kept = ~dropped.to(self.token_to_instance.device)[:, None]
        owner = torch.where(kept | (self.token_to_instance < 0), self.token_to_instance, PADDING)
        positions = {length: embedded * kept[..., None] for length, embedded in self.positions.items()}
        return replace(self, boxes=self.boxes * kept[..., None], token_to_instance=owner, positions=positions)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> AttentionRegions:
        """Move to `device`; the embeddings of positions also to `dtype`."""
        positions = {length: embedded.to(dtype) for length, embedded in self.positions.items()}
        return replace(self, positions=positions)._map(lambda tensor: tensor.to(device))

    def __getitem__(self, rows: slice | Tensor) -> AttentionRegions:
        """The regions of some of the layouts."""
        return self._map(lambda tensor: tensor[rows])

    def _map(self, change: Callable[[Tensor], Tensor]) -> AttentionRegions:
        return replace(
            self,
            boxes=change(self.boxes),
            token_to_instance=change(self.token_to_instance),
            instance_to_group=None if self.instance_to_group is None else change(self.instance_to_group),
            positions={length: change(embedded) for length, embedded in self.positions.items()},
        )

    def _inside(self, length: int) -> Tensor:
        """(B, L, N) bool: the box covers some of the latent's cell."""
        return self._coverage(length) > 0

    def _coverage(self, length: int) -> Tensor:
        """(B, L, N) the share of each latent's cell that each box covers, 0 to 1."""
        height, width = self._size(length)
        x0, y0, x1, y1 = self.boxes.unbind(-1)  # (B, N)
        columns, rows = _covered(x0, x1, width), _covered(y0, y1, height)  # (B, w, N), (B, h, N)
        return (rows[:, :, None] * columns[:, None]).flatten(1, 2)

    def _shares(self, length: int) -> Tensor:
        """(B, L, N) the share of each latent's cell that belongs to each box; overlaps are divided."""
        coverage = self._coverage(length)
        return coverage / coverage.sum(2, keepdim=True).clamp_min(1)

    def _log_shares(self, length: int) -> Tensor:
        """(B, L, P + T) the logarithm of the share of each latent's cell that belongs to each token."""
        shares = self._shares(length)  # (B, L, N)
        if self.instance_to_group is not None and self.instance_to_group.shape[1] > 0:
            count = int(torch.maximum(self.instance_to_group.max(), self.token_to_instance.max())) + 1
            shares = shares @ F.one_hot(self.instance_to_group, count).to(shares)  # (B, L, G)
        groups = torch.arange(shares.shape[2], device=shares.device)
        told = (self.token_to_instance[:, None] == groups[:, None]).any(2)  # (B, G): it has a token
        shares = shares * told[:, None]
        ground = 1 - shares.sum(2, keepdim=True)
        shares = torch.cat([shares, ground * (ground > _ROUNDING), torch.zeros_like(ground)], dim=2)
        owner = self.token_to_instance.masked_fill(self.token_to_instance == PROMPT, len(groups))
        owner = owner.masked_fill(self.token_to_instance == PADDING, len(groups) + 1)
        return shares.gather(2, owner[:, None].expand(-1, length, -1)).log()

    def _in_box(self, length: int) -> tuple[Tensor, Tensor]:
        """Where in its box each latent's centre lies (B, L, 2), 0 to 1, and whether it has a box (B, L).

        Its box is the one that covers most of its cell, and of several that cover all of it the smallest.
        """
        height, width = self._size(length)
        if self.boxes.shape[1] == 0:
            nowhere = self.boxes.new_zeros(len(self.boxes), length, 2)
            return nowhere, nowhere[..., 0] > 0
        coverage = self._coverage(length)
        chosen = (
            (coverage - self._order()[:, None]).masked_fill(coverage == 0, -torch.inf).argmax(2)
        )  # (B, L)
        box = self.boxes.gather(1, chosen[..., None].expand(-1, -1, 4))  # (B, L, 4)
        centre = torch.stack(_centres(height, width, self.boxes.device), dim=-1)  # (L, 2)
        position = (centre - box[..., :2]) / (box[..., 2:] - box[..., :2]).clamp_min(1e-6)
        return position.clamp(0, 1), coverage.amax(2) > 0

    def _order(self) -> Tensor:
        """(B, N) small numbers that decide between equal shares, so that the order of boxes does not."""
        x0, y0, x1, y1 = self.boxes.unbind(-1)
        return (x1 - x0) * (y1 - y0) * 1e-3 + x0 * 1e-5 + y0 * 1e-6

    def _by_group(self, inside: Tensor) -> Tensor:
        """(B, L, N) per instance to (B, L, G) per group."""
        if self.instance_to_group is None or self.instance_to_group.shape[1] == 0:
            return inside
        members = F.one_hot(self.instance_to_group)  # (B, N, G)
        return inside.float() @ members.float() > 0

    def _size(self, length: int) -> Level:
        """Height and width of the level with `length` latents."""
        for height, width in self.levels:
            if height * width == length:
                return height, width
        raise ValueError(f"the denoiser has no level of {length} latents, only of {list(self.levels)}")


def _block_count(height: int, width: int) -> int:
    """Into how many blocks of equally many whole rows a level is cut."""
    fitting = (
        count
        for count in range(_MAX_BLOCKS, 1, -1)
        if height % count == 0 and height // count * width >= _MIN_BLOCK
    )
    return next(fitting, 1)


def _covered(start: Tensor, stop: Tensor, cells: int) -> Tensor:
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


def _bias(attended: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to attention scores; attention itself would make it of a bool mask in every call."""
    return torch.zeros(attended.shape, dtype=dtype, device=attended.device).masked_fill_(
        ~attended, -torch.inf
    )
