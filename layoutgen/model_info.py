"""Which model a name means, and what it has learnt, without loading it (or torch)."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layoutgen.assets import MODEL
from layoutgen.domain.labels import closest, count_phrase, did_you_mean, named_unknown
from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import ANY_SIZE, SizePrior, drawn_well
from layoutgen.errors import InvalidFile, InvalidOption, UnknownLabel, first_line
from layoutgen.io.files import read_json
from layoutgen.io.pickles import check_tensors_only, names_in_pickle
from layoutgen.io.tensor_header import read_tensor_header
from layoutgen.model_files import check_model_files
from layoutgen.model_kind import ModelKind, Role, check_parts, kind_of, kind_of_tensors
from layoutgen.model_kind.original_layout import base_of_names
from layoutgen.model_kind.sizes import V2_OF_NOISE, side_is_known, side_of_file, side_of_folder
from layoutgen.model_words import known_words

WEIGHT_FILES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
"""How files of weights end, the usual one first; the others are pickles."""
STABLE_DIFFUSION = "stable-diffusion-v1-5/stable-diffusion-v1-5"


@dataclass(frozen=True, slots=True)
class LayoutTraining:
    """The methods and encodings that a model was trained for; none: a plain text-to-image model."""

    methods: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model to load.

    Attributes:
        source: folder, or hub id.
        labels: the labels that it has learnt; None: any text.
        window: side, in pixels, of the canvas that it was trained on.
        size_prior: the boxes that it draws well.
        sampling: the settings that it paints best with, where they are not the usual ones.
        words: those that it has read in training; None: it reads any text.
        training: what it has learnt of layouts; None: nobody knows before it is loaded.
        base: the base model that it is, such as sdxl, where its files say so.
        window_known: its files say what `window` is; else that may change when it is opened.
    """

    source: str
    labels: tuple[str, ...] | None = None
    window: int = 512
    size_prior: SizePrior = ANY_SIZE
    sampling: Mapping[str, Any] = field(default_factory=dict)
    words: frozenset[str] | None = None
    training: LayoutTraining | None = None
    base: str | None = None
    window_known: bool = True

    @property
    def size_note(self) -> str | None:
        """What is not known of `window` yet, as a sentence; None: nothing."""
        if self.window_known:
            return None
        return (
            f"{self.source} does not say whether it is the Stable Diffusion v2 of {self.window} px or that "
            f"of {V2_OF_NOISE} px: that is seen when it is opened, and until then {self.window} is assumed"
        )

    @property
    def drawn_well(self) -> float:
        """See :func:`layoutgen.domain.size_prior.drawn_well`; of an unknown model as of a plain one."""
        learnt = self.training is not None and self.training.methods
        return drawn_well(self.window, self.size_prior if learnt else None)

    def prompt_for(self, layout: Layout) -> str:
        """A neutral prompt for a layout without one: what is in it, in the words of the model's training.

        A small model has read its own captions only: those of composed scenes name the colour of the ground,
        composed ones of photos begin with "a photo of". Any other model knows that.
        """
        counted = count_phrase(Counter(instance.label for instance in layout.instances))
        if self.words is not None and self.words >= {"green", "ground"}:
            return f"{counted} on green ground" if counted else "green ground"
        if self.words is None or self.words >= {"photo", "of"}:
            return f"a photo of {counted}" if counted else "a photo"
        return counted


def find_model(name: str | None) -> ModelInfo:
    """The model called `name`: a run folder of ``train``, a diffusers folder, a file, a hub id; None: ours.

    Raises:
        InvalidOption: a folder or a file that is no model, or a name that can be neither of these nor hub id.
        InvalidFile: it is broken, or loading it could run code.
    """
    if name is None:
        return _read(MODEL)
    folder = Path(name).expanduser()
    if folder.is_file() or (folder.suffix in WEIGHT_FILES and not folder.is_dir()):
        return _of_single_file(folder, name)
    for place in (folder / "model", folder):
        if (place / "model_index.json").is_file():
            return _read(place, check_painter(place, name).base)
    if folder.exists():
        if (folder / "config.yaml").is_file():
            raise InvalidOption(
                f"`model` {name} has no finished checkpoint yet, so no model/: wait for it, or take another"
            )
        check_painter(folder, name)
    parts = name.split("/")
    if len(parts) != 2 or not all(parts) or name.startswith((".", "~")):
        raise InvalidOption(
            f"`model` {name}: there is no such folder, and a hub id looks like {STABLE_DIFFUSION}"
        )
    return ModelInfo(name)


def _of_single_file(path: Path, name: str) -> ModelInfo:
    """What is known of a single-file checkpoint; one that is a pickle is looked into when it is opened."""
    if not path.is_file():
        raise InvalidOption(f"`model` {name}: there is no such file; check the path")
    if path.suffix not in WEIGHT_FILES:
        raise InvalidOption(f"`model` {name} is no checkpoint: give a folder, or a {WEIGHT_FILES[0]} file")
    if path.suffix != WEIGHT_FILES[0]:
        check_tensors_only(path)  # what they are of is seen when it is opened
        base = base_of_names(names_in_pickle(path))
        return ModelInfo(str(path)) if base is None else _of_base(path, base, {})
    header = read_tensor_header(path)
    kind = kind_of_tensors(header.shapes)
    _check_role(kind, name)
    assert kind.base is not None  # a painter in one file has one
    return _of_base(path, kind.base, header.metadata)


def _of_base(path: Path, base: str, metadata: Mapping[str, str]) -> ModelInfo:
    """Of the single file of `base` at `path`, whose header holds the `metadata`."""
    known = side_is_known(base, metadata)
    window = side_of_file(base, metadata)
    # It has no layout encoder: nothing of ours is in one file.
    return ModelInfo(str(path), window=window, training=LayoutTraining(), base=base, window_known=known)


def check_painter(folder: Path, name: str, *, parts: bool = True) -> ModelKind:
    """The kind of the model in `folder`, which the user calls `name`; refused unless we can paint with it.

    Args:
        parts: all its files are there; else the small ones only, as the large ones are still to come.

    Raises:
        InvalidOption: says what it is instead.
        InvalidFile: one of its json files is broken, or loading it could run code.
    """
    kind = kind_of(folder) if folder.is_dir() else None
    if kind is None:
        raise InvalidOption(
            f"`model` {name} is no model: it holds no model_index.json; give {Role.PAINTER.value}"
        )
    check_model_files(folder, pickled_tensors=True)
    _check_role(kind, name)
    if parts:
        check_parts(folder)
    return kind


def _check_role(kind: ModelKind, name: str) -> None:
    if kind.role is not Role.PAINTER:
        raise InvalidOption(f"`model` {name} is {kind.what}: give {Role.PAINTER.value}, or a run of `train`")


def check_labels(labels: Collection[str], known: Collection[str] | None) -> None:
    """Refuse labels that a model has not learnt.

    Raises:
        UnknownLabel: says which, what it knows, and what to do.
    """
    unknown = [] if known is None else sorted(label for label in labels if label not in known)
    if known is None or not unknown:
        return
    named = named_unknown(unknown, lambda label: _hint(label, known))
    what = "it" if len(unknown) == 1 else "them"
    remedy = f"pass `model` with a checkpoint that knows {what}, such as {STABLE_DIFFUSION}"
    if not known:
        raise UnknownLabel(f"the model has not learnt {named}, nor any other label: {remedy}")
    raise UnknownLabel(
        f"the model has not learnt {named}, only {', '.join(known)}: use one of these labels, or {remedy}"
    )


_SIZES = frozenset({"big", "large", "huge", "giant", "small", "little", "tiny"})


def _hint(label: str, known: Collection[str]) -> str:
    """What `label` probably means, in brackets; "" if nobody knows."""
    parts = [closest(word, known, near=False) for word in label.split() if word not in ("and", "&", "+")]
    if len(parts) > 1 and None not in parts:
        named = " and ".join(repr(part) for part in dict.fromkeys(parts))
        return f" (did you mean {named}? ask for each with a number of its own)"
    near = closest(label, known)
    if near is None:
        return ""
    size = next((word for word in label.lower().split() if word in _SIZES), None)
    if size is not None:
        return f" (did you mean {near!r}? how {size} they are is said in a layout file, as size: [40, 56])"
    return did_you_mean(near)


def _read(folder: Path, base: str | None = None) -> ModelInfo:
    """What the model in `folder`, which is a `base`, says about itself."""
    sampling = read_json(folder / "model_index.json").get("sampling") or {}
    file = folder / "layout_encoder" / "config.json"
    if not file.is_file():
        return ModelInfo(
            str(folder),
            window=side_of_folder(folder),
            sampling=sampling,
            training=LayoutTraining(),
            base=base,
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        _check_channels(file, config)
        labels = config["labels"]
        known = None if labels is None else tuple(labels)
        return ModelInfo(
            str(folder),
            known,
            int(config["window"]),
            size_prior_of(config),
            sampling,
            _words(folder, config),
            LayoutTraining(tuple(config["methods"]), tuple(config["encodings"])),
            base,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"is not the configuration of a layout encoder: {first_line(error)}"
        raise InvalidFile(file, problem, remedy="copy the model again") from error


def _words(folder: Path, config: Mapping[str, Any]) -> frozenset[str] | None:
    """The words that the model in `folder` has read, by its tokenizer and its layout encoder's `config`."""
    words = known_words(folder)
    return None if words is None else words.union(config.get("words") or ())


def size_prior_of(config: Mapping[str, Any]) -> SizePrior:
    """The boxes that a model draws well by its layout encoder's `config`."""
    largest = config.get("largest")
    low, high = config.get("aspect", ANY_SIZE.aspect)
    return SizePrior(
        float(config["smallest"]),
        math.inf if largest is None else float(largest),
        (float(low), float(high)),
        int(config.get("grid", 1)),
    )


def _check_channels(file: Path, config: dict[str, Any]) -> None:
    """Refuse a layout encoder that says something else of the U-Net's input than the U-Net itself."""
    unet = json.loads((file.parents[1] / "unet" / "config.json").read_text(encoding="utf-8"))
    extra = unet["in_channels"] - unet["out_channels"]
    if config["map_channels"] != extra:
        raise InvalidFile(
            file,
            f"says that the U-Net reads {config['map_channels']} channels of a layout, but it reads {extra}",
            remedy="the folder mixes two models: copy it whole, or train the model anew",
        )
