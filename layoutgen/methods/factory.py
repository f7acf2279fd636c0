"""The method that a name means for a model, made of the model's parts."""

from __future__ import annotations

from layoutgen.backbones.base import Backbone
from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.img2img import Img2Img
from layoutgen.methods.regional import Regional
from layoutgen.methods.registry import choose_method
from layoutgen.methods.sprites import Sprites
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
    config = None if layout_encoder is None else layout_encoder.config
    info, encoding = choose_method(
        name,
        encoding,
        trained=() if config is None else tuple(config.methods),
        trained_encodings=() if config is None else tuple(config.encodings),
        closed=config is not None and config.labels is not None,
    )
    if info.composes:
        return Sprites(make_method(backbone, layout_encoder))
    return _CLASSES[info.name](backbone, layout_encoder, encoding)
