"""Extends a plain checkpoint by inputs for layouts; untrained, they do not change what it paints."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import nn

from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.domain.size_prior import SizePrior
from layoutgen.errors import InvalidOption
from layoutgen.methods.registry import extra_channels
from layoutgen.methods.text2img import LOCATIONS, add_location_tokens
from layoutgen.model_info import size_prior_of
from layoutgen.pipeline import LayoutPipeline


def extend_inputs(
    pipeline: LayoutPipeline,
    methods: tuple[str, ...],
    encoding: str,
    labels: tuple[str, ...] = (),
    *,
    location_tokens: bool = False,
    residual_tokens: bool = True,
    trained_on: SizePrior | None = None,
    words: Collection[str] = (),
) -> None:
    """Give `pipeline` a LayoutEncoder for `methods` and, for img2img, extra U-Net input channels.

    The weights of the new channels are zero. A model that was trained on layouts before keeps its inputs; if
    it knows only some labels, those of the data are added.

    Args:
        labels: those of the data.
        trained_on: the boxes of the data. A model that learns new labels draws what it is trained on
            last; where the data holds the labels that it knew, too, it draws both.
        words: that the data teaches a model of few words.
        residual_tokens: see :class:`~layoutgen.training.config.TrainConfig`.
        location_tokens: give the tokenizer a token for each coordinate, for the ``text`` encoding, as ReCo
            and GeoDiffusion do; the text encoder must then be trained.

    Raises:
        InvalidOption: the model was trained by other methods, or its U-Net reads more than latents.
    """
    if pipeline.layout_encoder is not None:
        trained = pipeline.layout_encoder.config
        missing = [m for m in methods if m not in trained.methods]
        if missing or ("text2img" in methods and encoding not in trained.encodings):
            learnt = ", ".join([*trained.methods, *(f"encoding {e}" for e in trained.encodings)])
            raise InvalidOption(
                f"the model to start from was trained for {learnt}: train it for these, or take another one"
            )
        if trained.labels is not None:  # None: any text
            if set(labels) - set(trained.labels):
                _draw_boxes(pipeline.layout_encoder, trained_on, also_known={*trained.labels} <= {*labels})
            read = {*(trained.words or ()), *words}
            _note(
                pipeline.layout_encoder,
                labels=tuple(sorted({*trained.labels, *labels})),
                words=tuple(sorted(read)) or None,
            )
        return
    latent = int(pipeline.unet.config.in_channels)
    if latent != pipeline.vae.config.latent_channels:
        raise InvalidOption(
            f"the U-Net of the model to start from reads {latent} channels, not the "
            f"{pipeline.vae.config.latent_channels} of its latents: take a plain text-to-image checkpoint"
        )
    methods = tuple(dict.fromkeys(methods))
    texts = "text2img" in methods and encoding == "text" and location_tokens
    if texts:
        for part in pipeline.backbone.text_parts:
            add_location_tokens(part.tokenizer)
            part.encoder.resize_token_embeddings(len(part.tokenizer), mean_resizing=False)
    encoder = LayoutEncoder(
        text_dim=pipeline.unet.config.cross_attention_dim,
        hidden_dim=pipeline.unet.config.cross_attention_dim,
        map_channels=extra_channels(methods, latent),
        methods=methods,
        encodings=(encoding,) if "text2img" in methods else (),
        labels=None,
        window=pipeline.window,
        location_tokens=LOCATIONS if texts else 0,
        adds_label=residual_tokens,
    )
    pipeline.register_modules(layout_encoder=encoder.to(pipeline.device))
    extra = int(encoder.config.map_channels)
    if extra:
        pipeline.unet.conv_in = widen(pipeline.unet.conv_in, extra)
        _note(pipeline.unet, in_channels=latent + extra)


def take_resolution(pipeline: LayoutPipeline, resolution: int) -> None:
    """Note that `pipeline` is trained on images of `resolution` pixels a side, which becomes its window.

    A model of a few labels learns from crops of its window, and keeps that.
    """
    if pipeline.labels is not None or resolution == pipeline.window:
        return
    encoder = pipeline.layout_encoder
    if encoder is not None:
        _note(encoder, coordinates=encoder.unit, window=resolution)
    _note(pipeline.unet, sample_size=resolution // pipeline.backbone.pixels_per_latent)


def _note(part: Any, **values: Any) -> None:
    """Let the configuration of `part` say these `values`, also where it did not say what they were.

    What diffusers found left out when a component was made, it leaves out again in a copy.
    """
    left_out = [name for name in part.config.get("_use_default_values", ()) if name not in values]
    part.register_to_config(**values, _use_default_values=left_out)


def _draw_boxes(encoder: LayoutEncoder, boxes: SizePrior | None, *, also_known: bool) -> None:
    """Note that the model draws `boxes`, beside those that it is `also_known` to draw."""
    if boxes is None:
        return
    known = size_prior_of(encoder.config)
    smallest, largest, (low, high) = boxes.smallest, boxes.largest, boxes.aspect
    if also_known:
        smallest, largest = min(smallest, known.smallest), max(largest, known.largest)
        low, high = min(low, known.aspect[0]), max(high, known.aspect[1])
    _note(encoder, smallest=smallest, largest=largest, aspect=(low, high))


def widen(convolution: nn.Conv2d, extra: int) -> nn.Conv2d:
    """The same convolution with `extra` more input channels, whose weights are zero."""
    wide = nn.Conv2d(
        convolution.in_channels + extra,
        convolution.out_channels,
        kernel_size=3,
        padding=1,
        device=convolution.weight.device,
        dtype=convolution.weight.dtype,
    )
    with torch.no_grad():
        wide.weight.zero_()
        wide.weight[:, : convolution.in_channels] = convolution.weight
        wide.bias.copy_(convolution.bias)  # type: ignore[union-attr,arg-type]
    return wide
