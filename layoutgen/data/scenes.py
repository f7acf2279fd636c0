"""Copy-paste scenes: segmented objects at distinct places on empty backgrounds, with boxes known exactly.

Nobody annotates 100 dogs in one photo, so they are composed (Ghiasi et al. 2021, "Simple Copy-Paste").
A scene is a function of (seed, index) alone: the same bytes on any machine, from any process, in any order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance

from layoutgen.data.scene_pasting import OPAQUE, Cutout, Placed, paste, visible
from layoutgen.domain.boxes import Boxes, areas, shared_areas
from layoutgen.domain.labels import count_phrase
from layoutgen.domain.layout import Instance, Layout
from layoutgen.errors import InvalidOption, Problems

_PLACE_TRIES = 40
_NEAREST = 24  # cut-outs of a shape like a box's, among which one is chosen
_SOLID = [255 * (alpha >= OPAQUE) for alpha in range(256)]


@dataclass(frozen=True, slots=True)
class SceneConfig:
    """How scenes look.

    Attributes:
        width, height: canvas in pixels.
        instances: fewest and most instances; fewer are placed where no more fit.
        size: shortest and longest longer side of an object, in pixels.
        overlap: largest share of either box that two boxes may have in common.
        shadow: darkness of the soft shadow under objects, 0 to 1.
        aspect: smallest and largest width / height of the cut-outs that are used.
        stretch: a cut-out becomes wider or narrower by up to this share; 0: it keeps its shape.
        grid: sides and places of objects are multiples of this many pixels. A small model learns much faster
            what always lies alike on the latent grid.
        seed: with the index, all that a scene depends on.
        even_labels: every label is equally likely; otherwise as likely as its cut-outs are many.
    """

    width: int = 512
    height: int = 512
    instances: tuple[int, int] = (1, 30)
    size: tuple[float, float] = (32.0, 128.0)
    overlap: float = 0.0
    shadow: float = 0.35
    aspect: tuple[float, float] = (0.1, 10.0)
    stretch: float = 0.0
    grid: int = 1
    seed: int = 0
    even_labels: bool = False

    def __post_init__(self) -> None:
        wrong = Problems()
        wrong.check(
            min(self.width, self.height) >= 8,
            f"`canvas` must be 8 x 8 pixels or more, not {self.width} x {self.height}",
        )
        (fewest, most), (shortest, longest), (low, high) = self.instances, self.size, self.aspect
        rule = "a smaller number of 0 or more, then a larger one"
        wrong.check(0 <= fewest <= most, f"`instances` must be {rule}, not {fewest} {most}")
        side = min(self.width, self.height)
        wrong.check(
            4 <= shortest <= longest <= side,
            f"`size` must be the shortest and the longest, from 4 px to the canvas' shorter side, {side}, "
            f"not {shortest:g} {longest:g}",
        )
        for name in ("overlap", "shadow", "stretch"):
            value = getattr(self, name)
            wrong.check(0 <= value <= 1, f"`{name}` must be between 0 and 1, not {value:g}")
        wrong.check(
            0 < low <= high,
            f"`aspect` must be a smaller number above 0, then a larger one, not {low:g} {high:g}",
        )
        rule = f"between 1 and the largest size, {longest:g}"
        wrong.check(1 <= self.grid <= longest, f"`grid` must be {rule}, not {self.grid}")
        wrong.say()


@dataclass(frozen=True, slots=True)
class Scene:
    """A composed image (RGB) and the layout of what is visible in it."""

    image: Image.Image
    layout: Layout


class SceneComposer:
    """Composes any number of scenes from `cutouts` and `backgrounds` (RGB images without objects)."""

    def __init__(
        self, cutouts: Sequence[Cutout], backgrounds: Sequence[Image.Image], config: SceneConfig
    ) -> None:
        low, high = config.aspect
        shaped = [c for c in cutouts if low <= c.image.width / c.image.height <= high]
        if cutouts and not shaped:
            raise InvalidOption(
                f"{len(cutouts):,} cut-outs, none of a width / height from {low:g} to {high:g}: "
                "widen `aspect`"
            )
        cutouts = shaped
        if not cutouts or not backgrounds:
            missing = "cut-outs" if not cutouts else "backgrounds"
            raise InvalidOption(f"there are no {missing} to compose scenes from: name data with some")
        self.config = config
        self._backgrounds = list(backgrounds)
        self._by_label: dict[str, list[Cutout]] = {}
        for cutout in cutouts:
            self._by_label.setdefault(cutout.label, []).append(cutout)
        self._labels = sorted(self._by_label)
        counts = np.array([1.0 if config.even_labels else len(self._by_label[k]) for k in self._labels])
        self._shares = counts / counts.sum()

    @property
    def labels(self) -> tuple[str, ...]:
        """What scenes can hold, sorted."""
        return tuple(self._labels)

    def compose(self, index: int) -> Scene:
        """Scene number `index`."""
        rng = np.random.default_rng([self.config.seed, index])
        canvas = self._background(rng, self.config.width, self.config.height)
        return self._scene(canvas, self._place(rng))

    def fill(self, layout: Layout, index: int) -> Scene:
        """Scene number `index` of the objects of `layout`, each in its box.

        A box gets a random one of those cut-outs of its label whose shape is the nearest to its own.

        Raises:
            InvalidOption: there is no cut-out of one of its labels.
        """
        rng = np.random.default_rng([self.config.seed, index])
        canvas = self._background(rng, layout.width, layout.height)
        return self._scene(canvas, [self._fitted(rng, instance) for instance in layout.instances])

    def _fitted(self, rng: np.random.Generator, instance: Instance) -> Placed:
        """A cut-out in the box of `instance`, mirrored or not."""
        if instance.label not in self._by_label:
            raise InvalidOption(f"there are no cut-outs of {instance.label!r} to compose a scene from")
        x0, y0, x1, y1 = (round(edge) for edge in instance.box.xyxy)
        width, height = max(1, x1 - x0), max(1, y1 - y0)

        def unlike(cutout: Cutout) -> float:
            return abs(math.log(cutout.image.width / cutout.image.height * height / width))

        nearest = sorted(self._by_label[instance.label], key=unlike)[:_NEAREST]
        cutout = nearest[int(rng.integers(len(nearest)))]
        image = cutout.image.resize((width, height), _resampling(height / cutout.image.height))
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return Placed(cutout, image, x0, y0)

    def _scene(self, ground: Image.Image, placed: Sequence[Placed]) -> Scene:
        picture = paste(ground, placed, self.config.shadow)
        instances = tuple(visible(placed, ground.width, ground.height))
        caption = _caption(instances, ground_name(ground))
        return Scene(picture, Layout(ground.width, ground.height, instances, prompt=caption))

    def _background(self, rng: np.random.Generator, width: int, height: int) -> Image.Image:
        """A random part of a random background, stretched over a canvas of this size."""
        image = self._backgrounds[int(rng.integers(len(self._backgrounds)))]
        aspect = width / height
        wide = min(image.width, image.height * aspect) * rng.uniform(0.7, 1.0)
        high = wide / aspect
        left, top = rng.uniform(0, image.width - wide), rng.uniform(0, image.height - high)
        part = (left, top, left + wide, top + high)
        canvas = image.resize((width, height), Image.Resampling.BICUBIC, box=part)
        if rng.random() < 0.5:
            canvas = canvas.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return ImageEnhance.Brightness(canvas).enhance(rng.uniform(0.85, 1.15))

    def _place(self, rng: np.random.Generator) -> list[Placed]:
        """Objects at distinct places: a size for the scene, varied a little from object to object."""
        config = self.config
        low, high = config.size
        scene_size = low * (high / low) ** rng.random()
        wanted = int(rng.integers(config.instances[0], config.instances[1] + 1))
        boxes = np.zeros((0, 4))
        placed: list[Placed] = []
        for _ in range(wanted):
            cutout = self._pick(rng)
            side = float(np.clip(scene_size * rng.uniform(0.8, 1.25), low, high))
            wider = (1 + config.stretch) ** rng.uniform(-1, 1)
            image = _resized(cutout, side, wider, config.grid, flip=bool(rng.random() < 0.5))
            spots = np.stack(
                [
                    rng.integers(0, (config.width - image.width) // config.grid + 1, _PLACE_TRIES),
                    rng.integers(0, (config.height - image.height) // config.grid + 1, _PLACE_TRIES),
                ],
                axis=1,
            )  # (tries, 2)
            spots *= config.grid
            tried = np.concatenate([spots, spots + image.size], axis=1)  # (tries, 4)
            free = np.flatnonzero(_largest_share(tried, boxes) <= config.overlap)
            if not free.size:
                continue
            x, y = spots[free[0]]
            image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.9, 1.1))
            placed.append(Placed(cutout, image, int(x), int(y)))
            boxes = np.concatenate([boxes, tried[free[0]][None]])
        return placed

    def _pick(self, rng: np.random.Generator) -> Cutout:
        """A random object of a random label."""
        options = self._by_label[self._labels[int(rng.choice(len(self._labels), p=self._shares))]]
        return options[int(rng.integers(len(options)))]


def ground_name(image: Image.Image) -> str:
    """A word for the mean colour of `image`: what a caption can truthfully say of a background."""
    mean = np.array(image.resize((1, 1), Image.Resampling.BOX), dtype=float)[0, 0] / 255
    value, chroma = mean.max(), mean.max() - mean.min()
    if chroma < 0.08:
        return "white" if value > 0.7 else "grey" if value > 0.3 else "dark"
    red, green, blue = mean
    if green >= red and green >= blue:
        return "green"
    if blue > red:
        return "blue"
    return "sandy" if value > 0.55 else "brown"


def _caption(instances: Sequence[Instance], ground: str) -> str:
    counts = Counter(instance.label for instance in instances)
    subject = f"{count_phrase(counts)} on " if counts else ""
    return f"{subject}{ground} ground"


def _resized(cutout: Cutout, side: float, wider: float, grid: int, *, flip: bool) -> Image.Image:
    """The cut-out, `wider` times as wide, its longer side `side` pixels, trimmed to its opaque pixels.

    On a `grid` of more than a pixel its sides are rounded to that instead, and nothing is trimmed.
    """
    width, height = cutout.image.width * wider, cutout.image.height
    scale = side / max(width, height)
    width, height = (max(2, grid, round(length * scale / grid) * grid) for length in (width, height))
    image = cutout.image.resize((width, height), _resampling(scale))
    if flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if grid > 1:
        return image
    return image.crop(_opaque_box(image.getchannel("A")) or (0, 0, width, height))


def _resampling(scale: float) -> Image.Resampling:
    """How to resize to `scale` times the size."""
    return Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC


def _opaque_box(alpha: Image.Image) -> tuple[int, int, int, int] | None:
    return alpha.point(_SOLID).getbbox()


def _largest_share(tried: Boxes, boxes: Boxes) -> Boxes:
    """For each tried box (T, 4) the largest overlap with any of `boxes` (N, 4), as a share of the smaller."""
    smaller = np.minimum(areas(tried)[:, None], areas(boxes)[None])  # (T, N)
    share: Boxes = (shared_areas(tried, boxes) / smaller).max(axis=1, initial=0.0)
    return share
