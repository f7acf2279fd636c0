"""FID and KID of the images that are evaluated to real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.progress import Progress

if TYPE_CHECKING:
    from layoutgen.features.quality import Quality


class ImageDistance:
    """How far the images of `source` are from the `real` ones, by the network `inception`.

    Raises:
        InvalidOption: the network cannot be had.
    """

    def __init__(
        self, source: AnnotatedSource, real: Sequence[Path], inception: Path | None, device: str | None
    ) -> None:
        from layoutgen.features.quality import load_inception

        self._images = [source.file_of(image) for image in source.images]
        self._real = real
        self._network = load_inception(inception, device)

    def quality(self, watch: Progress) -> Quality:
        """FID and KID."""
        from layoutgen.features.quality import Quality, compare

        watch.begin("FID and KID", len(self._images) + len(self._real))
        for event in compare(self._images, self._real, self._network):
            if isinstance(event, Quality):
                return event
            watch.advance(event)
        raise AssertionError("a comparison ends with its result")
