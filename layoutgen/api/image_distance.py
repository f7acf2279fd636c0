"""FID and KID of the images that are evaluated to real ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.errors import InvalidOption
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.progress import Progress

if TYPE_CHECKING:
    from layoutgen.features.quality import Quality


class ImageDistance:
    """How far the images of `source` are from those in `real`; refused before anything else has run.

    Raises:
        InvalidOption: there is only one image.
    """

    def __init__(
        self, source: AnnotatedSource, real: Path, inception: Path | None, device: str | None
    ) -> None:
        from layoutgen.features.quality import find_photos, load_inception

        if len(source.images) < 2:
            raise InvalidOption("`real` compares many images with many, and there is only one to evaluate")
        self._images = [source.file_of(image) for image in source.images]
        self._real = find_photos(real)
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
