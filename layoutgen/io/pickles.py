"""What a pickle would import, found without reading it as one (or torch)."""

from __future__ import annotations

import io
import pickletools
import zipfile
from pathlib import Path

from layoutgen.errors import InvalidFile
from layoutgen.io.stand_ins import check_stand_in

NO_PICKLE = "take the model's safetensors, or convert it where you trust it: save_pretrained(folder)"
"""What to do about a pickle that is not read."""
_TENSORS = {"collections OrderedDict", "_codecs encode", "torch Size", "torch device", "torch dtype"}
_UTILS = ("torch._utils _rebuild_", "torch.serialization _get_layout", "torch._tensor _rebuild_")
_CONTENT = "data.pkl"
_LARGEST = 2**26  # bytes of a list of tensors; theirs are elsewhere
_IN_A_ROW = 5  # magic number, protocol, system, weights, names of storages: then raw values


def check_tensors_only(path: Path) -> None:
    """Refuse the weights at `path`, in torch's older format, if they name anything but parts of tensors.

    Only names are looked for, so that nothing of the file runs; and who reads it afterwards should do so by
    torch's own loader of weights alone.

    Raises:
        InvalidFile: the file names something else, which may be code; or it is cut off.
    """
    try:
        if (unpacked := _unpacked(path)) > _LARGEST:
            problem = f"its list of tensors has {unpacked:,} bytes, and {_LARGEST:,} is the most"
            raise InvalidFile(path, problem, remedy=NO_PICKLE)
        names = [name for pickled in _pickles(path) for name in _imported(pickled)]
    except InvalidFile:
        raise
    except OSError as error:
        raise InvalidFile(
            path, f"cannot be read: {error.strerror or error}", remedy="make it readable"
        ) from None
    except Exception:  # a broken pickle raises anything
        check_stand_in(path)
        raise InvalidFile(path, "is a pickle that is cut off, or none", remedy="copy it again") from None
    foreign = [name for name in names if not _is_part_of_tensors(name)]
    if foreign:
        problem = f"is a pickle, which can run code when it is read: it names {foreign[0][:80]}"
        raise InvalidFile(path, problem, remedy=NO_PICKLE)


def names_in_pickle(path: Path) -> frozenset[str]:
    """The texts in the zip archive of torch at `path`, names of tensors among them; of an older format none.

    Nothing is unpickled. :func:`check_tensors_only` comes before.
    """
    if not zipfile.is_zipfile(path):
        return frozenset()
    operations = (operation for pickled in _pickles(path) for operation in pickletools.genops(pickled))
    return frozenset(argument for _, argument, _ in operations if isinstance(argument, str))


def _unpacked(path: Path) -> int:
    """The bytes that the list of tensors in the zip archive at `path` says it unpacks to; else 0."""
    if not zipfile.is_zipfile(path):
        return 0
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist() if entry.filename.endswith(_CONTENT))


def _pickles(path: Path) -> list[bytes]:
    """The pickles in the file at `path`: one in a zip archive, or, in an older format, several in a row."""
    if not zipfile.is_zipfile(path):
        return [path.read_bytes()]
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist() if name.endswith(_CONTENT)] or [b""]


def _imported(pickled: bytes) -> list[str]:
    """The names "module object" that the pickles in `pickled` import; "?" for one that is composed."""
    names, stream = [], io.BytesIO(pickled)
    for _ in range(_IN_A_ROW):
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name in ("GLOBAL", "INST"):
                names.append(str(argument))
            elif opcode.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
                names.append("something that is composed as it is read")
        if stream.tell() == len(pickled):
            break
    return names


def _is_part_of_tensors(name: str) -> bool:
    module, _, kind = name.partition(" ")
    if name in _TENSORS or name.startswith(_UTILS):
        return True
    return module in ("torch", "torch.storage") and kind.endswith(("Storage", "Tensor", "Parameter"))
