"""How a set of images compares with real ones, in figures and in words; no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from layoutgen.features.embedding_names import INCEPTION

_MANY = 10_000  # images from which FID is usually told (Heusel et al. 2017)
_COPIED = 0.25  # share of the images too near to real ones; 0.01 is usual, and 0.1 of a few dozen real ones
_ALIKE = 0.7  # of the diversity of real images


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """An image and another one that shows the same, by their files' names."""

    image: str
    of: str


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """A set of images beside a set of real ones. None: too few images to say.

    Attributes:
        features: the network whose features are compared. Figures of different ones do not compare.
        fid, kid: Fréchet and kernel distance, 0 is nearest; `kid_deviation` is the standard error of `kid`.
        images, real_images: how many of each.
        precision: share of the images that look like some real image.
        recall: share of the real images that some image looks like.
        diversity, real_diversity: mean distance of two images of a set.
        nearest: median distance of an image to the nearest real one, by that of a real one to the next.
        too_near: share of the images nearer to a real one than 99 % of the real ones are to each other.
        copies: images that are near-duplicates of real ones, also mirrored.
        repeats: images that are near-duplicates of an image before them.
        halves: the same of two halves of the real images: what to expect of images as good as real ones.
    """

    features: str
    fid: float
    kid: float
    kid_deviation: float | None
    images: int
    real_images: int
    precision: float | None
    recall: float | None
    diversity: float
    real_diversity: float
    nearest: float
    too_near: float
    copies: tuple[NearDuplicate, ...]
    repeats: tuple[NearDuplicate, ...]
    halves: ImageQuality | None = None

    @property
    def variety(self) -> float:
        """The diversity by that of the real images."""
        return self.diversity / max(self.real_diversity, 1e-12)

    def to_json(self) -> dict[str, Any]:
        """The figures by name, and what there is to say of them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {name: [asdict(one) for one in values[name]] for name in ("copies", "repeats")}
        values["halves"] = None if self.halves is None else self.halves.to_json()
        return values | {"remarks": list(remarks(self))}


def quality_rows(columns: Mapping[str, ImageQuality]) -> list[tuple[str, ...]]:
    """A row for each figure, one column for each of `columns` and the last for halves of the real images."""
    first = next(iter(columns.values()))
    shown = [*columns.values(), *([first.halves] if first.halves is not None else [])]
    frechet, kernel = _names(first)
    rows = {
        "images / real images": [f"{one.images:,} / {one.real_images:,}" for one in shown],
        kernel: [_with_spread(one.kid, one.kid_deviation) for one in shown],
        frechet: [f"{one.fid:.3f}" for one in shown],
        "precision: looks like a real one": [share_text(one.precision) for one in shown],
        "recall of what is real": [share_text(one.recall) for one in shown],
        "diversity, of real images' own": [share_text(one.variety) for one in shown],
        "distance to the nearest real one": [f"{one.nearest:.2f} x" for one in shown],
        "nearer than real ones, 1 % usual": [share_text(one.too_near) for one in shown],
        "near-duplicates of real images": [f"{len(one.copies):,}" for one in shown],
        "near-duplicates of each other": [f"{len(one.repeats):,}" for one in shown],
    }
    return [(name, *cells) for name, cells in rows.items()]


def quality_header(columns: Mapping[str, ImageQuality]) -> tuple[str, ...]:
    """The heads of :func:`quality_rows`."""
    first = next(iter(columns.values()))
    halves = () if first.halves is None else ("real, by halves",)
    return (f"quality by {first.features}", *columns, *halves)


def remarks(quality: ImageQuality) -> tuple[str, ...]:
    """What the figures mean, where they are easily misread, and what is wrong with the images."""
    return tuple(text for text in (_bias(quality), *faults(quality)) if text)


def _bias(quality: ImageQuality) -> str:
    fewest = min(quality.images, quality.real_images)
    if fewest >= _MANY:
        return ""
    name, kernel = _names(quality)
    beside = ""
    if quality.halves is not None:
        halves = quality.halves
        beside = f": of real images, {halves.images:,} and {halves.real_images:,} are {halves.fid:.3g} apart"
    return (
        f"The {name} of {fewest:,} images is too high by what few images add{beside}. "
        f"The {kernel} has no such bias: prefer it, with its standard error."
    )


def faults(quality: ImageQuality) -> tuple[str, ...]:
    """What is wrong with the images, as far as real ones beside them tell."""
    copies, repeats, images = quality.copies, quality.repeats, quality.images
    found = []
    if copies:
        first = f"{copies[0].image} of {copies[0].of}"
        found.append(f"{len(copies):,} of {images:,} images are near-duplicates of real ones: {first}.")
    elif quality.too_near > _COPIED:
        found.append(
            f"{quality.too_near:.0%} of the images are nearer to a real one than 99 % of the real ones "
            "are to each other: copied in part, or all alike."
        )
    if repeats:
        first = f"{repeats[0].image} of {repeats[0].of}"
        found.append(f"{len(repeats):,} of {images:,} images are near-duplicates of others of them: {first}.")
    if quality.variety < _ALIKE:
        found.append(f"Two images differ {quality.variety:.0%} as much as two real ones: they lack variety.")
    return tuple(found)


def _names(quality: ImageQuality) -> tuple[str, str]:
    """What the two distances are called: on other features than Inception's they are no FID and KID."""
    return ("FID", "KID") if quality.features == INCEPTION else ("Fréchet distance", "kernel distance")


def share_text(value: float | None) -> str:
    """A share as people read it; a dash where nothing can be said."""
    return "-" if value is None else f"{value:.1%}"


def _with_spread(value: float, deviation: float | None) -> str:
    return f"{value:.4f}" if deviation is None else f"{value:.4f} ± {deviation:.4f}"
