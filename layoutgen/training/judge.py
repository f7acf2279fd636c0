"""The judge of an adversarial finish: is a picture real, and does it show what it was asked to?

A projected discriminator (Sauer et al. 2021, "Projected GANs Converge Faster", arXiv 2111.01007): small heads
on the features of a frozen network. Some see whole pictures and are told layout and prompt, since what
a judge is not told is lost (grounds become one grey); others see what is in single boxes, and are told its
label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from layoutgen.domain.layout import Layout
from layoutgen.methods.token_layout import box_fractions
from layoutgen.training.loss import inside_boxes

_TOLD = 16  # channels that tell of a label or a prompt
_PLACE = 3  # channels of the layout: inside a box, and where in it
_VARIETY = 1  # channel: how much the pictures of a batch differ
_WIDTH = 64
_CONTRAST = 4.0  # with features of unit spread, heads of spectral norm 1 cannot tell much apart


@dataclass(frozen=True, slots=True)
class Told:
    """What is asked of B pictures, and K boxes in them.

    Attributes:
        layouts: B of them.
        prompts: (B, D), each a vector of its text.
        labels: L of them, sorted.
        vectors: (L, D), of the labels.
        boxes: (B, N, 4) as fractions of the canvas, large ones first; rows of zeros are padding.
        shows: (B, N) which of the `labels` each box shows.
    """

    layouts: tuple[Layout, ...]
    prompts: Tensor
    labels: tuple[str, ...]
    vectors: Tensor
    boxes: Tensor
    shows: Tensor

    @staticmethod
    def of(layouts: Sequence[Layout], embed: Callable[[Sequence[str]], Tensor]) -> Told:
        """What `layouts` ask for; `embed` makes vectors (N, D) of N texts."""
        ordered = [_large_first(layout) for layout in layouts]
        boxes = box_fractions(ordered)
        prompts = sorted({layout.prompt for layout in layouts})
        labels = sorted({label for layout in layouts for label in layout.labels})
        with torch.no_grad():
            vectors = embed([*prompts, *labels]).float()
        device = vectors.device
        rows = torch.tensor([prompts.index(layout.prompt) for layout in layouts], device=device)
        shows = torch.zeros(boxes.shape[:2], dtype=torch.long)
        for row, layout in zip(shows, ordered, strict=True):
            named = [labels.index(one.label) for one in layout.instances]
            row[: len(named)] = torch.tensor(named, dtype=torch.long)
        of_labels = vectors[len(prompts) :]
        return Told(
            tuple(layouts), vectors[rows], tuple(labels), of_labels, boxes.to(device), shows.to(device)
        )

    def rows_of(self, labels: Sequence[str]) -> Tensor:
        """Which of the `vectors` are those of K `labels` (K,)."""
        rows = [self.labels.index(label) for label in labels]
        return torch.tensor(rows, dtype=torch.long, device=self.vectors.device)

    def other_labels(self, labels: Sequence[str]) -> list[str]:
        """For each of `labels` another one that is asked for; none where all ask for one label."""
        known = self.labels
        if len(known) < 2:
            return []
        return [known[(known.index(label) + 1) % len(known)] for label in labels]

    def rolled(self) -> Told:
        """Each picture is told what the one before it asks for."""
        return replace(
            self,
            layouts=(self.layouts[-1], *self.layouts[:-1]),
            prompts=self.prompts.roll(1, 0),
            boxes=self.boxes.roll(1, 0),
            shows=self.shows.roll(1, 0),
        )


def _large_first(layout: Layout) -> Layout:
    instances = sorted(layout.instances, key=lambda one: -one.box.area)
    return replace(layout, instances=tuple(instances))


class Judge(nn.Module):
    """Logits above 0 for what looks real and right.

    Args:
        channels: of the features, from fine to coarse.
        text_dim: D, of the vectors of texts.
    """

    spread: Tensor

    def __init__(self, channels: Sequence[int], text_dim: int) -> None:
        super().__init__()
        self.label, self.prompt = nn.Linear(text_dim, _TOLD), nn.Linear(text_dim, _TOLD)
        self.scenes = nn.ModuleList(_Head(width + 2 * _TOLD + _PLACE + _VARIETY) for width in channels)
        # The finest features see texture alone, of which the heads of whole pictures see enough.
        self.boxes = nn.ModuleList(
            _Head(width + _VARIETY, text_dim) for width in channels[min(1, len(channels) - 1) :]
        )
        self.register_buffer("spread", torch.zeros(len(channels)))

    def measure(self, features: Sequence[Tensor]) -> bool:
        """Take the spread of the first real `features`, in units of which all others are seen.

        Returns:
            Whether these were the first.
        """
        if bool(self.spread.any()):
            return False
        self.spread.copy_(torch.stack([one.float().std() for one in features]).clamp_min(1e-6))
        return True

    def of_scenes(self, features: Sequence[Tensor], told: Told) -> list[Tensor]:
        """A map of logits (B, 1, h, w) for each of the `features` (B, C, h, w) of whole pictures."""
        maps = self._maps(told, *features[0].shape[-2:])
        logits = []
        for head, one, spread in zip(self.scenes, features, self.spread, strict=True):
            asked = F.interpolate(maps, size=one.shape[-2:], mode="area").to(one)
            logits.append(head(torch.cat([_with_variety(one * (_CONTRAST / spread)), asked], dim=1)))
        return logits

    def of_boxes(self, features: Sequence[Tensor], labels: Sequence[str], told: Told) -> list[Tensor]:
        """A map of logits (K, 1, h, w) for each of the `features` (K, C, h, w) of K boxes of `labels`."""
        rows = told.rows_of(labels)
        vectors = told.vectors[rows]
        used = slice(len(features) - len(self.boxes), None)
        return [
            head(_with_variety(one * (_CONTRAST / spread), rows), vectors)
            for head, one, spread in zip(self.boxes, features[used], self.spread[used], strict=True)
        ]

    def _maps(self, told: Told, height: int, width: int) -> Tensor:
        """The layout and the prompt (B, C, height, width); where boxes overlap the smallest counts."""
        boxes = F.pad(told.boxes, (0, 0, 1, 0))  # (B, 1 + N, 4), the first is the ground
        size = (len(boxes), height, width)
        numbers = torch.arange(boxes.shape[1], device=boxes.device)
        smallest = (inside_boxes(boxes, height, width) * numbers[:, None, None]).amax(1)  # (B, h, w)
        inside, flat = (smallest > 0)[..., None], smallest.flatten(1)
        x0, y0, x1, y1 = boxes.gather(1, flat[..., None].expand(-1, -1, 4)).view(*size, 4).unbind(-1)
        x = (torch.arange(width, device=boxes.device) + 0.5) / width
        y = (torch.arange(height, device=boxes.device) + 0.5) / height
        across, down = (x - x0) / (x1 - x0) * 2 - 1, (y[:, None] - y0) / (y1 - y0) * 2 - 1
        place = torch.stack([torch.ones_like(across), across, down], dim=-1)
        shows = F.pad(told.shows, (1, 0)).gather(1, flat).view(size)
        shown = torch.cat([self.label(told.vectors)[shows], place], dim=-1)  # (B, h, w, C)
        shown = torch.where(inside, shown, 0.0).movedim(-1, 1)
        prompts = self.prompt(told.prompts)[:, :, None, None].expand(-1, -1, height, width)
        return torch.cat([shown, prompts], dim=1)


def _with_variety(features: Tensor, groups: Tensor | None = None) -> Tensor:
    """`features` (B, C, h, w), and a channel of how much they differ from row to row (B, C + 1, h, w).

    A painter that paints one picture again and again shows in no single one of them (Karras et al. 2018,
    "Progressive Growing of GANs", arXiv 1710.10196, section 3).

    Args:
        groups: (B,) rows are compared with those of their own group, numbered from 0; None: with all. That
            all cats are brown does not show where dogs are not.
    """
    if groups is None:
        groups = torch.zeros(len(features), dtype=torch.long, device=features.device)
    members = F.one_hot(groups).to(features)  # (B, G)
    shares = members / members.sum(0).clamp_min(1)
    flat = features.flatten(1)
    mean = shares.T @ flat  # (G, C * h * w)
    variance = shares.T @ (flat - mean[groups]).square()
    spread = (variance + 1e-8).sqrt().mean(1)[groups]  # (B,)
    return torch.cat([features, spread.view(-1, 1, 1, 1).expand(-1, 1, *features.shape[2:])], dim=1)


class _Head(nn.Module):
    """Features (B, C, h, w) to logits (B, 1, h, w).

    Args:
        text_dim: of vectors that say what should be there, by projection (Miyato and Koyama 2018, arXiv
            1802.05637); 0: none.
    """

    def __init__(self, channels: int, text_dim: int = 0) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(channels, _WIDTH, 1))
        self.second = spectral_norm(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1))
        self.last = spectral_norm(nn.Conv2d(_WIDTH, 1, 1))
        self.label = nn.Linear(text_dim, _WIDTH) if text_dim else None

    def forward(self, features: Tensor, vectors: Tensor | None = None) -> Tensor:
        hidden = F.leaky_relu(self.first(features), 0.2)
        hidden = hidden + F.leaky_relu(self.second(hidden), 0.2)
        logits: Tensor = self.last(hidden)
        if self.label is not None and vectors is not None:
            weights = self.label(vectors)[:, :, None, None] / _WIDTH
            logits = logits + (hidden * weights.to(hidden)).sum(dim=1, keepdim=True)
        return logits.float()


def judge_loss(real: Sequence[Tensor], painted: Sequence[Tensor], wrong: Sequence[Tensor] = ()) -> Tensor:
    """The hinge loss () of a judge's logits, the mean over its heads.

    Args:
        real, painted: of real and of painted pictures that are told what they show.
        wrong: of real ones that are told something else (Reed et al. 2016, arXiv 1605.05396, section 4.2);
            they count as painted ones do.
    """
    losses = [F.relu(1 - one).mean() for one in real]
    others = [F.relu(1 + one).mean() for one in (*painted, *wrong)]
    return torch.stack(losses).mean() + torch.stack(others).mean()


def painter_loss(painted: Sequence[Tensor]) -> Tensor:
    """The loss () of the painter whose pictures get these logits: the lower, the more real they look."""
    return -torch.stack([one.mean() for one in painted]).mean()
