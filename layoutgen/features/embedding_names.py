"""The networks by which sets of images are compared, by name, and what is wrong with a name; no torch."""

from __future__ import annotations

from pathlib import Path

from layoutgen.errors import InvalidOption
from layoutgen.hub import check_hub_model

EFFICIENTNET, INCEPTION, DINOV2 = "efficientnet-lite0", "inception", "dinov2"
NAMED = (EFFICIENTNET, INCEPTION, DINOV2)
"""The first needs no download; the second is that of published FID and KID."""
_HUB_IDS = {DINOV2: "facebook/dinov2-base"}


def embedding_source(name: str) -> str:
    """What is loaded for `name`: itself, or the hub id that it stands for.

    Raises:
        InvalidOption: it is no name, no folder, and no hub id of a hub that answers.
    """
    if name in (EFFICIENTNET, INCEPTION):
        return name
    source = _HUB_IDS.get(name, name)
    if not Path(source).expanduser().is_dir() and len(source.split("/")) != 2:
        raise InvalidOption(
            f"`features` {name}: there is no such folder; give one with a vision model of transformers, "
            f"its hub id, or one of {', '.join(NAMED)}"
        )
    check_hub_model(source, "features")
    return source
