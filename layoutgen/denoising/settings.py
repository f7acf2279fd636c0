"""How to sample: what an image depends on besides its layout, and the defaults of all that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypedDict

from layoutgen.additions import Additions
from layoutgen.denoising.schedulers import check_scheduler
from layoutgen.errors import InvalidOption, Problems
from layoutgen.numerics import is_number


def _is_pair(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value))


def _are_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "str": (lambda value: isinstance(value, str), "a text"),
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "int": (lambda value: type(value) is int, "a whole number"),
    "float": (is_number, "a number"),
    "tuple[float, float]": (_is_pair, "two numbers"),
    "tuple[str, ...]": (_are_texts, "a list of texts"),
}
"""By type, what a setting may be."""
_LARGEST_ZOOM = 16


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """All that an image depends on besides its layout; kept inside the PNG.

    Attributes:
        scheduler: one of :data:`~layoutgen.denoising.schedulers.SCHEDULERS`, or ``model``: the model's own.
        guidance: classifier-free guidance scale; 1 or less: off, and half the work.
        guidance_interval: the part of the steps, from 0 to 1, that is guided (Kynkaanniemi et al.,
            arXiv 2404.07724); the others are half the work.
        background_guidance: guidance scale outside of boxes; None: as inside.
        coarse_above: longer side, in pixels, from which a box is painted on a coarser canvas first; 0 or
            None: never.
        guidance_rescale: how far guided predictions keep the contrast of unguided ones, from 0 to 1 (Lin et
            al., arXiv 2305.08891, section 3.4); models of a zero terminal signal-to-noise ratio want 0.7.
        karras: the spacing of noise levels by Karras et al. (arXiv 2206.00364, equation 5).
        cache_interval: the denoiser's deeper levels are computed in every such step, and their features used
            again in the others (DeepCache, Ma et al., arXiv 2312.00858).
        vae, lora, embedding, clip_skip: see :class:`~layoutgen.additions.Additions`.
        zoom: the canvas is painted so many times as large, and the picture reduced, so that boxes are as
            large as the model draws them well; None: the least that is enough for the median box.
        variety: of sprites: how many different objects are painted at most; None: 48.
        verify: of sprites: a detector looks, and what it does not see is pasted again.
        detector: that does; None: the small one in the package.
        strength: where denoising starts from the drawn layout (img2img on a checkpoint that was not trained
            for layouts): how much of it is repainted, in (0, 1]; None: 0.9.
    """

    model: str | None = None
    vae: str | None = None
    lora: tuple[str, ...] = ()
    embedding: tuple[str, ...] = ()
    clip_skip: int | None = None
    method: str | None = None
    encoding: str | None = None
    scheduler: str = "dpm++"
    steps: int = 20
    guidance: float = 5.0
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    background_guidance: float | None = None
    coarse_above: float | None = None
    guidance_rescale: float = 0.0
    karras: bool = False
    cache_interval: int = 1
    zoom: int | None = None
    variety: int | None = None
    verify: bool = False
    detector: str | None = None
    strength: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_types()
        for name in ("guidance_interval", "lora", "embedding"):  # JSON has no tuples
            object.__setattr__(self, name, tuple(getattr(self, name)))
        wrong = Problems()
        self._check_guidance(wrong)
        self._check_work(wrong)
        with wrong.noted():
            check_scheduler(self.scheduler, karras=self.karras)
        wrong.check(self.seed >= 0, f"`seed` must be 0 or more, not {self.seed}")
        wrong.check(self.detector is None or self.verify, "`detector` looks only with `verify`: add that")
        wrong.say()

    def _check_guidance(self, wrong: Problems) -> None:
        """Note settings of guidance that cannot be."""
        first, last = self.guidance_interval
        wrong.check(
            0 <= first <= last <= 1,
            f"`guidance_interval` must be two parts of the steps between 0 and 1, not {first:g} {last:g}",
        )
        for name, most in (("guidance", 100), ("background_guidance", 100), ("guidance_rescale", 1)):
            value = getattr(self, name)
            wrong.check(
                value is None or 0 <= value <= most, f"`{name}` must be between 0 and {most}, not {value}"
            )

    def _check_work(self, wrong: Problems) -> None:
        """Note settings of how much is painted that cannot be."""
        for name in ("steps", "cache_interval", "variety"):
            value = getattr(self, name)
            wrong.check(value is None or value >= 1, f"`{name}` must be at least 1, not {value}")
        wrong.check(
            self.zoom is None or 1 <= self.zoom <= _LARGEST_ZOOM,
            f"`zoom` must be from 1 to {_LARGEST_ZOOM}, not {self.zoom}",
        )
        wrong.check(
            not self.coarse_above or self.coarse_above >= 16,
            f"`coarse_above` must be 16 pixels or more, or 0, not {self.coarse_above}",
        )

    def _check_types(self) -> None:
        """Settings also come from files: from a PNG, or a model."""
        wrong = Problems()
        for field in fields(self):
            value, kind = getattr(self, field.name), str(field.type).removesuffix(" | None")
            fits, words = _KINDS[kind]
            valid = fits(value) or (value is None and field.default is None)
            wrong.check(valid, f"`{field.name}` must be {words}, not {value!r:.60}")
        wrong.say()

    @property
    def additions(self) -> Additions:
        """What is added to the model when it is opened."""
        return Additions(self.vae, self.lora, self.embedding, self.clip_skip)


_NOT_OF_A_MODEL = {"model", "vae", "lora", "embedding", "clip_skip", "method", "encoding", "seed"}


class GivenSettings(TypedDict, total=False):
    """Settings that are given one by one; None: as they are otherwise."""

    scheduler: str | None
    steps: int | None
    guidance: float | None
    guidance_interval: tuple[float, float] | None
    background_guidance: float | None
    coarse_above: float | None
    guidance_rescale: float | None
    karras: bool | None
    cache_interval: int | None
    zoom: int | None
    variety: int | None
    verify: bool | None
    detector: str | None
    strength: float | None


def settings_of(sampling: Mapping[str, Any] | None) -> SampleSettings:
    """The usual settings, but for what a model says in its `sampling`.

    Raises:
        InvalidOption: it has a setting that there is not, or a value that cannot be.
    """
    known = {field.name for field in fields(SampleSettings)} - _NOT_OF_A_MODEL
    unknown = sorted(set(sampling or {}) - known)
    if unknown:
        named = ", ".join(unknown)
        raise InvalidOption(
            f"the model asks for settings that this version does not know: {named}; upgrade layoutgen"
        )
    return SampleSettings(**dict(sampling or {}))


DEFAULT_STRENGTH = 0.9
"""Of a method that starts from the drawn layout."""
DEFAULTS = SampleSettings()
"""What is used where nothing else is asked for: by the pipeline, by ``sample`` and in its help."""
