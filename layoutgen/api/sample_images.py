"""Which images `layoutgen sample` paints: every layout that is asked for, with its seeds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from layoutgen.errors import InvalidOption

if TYPE_CHECKING:
    from layoutgen.domain.layout import Layout
    from layoutgen.domain.requests import LayoutRequest, Quantity
    from layoutgen.model_info import ModelInfo
    from layoutgen.sampling.jobs import Job

Named = tuple[str, "LayoutRequest"]


@dataclass(frozen=True, slots=True)
class Series:
    """How many images of each layout: of the seeds from `first` on; None: from where each layout says.

    With `vary_layout` what has no place of its own is placed anew in each of them.
    """

    first: int | None = None
    count: int = 1
    vary_layout: bool = False

    @staticmethod
    def of(seed: str | None, num_images: int | None, vary: str) -> Series:
        """As the options say: `seed` is a number, or a range such as ``0-15``.

        Raises:
            InvalidOption: they make no sense, or contradict each other.
        """
        if vary not in ("seed", "layout"):
            raise InvalidOption(f"`vary` must be seed or layout, not {vary}")
        if num_images is not None and num_images < 1:
            raise InvalidOption(f"`num_images` must be 1 or more, not {num_images}")
        first, last = _seeds(seed)
        if last is not None and first is not None:
            if num_images not in (None, last - first + 1):
                raise InvalidOption(f"`seed` {seed} already says how many images: leave `num_images` out")
            num_images = last - first + 1
        if vary == "layout" and num_images in (None, 1):
            raise InvalidOption("`vary` layout is for several images: add `num_images` 8, or `seed` 0-7")
        return Series(first, num_images or 1, vary == "layout")


@dataclass(frozen=True, slots=True)
class Images:
    """Layouts by name, the seed of the first image of each, their number, and the ids in a data set."""

    named: tuple[tuple[str, Layout], ...]
    seeds: tuple[int, ...]
    num_images: int
    image_ids: tuple[int | None, ...]

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The layouts without their names."""
        return tuple(layout for _, layout in self.named)

    @property
    def jobs(self) -> list[Job]:
        """The images one by one."""
        from layoutgen.sampling.jobs import jobs_of

        return jobs_of(self.named, self.seeds, self.num_images, self.image_ids)


def images_asked_for(
    requests: Sequence[Named],
    quantities: Sequence[Quantity],
    series: Series,
    info: ModelInfo,
    prompt: str | None,
    negative_prompt: str | None,
) -> Images:
    """The layouts of `requests`, arranged as the model draws well, with their prompts and seeds.

    Raises:
        DoesNotFit, InvalidLayout, InvalidOption: see :func:`layoutgen.domain.requests.arrange_request`; or
            the layout is to vary, and all of it stands where the file says.
    """
    named: list[tuple[str, Layout]] = []
    seeds: list[int] = []
    image_ids: list[int | None] = []
    for name, request in requests:
        first = request.settings.get("seed", 0) if series.first is None else series.first
        different = set()
        for number in range(series.count if series.vary_layout else 1):
            layout = _arranged(request, quantities, info, first, number)
            different.add(layout)
            negative = layout.negative_prompt if negative_prompt is None else negative_prompt
            text = prompt if prompt is not None else layout.prompt or info.prompt_for(layout)
            named.append((name, replace(layout, prompt=text, negative_prompt=negative)))
            seeds.append(first + number)
            image_ids.append(request.image_id)
        if series.vary_layout and len(different) == 1:
            raise InvalidOption(
                f"`vary` layout: every box of {name} stands where its file says; leave it out"
            )
    count = 1 if series.vary_layout else series.count
    return Images(tuple(named), tuple(seeds), count, tuple(image_ids))


def _arranged(
    request: LayoutRequest, quantities: Sequence[Quantity], info: ModelInfo, first: int, number: int
) -> Layout:
    """Arrangement `number` of `request`, 0 being the usual one."""
    from layoutgen.domain.requests import arrange_request

    own = first if request.seed is None else request.seed
    return arrange_request(
        replace(request, seed=own + number), quantities, size_prior=info.size_prior, seed=own
    )


def _seeds(text: str | None) -> tuple[int | None, int | None]:
    """The first and the last seed that `text` names; the last is None where it is one number."""
    if text is None:
        return None, None
    found = re.fullmatch(r"(\d{1,18})(?:\s*(?:-|\.\.)\s*(\d{1,18}))?", text.strip(), re.ASCII)
    if found is None:
        raise InvalidOption(f"`seed` must be a whole number from 0, or a range such as 0-15, not {text}")
    first, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < first:
        raise InvalidOption(f"`seed` {text} is no range: write {last}-{first}")
    return first, last
