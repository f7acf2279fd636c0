"""What a model folder from a stranger may hold: safetensors, and names of known classes; never code.

Nothing here loads a model or torch. A folder that passes can still be useless, but loading it runs nothing.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from layoutgen.errors import InvalidFile
from layoutgen.io.files import read_json
from layoutgen.io.pickles import NO_PICKLE, check_tensors_only
from layoutgen.io.tensor_header import read_tensor_header

SAFE = {"use_safetensors": True, "trust_remote_code": False}
"""What ``from_pretrained`` of transformers is asked for, also with a hub id."""
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle")
_WEIGHTS = ".safetensors"
_COUNTS = re.compile(r"layers|depth|blocks", re.IGNORECASE)  # of networks, each of which has a tensor
_NO_SIZES = ("initializer_range", "layer_norm_eps", "norm_eps", "largest")  # which may well be infinite
_LIBRARIES = {
    "diffusers": r"(?!.*Pipeline)\w+",
    "transformers": r"(?!.*Pipeline)(?!Auto[A-Z])\w+",  # Auto...: as another file says
    "stable_diffusion": r"StableDiffusionSafetyChecker",
    "layoutgen.autoencoder": r"PatchAutoencoder",
    "layoutgen.conditioning.encoder": r"LayoutEncoder",
}
"""The modules of a pipeline's components, and their classes."""


def check_model_files(folder: Path, *, pickled_tensors: bool = False) -> None:
    """Refuse the model in `folder` if loading it could run code that comes with it.

    Args:
        pickled_tensors: pickles that name nothing but tensors may stay; a loader of weights alone reads them.

    Raises:
        InvalidFile: it holds Python code, names a class that is not known, has its weights in a pickle only,
            or sizes that these cannot have; or one of its json files is broken.
    """
    code = sorted((*folder.glob("*.py"), *folder.glob("*/*.py")))
    if code:
        raise InvalidFile(
            code[0], "is code, and code that comes with a model is never run", remedy="remove it"
        )
    index = folder / "model_index.json"
    components = read_json(index) if index.is_file() else {}
    _check_classes(index, components)
    for name in ("", *components):
        # A name with a slash in it is no component, and would lead elsewhere.
        if Path(name).name == name and (folder / name).is_dir():
            _check_weights(folder / name, pickled_tensors)
            _check_config(folder / name)


def _check_classes(index: Path, components: dict[str, Any]) -> None:
    """Refuse what would be imported under a name that `components` gives."""
    if not isinstance(components.get("_class_name", ""), str):
        raise InvalidFile(
            index, "names a module of its own", where="_class_name", remedy='write "StableDiffusionPipeline"'
        )
    for name, component in components.items():
        if name.startswith("_") or not isinstance(component, list) or component == [None, None]:
            continue
        if len(component) != 2 or not all(isinstance(part, str) for part in component):
            raise InvalidFile(
                index, "must name a library and a class", where=name, remedy="copy the model again"
            )
        library, kind = component
        if not re.fullmatch(_LIBRARIES.get(library, "(?!)"), kind):
            problem = f"names {kind[:80]} of {library[:80]}, which is no part of a model that is known"
            remedy = "give a model in which all parts are classes of diffusers or transformers"
            raise InvalidFile(index, problem, where=name, remedy=remedy)


def _check_weights(folder: Path, pickled_tensors: bool) -> None:
    """Refuse pickled weights that have no safetensors beside them."""
    files = [path for path in folder.iterdir() if path.is_file()]
    pickles = sorted(
        path for path in files if path.suffix.lower() in _PICKLES and "training_args" not in path.name
    )
    if any(path.suffix.lower() == _WEIGHTS for path in files):
        return
    if pickled_tensors:
        for path in pickles:
            check_tensors_only(path)
    elif pickles:
        problem = "is a pickle, which can run code when it is read, and there are no safetensors beside it"
        raise InvalidFile(pickles[0], problem, remedy=NO_PICKLE)


def _check_config(folder: Path) -> None:
    """Refuse a configuration with code of its own, or with sizes that its weights cannot have.

    A network is built before its weights are read: what is absurd would take all memory, or all time.
    """
    file = folder / "config.json"
    if not file.is_file():
        return
    config = read_json(file)
    if "auto_map" in config:
        problem = "asks for code of its own, and code that comes with a model is never run"
        raise InvalidFile(file, problem, where="auto_map", remedy="give a model that transformers knows")
    files = sorted(folder.iterdir())
    weights = [path for path in files if path.suffix == _WEIGHTS]
    pickles = [path for path in files if path.suffix in _PICKLES]
    if not (weights or pickles):
        return
    values = sum(path.stat().st_size for path in weights or pickles)
    tensors = sum(len(read_tensor_header(path).shapes) for path in weights)
    for place, number in _numbers(config, ""):
        counted = weights and _COUNTS.search(place)  # the tensors of a pickle are not
        most, held = (tensors, "tensors") if counted else (values, "bytes")
        if not abs(number) <= most and place.rpartition(".")[2] not in _NO_SIZES:
            problem = f"is {str(number)[:30]}, and the weights have {most:,} {held}"
            raise InvalidFile(file, problem, where=place, remedy="copy the model again")


def _numbers(value: Any, place: str) -> Iterator[tuple[str, float]]:
    """The numbers in the values of a json file, each with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, place)
    elif isinstance(value, int | float):
        yield place, value


@contextmanager
def weights_only() -> Iterator[None]:
    """Let every ``torch.load`` inside read tensors and plain values only, whatever a library asks of it."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = {
        key: os.environ.pop(key) for key in (name, "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD") if key in os.environ
    }
    os.environ[name] = "1"
    try:
        with warnings.catch_warnings():  # of a stranger's pickle, which is refused in one line
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            yield
    finally:
        del os.environ[name]
        os.environ.update(before)
