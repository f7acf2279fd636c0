"""How `layoutgen sample` paints: the settings of its options, of the images made again, and of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from layoutgen.errors import InvalidOption
from layoutgen.methods.registry import METHODS, parse_methods

if TYPE_CHECKING:
    from layoutgen.denoising.settings import SampleSettings

_APART = {"seed", "dtype"}  # may differ between images that are made again together


def settings_asked_for(
    methods: Sequence[str] | None,
    given: Mapping[str, Any],
    painted: Sequence[Mapping[str, Any]],
    sampling: Mapping[str, Any],
) -> list[SampleSettings]:
    """The settings for each of the methods, which are named by `method` words.

    What is `given` wins (None: it is not), then that with which the images were `painted` that are made
    again, then what the model says itself in `sampling`.

    Raises:
        InvalidOption: a method or setting that there is not, that has no effect, or images that were painted
            in different ways.
    """
    from layoutgen.denoising.settings import SampleSettings, settings_of

    known = {field.name for field in fields(SampleSettings)}
    before = {key: value for key, value in _common(painted).items() if key in known}
    chosen = before | {key: value for key, value in given.items() if value is not None}
    names = parse_methods(methods)
    if not names:
        return [replace(settings_of(sampling), **chosen)]
    if len(names) > 1 and given["encoding"] is not None and not any(METHODS[n].encodings for n in names):
        raise InvalidOption(f"`encoding` is an option of `method` text2img, not of {', '.join(names)}")
    result = []
    for name in names:
        encoding = chosen.get("encoding")
        if name != before.get("method"):
            encoding = given["encoding"]  # of another method than the stored one
        if len(names) > 1 and not METHODS[name].encodings:
            encoding = None
        result.append(replace(settings_of(sampling), **chosen | {"method": name, "encoding": encoding}))
    return result


def check_guided(given: Mapping[str, Any], settings: Sequence[SampleSettings]) -> None:
    """Refuse what has no effect because guidance is off: those `given` that only guidance makes use of.

    Raises:
        InvalidOption: names the first of them.
    """
    off = next((why for one in settings if (why := _unguided(one)) is not None), None)
    for name, value in given.items():
        if value and off is not None:
            raise InvalidOption(f"`{name}` has no effect at a {off}")


def _unguided(settings: SampleSettings) -> str | None:
    """Why nothing is guided with these `settings`, and what to do; None: something is."""
    first, last = settings.guidance_interval
    if settings.guidance <= 1:
        return f"`guidance` of {settings.guidance:g}: raise it above 1"
    if last <= first:
        return f"`guidance_interval` of {first:g} {last:g}, which has no steps: widen it"
    return None


def _common(painted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The settings with which all images were painted."""
    first, *others = ({k: v for k, v in one.items() if k not in _APART} for one in painted)
    for other in others:
        unlike = sorted(k for k in first.keys() | other.keys() if first.get(k) != other.get(k))
        if unlike:
            raise InvalidOption(
                f"these images were not painted in the same way ({', '.join(unlike)} differ): "
                "make them again one by one"
            )
    return first
