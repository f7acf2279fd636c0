"""Prompts of painted images: captions of the data, with the objects of a new layout in place of theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.labels import count_phrase
from layoutgen.domain.layout import Layout
from layoutgen.domain.prompts import background_prompt, object_prompt


def recaptioned(caption: str, labels: Sequence[str], layout: Layout) -> str:
    """`caption`, which names objects of `labels`, with those of `layout` in their place.

    "2 dogs on green ground" is "a cat and 3 dogs on green ground".
    """
    one, counts = labels[0], Counter(instance.label for instance in layout.instances)
    single = count_phrase({one: 1})
    return object_prompt(caption, labels, one).replace(single, count_phrase(dict(sorted(counts.items()))), 1)


def with_captions(layouts: Sequence[Layout], images: Sequence[AnnotatedImage], seed: int) -> list[Layout]:
    """The `layouts` with captions of `images` by chance; without a prompt if no image names its objects.

    Of a layout without prompt the model says itself what is in it.
    """
    captions = [
        (image.layout.prompt, image.layout.labels)
        for image in images
        if image.layout.prompt
        and image.layout.labels
        and background_prompt(image.layout.prompt, image.layout.labels) != image.layout.prompt
    ]
    if not captions:
        return [replace(layout, prompt="") for layout in layouts]
    places = np.random.default_rng([seed, 3]).integers(len(captions), size=len(layouts))
    return [
        replace(layout, prompt=recaptioned(*captions[int(place)], layout))
        for layout, place in zip(layouts, places, strict=True)
    ]
