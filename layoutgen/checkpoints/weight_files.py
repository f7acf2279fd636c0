"""Which of a diffusers folder's weight files to read: there may be several precisions and formats of each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from layoutgen.checkpoints.pickles import pickled_header
from layoutgen.errors import InvalidFile
from layoutgen.io.pickles import names_in_pickle
from layoutgen.io.tensor_header import read_tensor_header

_WEIGHTS = re.compile(
    r"(diffusion_pytorch_model|model|pytorch_model)(\.(?P<variant>\w+?))?(-\d+-of-\d+)?(\.(?P<old>\w+?))?"
    r"\.(?P<format>safetensors|bin)"
)
_OTHER_FILES = (".json", ".txt", ".model")


class _Weights(NamedTuple):
    """A weight file: its place, the component that it belongs to, its precision ("" is the usual one)."""

    name: str
    component: str
    variant: str
    safe: bool


def loading_options(folder: Path, component: str = "*") -> dict[str, Any]:
    """What diffusers must be told to open the weights in `folder`: their variant, if they have one.

    Args:
        component: the folder inside it that is opened; all of them.

    Raises:
        InvalidFile: a component has no weights of this variant, nor any of the usual precision.
    """
    names = [path.relative_to(folder).as_posix() for path in folder.glob(f"{component}/*")]
    weights = _weights(names)
    variant = _variant(weights)
    for name in sorted({one.component for one in weights}):
        held = sorted({one.variant for one in weights if one.component == name})
        if not {"", variant} & set(held):
            problem = f"has its weights as {held[0]!r} only, and other parts of the model as {variant!r} only"
            raise InvalidFile(folder / name, problem, remedy=f"put its weights there as {variant!r}")
    return {"variant": variant} if variant else {}


def names_read(component: Path, variant: str | None = None) -> frozenset[str]:
    """The names of all tensors in the weights that are read of the folder `component` of a model.

    Args:
        variant: the one that is asked for, which the component need not have; None: the usual one.

    Raises:
        InvalidFile: one of the files is broken.
    """
    own = _weights([f"{component.name}/{path.name}" for path in component.iterdir()])
    own = [one for one in own if one.variant == (variant or "")] or [one for one in own if not one.variant]
    own = [one for one in own if one.safe] or own
    return frozenset(name for one in own for name in _names(component.parent / one.name))


def _names(path: Path) -> Iterable[str]:
    if path.suffix == ".safetensors":
        return read_tensor_header(path).shapes
    return names_in_pickle(path) or pickled_header(path).shapes  # of an older format it has to be read


def files_to_download(names: Iterable[str], components: Collection[str]) -> list[str]:
    """Of the files called `names` in a diffusers folder those that are needed: no weights twice.

    Args:
        components: folders that a pipeline reads.
    """
    inside = [name for name in names if name.count("/") == 1 and name.split("/")[0] in components]
    weights = _weights(inside)
    variant = _variant(weights)
    chosen = ["model_index.json", *(name for name in inside if name.endswith(_OTHER_FILES))]
    for component in sorted({one.component for one in weights}):
        own = [one for one in weights if one.component == component]
        wanted = variant if any(one.variant == variant for one in own) else ""
        own = [one for one in own if one.variant == wanted]
        safe = any(one.safe for one in own)
        chosen += [one.name for one in own if one.safe == safe]
    return list(dict.fromkeys(chosen))


def _weights(names: Iterable[str]) -> list[_Weights]:
    found = []
    for name in names:
        component, _, file = name.rpartition("/")
        match = _WEIGHTS.fullmatch(file)
        if match is not None:
            variant = match["variant"] or match["old"] or ""
            found.append(_Weights(name, component, variant, match["format"] == "safetensors"))
    return found


def _variant(weights: Sequence[_Weights]) -> str:
    """The variant without which some component has no weights; "": none is needed."""
    for component in sorted({one.component for one in weights}):
        variants = sorted({one.variant for one in weights if one.component == component})
        if "" not in variants:
            return "fp16" if "fp16" in variants else variants[0]
    return ""
