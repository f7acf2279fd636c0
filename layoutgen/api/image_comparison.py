"""The images that are evaluated beside real ones: FID, KID, precision, recall, diversity, copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.errors import InvalidOption
from layoutgen.features.embedding_names import EFFICIENTNET, INCEPTION, embedding_source
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.io.files import is_file
from layoutgen.progress import Progress

if TYPE_CHECKING:
    from layoutgen.features.image_quality import ImageQuality
    from layoutgen.features.quality import ImageSet


def features_for(features: str | None, inception: Path | None, real: Path | None) -> str:
    """The name of the network to compare by; None: Inception where its weights are given, else no download.

    Raises:
        InvalidOption: an option would have no effect, or there is no such network.
    """
    for name, value in {"features": features, "inception": inception}.items():
        if value is not None and real is None:
            raise InvalidOption(f"`{name}` goes with `real`")
    chosen = features or (EFFICIENTNET if inception is None else INCEPTION)
    if inception is not None and chosen != INCEPTION:
        raise InvalidOption(f"`inception` goes with `features` {INCEPTION}, not {chosen}")
    if inception is not None and not is_file(inception):
        raise InvalidOption(f"`inception` {inception}: there is no such file")
    embedding_source(chosen)
    return chosen


class ImageComparison:
    """Compares images with the `real` ones; what cannot work is refused before anything else has run.

    Raises:
        InvalidOption: the network `features` cannot be had.
        InvalidFile: a real image cannot be read.
    """

    def __init__(
        self,
        real: Sequence[Path],
        features: str,
        inception: Path | None,
        device: str | None,
        watch: Progress,
    ) -> None:
        from layoutgen.features.distance import check_installed
        from layoutgen.features.embedding import load_embedding

        self._features = features
        check_installed()
        watch.begin("opening the network that images are compared by")
        self._network = load_embedding(features, inception, device)
        self._real = self._embedded(list(real), "real images", watch)

    def quality(self, source: AnnotatedSource, watch: Progress, *, halves: bool = True) -> ImageQuality:
        """What the images of `source` are beside the real ones, and `halves` of these to each other."""
        from layoutgen.features.quality import compare

        made = self._embedded([source.file_of(one) for one in source.images], "images beside them", watch)
        watch.begin("comparing with real images")
        return compare(made, self._real, self._features, halves=halves)

    def _embedded(self, paths: list[Path], title: str, watch: Progress) -> ImageSet:
        from layoutgen.features.quality import embed

        watch.begin(title, len(paths))
        return embed(paths, self._network, watch.advance)
