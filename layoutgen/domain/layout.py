"""The domain: a :class:`Layout` is a canvas with labelled boxes, in pixels, from the top-left corner.

All objects are frozen and checked on creation; every operation returns a new one. Other coordinate
systems (xywh, fractions) exist only in :mod:`layoutgen.formats`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from numbers import Real

from layoutgen.errors import InvalidLayout


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle ``(x0, y0)`` to ``(x1, y1)`` in pixels; may lie partly or wholly outside a canvas.

    Raises:
        InvalidLayout: a coordinate is not finite, or the box is inverted or has no area.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        for name in ("x0", "y0", "x1", "y1"):
            value = getattr(self, name)
            if type(value) is float and math.isfinite(value):
                continue  # nearly always, and files hold many thousands
            if isinstance(value, bool) or not isinstance(value, Real) or not _is_finite(value):
                raise InvalidLayout(f"{name} must be a finite number, not {value!r}")
            object.__setattr__(self, name, float(value))
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise InvalidLayout(
                f"box [{self.x0:g}, {self.y0:g}, {self.x1:g}, {self.y1:g}] is inverted or empty: "
                "x1 must be greater than x0, and y1 greater than y0"
            )

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """The corners ``(x0, y0, x1, y1)``."""
        return self.x0, self.y0, self.x1, self.y1

    def scale(self, x: float, y: float) -> Box:
        """The box with its x coordinates multiplied by `x` and its y coordinates by `y`."""
        return Box(self.x0 * x, self.y0 * y, self.x1 * x, self.y1 * y)

    def shift(self, x: float, y: float) -> Box:
        """The box moved by `x`, `y` pixels."""
        return Box(self.x0 + x, self.y0 + y, self.x1 + x, self.y1 + y)

    def snap(self, grid: int) -> Box:
        """The box with each edge on the nearest multiple of `grid` pixels, at least `grid` wide and high."""
        x0, x1 = _snapped(self.x0, self.x1, grid)
        y0, y1 = _snapped(self.y0, self.y1, grid)
        return Box(x0, y0, x1, y1)

    def intersection(self, other: Box) -> float:
        """Area of the overlap with `other`, in square pixels; 0 if they only touch."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(width, 0.0) * max(height, 0.0)

    def iou(self, other: Box) -> float:
        """Intersection over union with `other`, in [0, 1]."""
        shared = self.intersection(other)
        return shared / (self.area + other.area - shared)

    def clip(self, width: float, height: float) -> Box | None:
        """The part inside a canvas of `width` x `height` pixels; None if nothing is inside."""
        if self.x0 >= 0 and self.y0 >= 0 and self.x1 <= width and self.y1 <= height:
            return self
        x0, y0, x1, y1 = max(self.x0, 0.0), max(self.y0, 0.0), min(self.x1, width), min(self.y1, height)
        return Box(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _snapped(low: float, high: float, grid: int) -> tuple[float, float]:
    first, last = (math.floor(edge / grid + 0.5) * grid for edge in (low, high))
    if first == last:
        first = math.floor((low + high) / (2 * grid)) * grid
        last = first + grid
    return first, last


def _is_finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of 400 digits
        return False


@dataclass(frozen=True, slots=True)
class Instance:
    """One object: what it is and where."""

    label: str
    box: Box

    def __post_init__(self) -> None:
        if not isinstance(self.label, str) or not self.label.strip():
            raise InvalidLayout(f"label must be a non-empty string, not {self.label!r}")
        if not isinstance(self.box, Box):
            raise InvalidLayout(f"box must be a Box, not {self.box!r}")


@dataclass(frozen=True, slots=True)
class Layout:
    """A canvas of `width` x `height` pixels with its prompt and its instances, first drawn first.

    Boxes may reach beyond the canvas (that is what a crop of a larger layout looks like); readers of
    user files are stricter, see :meth:`check_inside`.

    Raises:
        InvalidLayout: the canvas is not a positive whole number of pixels, or an instance is none.
    """

    width: int
    height: int
    instances: tuple[Instance, ...] = ()
    prompt: str = ""
    negative_prompt: str = ""

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidLayout(f"{name} must be a whole number of pixels above 0, not {value!r}")
        for name in ("prompt", "negative_prompt"):
            if not isinstance(getattr(self, name), str):
                raise InvalidLayout(f"{name} must be a string, not {getattr(self, name)!r}")
        object.__setattr__(self, "instances", tuple(self.instances))
        for instance in self.instances:
            if not isinstance(instance, Instance):
                raise InvalidLayout(f"instances must hold Instance objects, not {instance!r}")

    @property
    def labels(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        return tuple(sorted({instance.label for instance in self.instances}))

    def check_inside(self) -> Layout:
        """Return the layout itself if every box lies on the canvas, within half a pixel.

        Raises:
            InvalidLayout: names the first instance that does not.
        """
        for index, instance in enumerate(self.instances):
            box = instance.box
            if box.x0 < -0.5 or box.y0 < -0.5 or box.x1 > self.width + 0.5 or box.y1 > self.height + 0.5:
                corners = ", ".join(f"{value:g}" for value in box.xyxy)
                raise InvalidLayout(
                    f"instances[{index}] ({instance.label}): box [{corners}] is outside the "
                    f"{self.width} x {self.height} canvas; move it inside or enlarge the canvas"
                )
        return self

    def with_instances(self, instances: tuple[Instance, ...]) -> Layout:
        """The same canvas and prompts with other instances."""
        return replace(self, instances=instances)

    def resize(self, width: int, height: int) -> Layout:
        """The layout stretched to a canvas of `width` x `height` pixels."""
        x, y = width / self.width, height / self.height
        scaled = tuple(Instance(i.label, i.box.scale(x, y)) for i in self.instances)
        return replace(self, width=width, height=height, instances=scaled)

    def crop(self, x: int, y: int, width: int, height: int) -> Layout:
        """The window at (`x`, `y`): instances that show in it, in its coordinates, not clipped."""
        window = Box(x, y, x + width, y + height)
        shown = tuple(
            Instance(i.label, i.box.shift(-x, -y)) for i in self.instances if i.box.intersection(window) > 0
        )
        return replace(self, width=width, height=height, instances=shown)

    def snap(self, grid: int) -> Layout:
        """The layout with the edges of all boxes on multiples of `grid` pixels; see :meth:`Box.snap`."""
        return replace(self, instances=tuple(Instance(i.label, i.box.snap(grid)) for i in self.instances))

    def clip(self) -> Layout:
        """The layout with every box cut to the canvas; what lies wholly outside is dropped."""
        clipped = ((i.label, i.box.clip(self.width, self.height)) for i in self.instances)
        return replace(
            self, instances=tuple(Instance(label, box) for label, box in clipped if box is not None)
        )

    def flip(self) -> Layout:
        """The layout mirrored left to right."""
        mirrored = tuple(
            Instance(i.label, Box(self.width - i.box.x1, i.box.y0, self.width - i.box.x0, i.box.y1))
            for i in self.instances
        )
        return replace(self, instances=mirrored)
