"""What a user adds to a checkpoint: another autoencoder, LoRAs, textual inversions, a cut text encoder."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layoutgen.errors import InvalidFile, InvalidOption, Problems
from layoutgen.io.files import read_json
from layoutgen.io.pickles import check_tensors_only, names_in_pickle
from layoutgen.io.tensor_header import read_tensor_header
from layoutgen.model_files import check_model_files
from layoutgen.model_info import WEIGHT_FILES
from layoutgen.model_kind import LORA, kind_of, kind_of_tensors
from layoutgen.model_kind.original_layout import VAE
from layoutgen.model_kind.single_files import EMBEDDING_KEYS

UNNAMED_EMBEDDING = EMBEDDING_KEYS | {"string_to_param"}
"""Keys of textual inversions that go by their file's name; the key of any other one is its token."""
_MOST_LAYERS = 12  # of the smallest text encoder of Stable Diffusion


@dataclass(frozen=True, slots=True)
class Lora:
    """A file of low-rank adapters, and how strongly they act."""

    path: Path
    weight: float = 1.0

    @staticmethod
    def parse(text: str) -> Lora:
        """What ``FILE`` or ``FILE:WEIGHT`` says."""
        name, colon, number = text.rpartition(":")
        try:
            weight = float(number) if colon else 1.0
        except ValueError:  # a colon of the path
            return Lora(Path(text).expanduser())
        if not abs(weight) <= 10:
            raise InvalidOption(f"`lora` {text}: its weight must be between -10 and 10")
        return Lora(Path(name if colon else text).expanduser(), weight)


@dataclass(frozen=True, slots=True)
class Additions:
    """Files that change a checkpoint when it is opened.

    Attributes:
        vae: an autoencoder instead of its own: a file, in the original key layout or that of diffusers, or a
            folder of diffusers.
        lora: ``FILE`` or ``FILE:WEIGHT``, in the key layouts of kohya or diffusers.
        embedding: files of textual inversions; a prompt names one by its file's name, or by the token in it.
        clip_skip: the text encoder's layer that is read, counted from its end: 1 (None) is the last.

    Raises:
        InvalidOption: a number that cannot be.
    """

    vae: str | None = None
    lora: tuple[str, ...] = ()
    embedding: tuple[str, ...] = ()
    clip_skip: int | None = None

    def __post_init__(self) -> None:
        if self.clip_skip is not None and not 1 <= self.clip_skip <= _MOST_LAYERS:
            raise InvalidOption(f"`clip_skip` must be from 1 to {_MOST_LAYERS}, not {self.clip_skip}")

    @property
    def loras(self) -> tuple[Lora, ...]:
        """The LoRAs with their weights."""
        return tuple(map(Lora.parse, self.lora))

    def check(self) -> None:
        """Refuse files that are missing or something else, before anything is loaded.

        Raises:
            InvalidOption: a file is not what it is given as, or a package is missing.
            InvalidFile: a file is missing or broken, or reading it could run code.
        """
        wrong = Problems()
        with wrong.noted():
            if self.vae is not None and Path(self.vae).expanduser().is_dir():
                _check_vae_folder(vae_folder(Path(self.vae).expanduser()))
            elif self.vae is not None:
                _check("vae", Path(self.vae).expanduser(), ("an autoencoder alone",))
        for text in self.lora:
            with wrong.noted():
                _check("lora", Lora.parse(text).path, (LORA.what,))
        for file in self.embedding:
            with wrong.noted():
                _check("embedding", Path(file).expanduser(), ("a textual inversion embedding",))
        wrong.check(
            not self.lora or importlib.util.find_spec("peft") is not None,
            "`lora` needs the package peft: pip install -c constraints.txt '.[train]'",
        )
        wrong.say()


NOTHING_ADDED = Additions()


def words_of_embedding(path: Path) -> frozenset[str]:
    """What a prompt may call the textual inversion in the file at `path`: its file's name, or its own token.

    Of a pickle that is not looked into: all texts in it that it may be.
    """
    safe = path.suffix == WEIGHT_FILES[0]
    names = frozenset(read_tensor_header(path).shapes) if safe else names_in_pickle(path)
    if not names or names & UNNAMED_EMBEDDING:
        return frozenset((path.stem,))
    # Beside tokens a pickle has classes ("torch Size") and words of its format.
    others = ("storage", "cpu")
    return frozenset(
        name for name in names if " " not in name and not name.isdecimal() and name not in others
    )


def vae_folder(path: Path) -> Path:
    """Where the autoencoder is in the folder `path`: a model's, or its own."""
    return path / "vae" if (path / "vae" / "config.json").is_file() else path


def _check_vae_folder(folder: Path) -> None:
    """Refuse `folder` unless it holds an autoencoder, and nothing that could run code."""
    config = folder / "config.json"
    if not config.is_file():
        raise InvalidFile(folder, "holds no autoencoder", remedy="give one with its config.json, or a file")
    check_model_files(folder, pickled_tensors=True)
    kind = read_json(config).get("_class_name")
    if kind != "AutoencoderKL":
        raise InvalidFile(folder, f"is {kind or 'no autoencoder'}", remedy="give an AutoencoderKL")


def _check(option: str, path: Path, wanted: Sequence[str]) -> None:
    """Refuse the file at `path`, given as `option`, unless it is one of what is `wanted`."""
    if path.is_dir():
        raise InvalidFile(path, "is a folder", remedy=f"give the {WEIGHT_FILES[0]} file in it as `{option}`")
    if not path.is_file():
        raise InvalidFile(path, "there is no such file", remedy=f"check the path of `{option}`")
    if path.suffix not in WEIGHT_FILES:
        raise InvalidFile(path, "is no file of weights", remedy=f"give a {WEIGHT_FILES[0]} file")
    if path.suffix != WEIGHT_FILES[0]:
        check_tensors_only(path)
        return
    kind = kind_of(path) if option != "vae" else kind_of_tensors(_decoder(path))
    what = "nothing that is known" if kind is None else kind.what
    if not what.startswith(tuple(wanted)):
        raise InvalidOption(f"`{option}` {path} is {what}: give {wanted[0].split(',')[0]}")


def _decoder(path: Path) -> dict[str, tuple[int, ...]]:
    """The tensors of an autoencoder in a file, also inside a checkpoint in the original layout."""
    shapes = read_tensor_header(path).shapes
    inside = {name.removeprefix(VAE): shape for name, shape in shapes.items() if name.startswith(VAE)}
    return inside or dict(shapes)
