"""The method that a name means for a model, made of the model's parts."""

from __future__ import annotations

from layoutgen.backbones.base import Backbone
from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.errors import InvalidOption
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.img2img import Img2Img
from layoutgen.methods.regional import Regional
from layoutgen.methods.registry import METHODS, MethodInfo
from layoutgen.methods.text2img import Text2Img

_CLASSES: dict[str, type[LayoutMethod]] = {cls.info.name: cls for cls in (Img2Img, Text2Img, Regional)}


def make_method(
    backbone: Backbone,
    layout_encoder: LayoutEncoder | None,
    name: str | None = None,
    encoding: str | None = None,
) -> LayoutMethod:
    """The method called `name`; None: the first that the model was trained for, or that needs no training.

    Args:
        encoding: one of the method's; None: the one that the model was trained for.

    Raises:
        InvalidOption: there is no such method or encoding, or the model was not trained for it.
    """
    trained = () if layout_encoder is None else tuple(layout_encoder.config.methods)
    if name is None:
        name = next((n for n, m in METHODS.items() if n in trained or not m.trainable))
    if name not in METHODS:
        raise InvalidOption(f"`method` must be one of {', '.join(METHODS)}, not {name}")
    info = METHODS[name]
    if encoding is not None and not info.encodings:
        raise InvalidOption(f"`encoding` is an option of `method` text2img, not of {name}")
    closed = layout_encoder is not None and layout_encoder.config.labels is not None
    learnt = ", ".join(trained)
    if closed and name not in trained:
        raise InvalidOption(f"the model knows layouts by {learnt} only: pass one of that as `method`")
    if trained and info.draws_layout and name not in trained:
        raise InvalidOption(f"the model was trained for {learnt}: pass that as `method`")
    if info.encodings:
        encoding = _encoding(info, layout_encoder, encoding, closed=closed)
    return _CLASSES[name](backbone, layout_encoder, encoding)


def _encoding(
    info: MethodInfo, layout_encoder: LayoutEncoder | None, encoding: str | None, *, closed: bool
) -> str:
    """The encoding to use: the trained one, or one that any model can read.

    `closed`: the model knows the words of its training only, and so no other encoding.
    """
    trained = () if layout_encoder is None else tuple(layout_encoder.config.encodings)
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
