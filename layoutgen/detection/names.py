"""Which detector a name means, and which labels it knows, without loading it (or torch)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from layoutgen.assets import DETECTOR
from layoutgen.domain.labels import closest, did_you_mean, named_unknown, singular
from layoutgen.errors import InvalidOption, UnknownLabel
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.hub import check_hub_model
from layoutgen.io.files import read_json
from layoutgen.model_files import check_model_files
from layoutgen.model_kind import UNKNOWN, Role, kind_of

OWL = ("owlvit", "owlv2")
GROUNDING = ("grounding-dino", "mm-grounding-dino")
_SHOWN = 6  # known ones


def check_detector(name: str | None) -> None:
    """Refuse what is certainly no detector; of the rest transformers knows more. None: ours.

    Raises:
        InvalidOption: there is no such folder, or it holds something else, or a hub has no such model.
        InvalidFile: loading it could run code.
    """
    if name is None:
        return
    folder = Path(name).expanduser()
    if not folder.exists() and len(name.split("/")) != 2:
        raise InvalidOption(
            f"`detector` {name}: there is no such folder, and a hub id looks like google/owlv2-base"
        )
    check_hub_model(name, "detector")
    if folder.is_dir():
        kind = kind_of(folder)
        if kind is not None and kind.role is not Role.DETECTOR and kind != UNKNOWN:
            raise InvalidOption(
                f"`detector` {name} is {kind.what}: give {Role.DETECTOR.value} of transformers"
            )
        check_model_files(folder)


def labels_of_detector(name: str | None) -> tuple[str, ...] | None:
    """The labels that the detector `name` says it knows (None: ours); None: any, or nobody can tell yet."""
    file = (DETECTOR if name is None else Path(name).expanduser()) / "config.json"
    config: dict[str, Any] = read_json(file) if file.is_file() else {}
    names = config.get("id2label")
    if config.get("model_type") in (*OWL, *GROUNDING) or not isinstance(names, dict):
        return None
    return known_labels(names.values())


def known_labels(names: Collection[Any]) -> tuple[str, ...]:
    """Labels by the names of classes, of which COCO's gaps are called N/A."""
    return tuple(sorted({str(name) for name in names} - {"N/A"}))


def asked_labels(*sources: AnnotatedSource) -> list[str]:
    """The labels of all objects that should be in the images of `sources`, sorted."""
    return sorted({label for source in sources for image in source.images for label in image.labels})


def check_known(labels: Collection[str], known: Collection[str] | None) -> None:
    """Refuse `labels` that a detector does not know; None: it knows any.

    Raises:
        UnknownLabel: says which, what it knows, and what to do.
    """
    if known is None:
        return
    plain = {singular(label).lower() for label in known}
    unknown = sorted(label for label in labels if singular(label).lower() not in plain)
    if not unknown:
        return
    named = named_unknown(unknown, lambda label: did_you_mean(closest(label, known)))
    some = ", ".join(list(known)[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
    raise UnknownLabel(
        f"the detector does not know {named}, only {some}: pass `detector` with one that does, "
        "or a zero-shot one, such as google/owlv2-base-patch16-ensemble"
    )
