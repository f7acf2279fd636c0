"""Which methods there are, and what each needs of a model; loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layoutgen.errors import InvalidOption, Problems


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """What is to be known of a method without loading a model.

    Attributes:
        name: as users write it.
        trainable: whether a model can be trained for it.
        encodings: the ways in which it writes an instance, the usual one first; () where there is only one.
        untrained_encodings: those that a model without layout training can read.
        draws_layout: whether the layout is drawn, as latents: extra input channels of a trained denoiser, and
            the start of an untrained one.
        composes: whether it paints by another method of the model, and puts together what that painted.
    """

    name: str
    trainable: bool = True
    encodings: tuple[str, ...] = ()
    untrained_encodings: tuple[str, ...] = ()
    draws_layout: bool = False
    composes: bool = False


IMG2IMG = MethodInfo("img2img", draws_layout=True)
TEXT2IMG = MethodInfo("text2img", encodings=("box", "text"), untrained_encodings=("text",))
REGIONAL = MethodInfo("regional", trainable=False)
SPRITES = MethodInfo("sprites", trainable=False, composes=True)

METHODS: Mapping[str, MethodInfo] = {method.name: method for method in (IMG2IMG, TEXT2IMG, REGIONAL, SPRITES)}
"""By name; the first that a model was trained for is the one that it uses where none is asked for."""

COMPOSING = tuple(name for name, method in METHODS.items() if method.composes)
"""The names of the methods that put together what another one paints."""

TRAINABLE = tuple(name for name, method in METHODS.items() if method.trainable)
"""The names of the methods that a model can be trained for."""


def parse_methods(words: Sequence[str] | None) -> tuple[str, ...]:
    """The methods that `words` name, each once: a name, several with commas between, or ``both``.

    Both are those that a model can be trained for.

    Raises:
        InvalidOption: there is no such method.
    """
    names = named_methods(words)
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        said = " or ".join(name or "nothing" for name in unknown)
        raise InvalidOption(f"`method` must be one of {', '.join(METHODS)}, or both, not {said}")
    return names


def named_methods(words: Sequence[str] | None) -> tuple[str, ...]:
    """The names in `words`, each once, whether there are such methods or not; ``both`` stands for two."""
    named = [name.strip() for word in words or () for name in word.split(",")]
    names = (one for name in named for one in (TRAINABLE if name == "both" else (name,)))
    return tuple(dict.fromkeys(names))


def choose_method(
    name: str | None,
    encoding: str | None,
    *,
    trained: Sequence[str] = (),
    trained_encodings: Sequence[str] = (),
    closed: bool = False,
) -> tuple[MethodInfo, str | None]:
    """The method called `name` and its encoding, for a model that was `trained` for some methods.

    Args:
        name: None: the first that the model was trained for, or that needs no training.
        encoding: one of the method's; None: the one that the model was trained for.
        closed: the model knows the words of its training only, and so no other method or encoding.

    Raises:
        InvalidOption: there is no such method or encoding, or the model was not trained for it.
    """
    if name is None:
        name = next((n for n, m in METHODS.items() if n in trained or not m.trainable))
    if name not in METHODS:
        raise InvalidOption(f"`method` must be one of {', '.join(METHODS)}, not {name}")
    info = METHODS[name]
    if encoding is not None and not info.encodings:
        raise InvalidOption(f"`encoding` is an option of `method` text2img, not of {name}")
    if info.composes:
        return info, None
    learnt = ", ".join(trained)
    if closed and name not in trained:
        raise InvalidOption(f"the model knows layouts by {learnt} only: pass one of that as `method`")
    if trained and info.draws_layout and name not in trained:
        raise InvalidOption(f"the model was trained for {learnt}: pass that as `method`")
    if info.encodings:
        encoding = _encoding(info, encoding, trained_encodings, closed=closed)
    return info, encoding


def _encoding(info: MethodInfo, encoding: str | None, trained: Sequence[str], *, closed: bool) -> str:
    """The encoding to use: the trained one, or one that any model can read."""
    encoding = encoding or next(iter((*trained, *info.untrained_encodings)))
    if encoding not in info.encodings:
        raise InvalidOption(f"`encoding` must be {' or '.join(info.encodings)}, not {encoding}")
    if encoding not in (*trained, *info.untrained_encodings):
        instead = info.untrained_encodings[0]
        raise InvalidOption(
            f"the model has no trained {encoding} tokens: pass `encoding` {instead}, or train it"
        )
    if closed and encoding not in trained:
        raise InvalidOption(f"the model knows `encoding` {', '.join(trained)} only: leave it out")
    return encoding


def check_strength(strength: float | None, *, starts_from_drawing: bool) -> None:
    """Refuse a strength that cannot be, or that has no effect where denoising starts from noise alone.

    Raises:
        InvalidOption: says which.
    """
    if strength is None:
        return
    if not starts_from_drawing:
        raise InvalidOption(
            "`strength` is for `method` img2img on a checkpoint without layout training: leave it out"
        )
    if not 0 < strength <= 1:
        raise InvalidOption(f"`strength` must be above 0 and at most 1, not {strength}")


def check_sprites(variety: int | None, *, verify: bool, composes: bool) -> None:
    """Refuse settings of sprites that have no effect by another method.

    Raises:
        InvalidOption: says which.
    """
    wrong = Problems()
    for name, given in (("variety", variety is not None), ("verify", verify)):
        wrong.check(composes or not given, f"`{name}` has no effect without `method` sprites: leave it out")
    wrong.say()


def extra_channels(methods: tuple[str, ...], latent_channels: int) -> int:
    """Input channels beside its latents that a denoiser needs for `methods`: class map and position map."""
    drawn = any(METHODS[name].draws_layout for name in methods)
    return latent_channels + POSITION_CHANNELS if drawn else 0


POSITION_CHANNELS = 3
"""Channels of the position map: x, y and 1."""
