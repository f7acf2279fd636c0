from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from layoutgen.errors import InvalidFile
from layoutgen.io.pickles import check_tensors_only

torch = pytest.importorskip("torch")

WEIGHTS = OrderedDict(
    a=torch.zeros(2, 3, dtype=torch.float16), b=torch.nn.Parameter(torch.ones(2)), c={"d": torch.arange(3)}
)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("it ran",)


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_pass_in_both_formats_of_torch(tmp_path: Path, zipped: bool) -> None:
    torch.save({"state_dict": WEIGHTS}, tmp_path / "w.ckpt", _use_new_zipfile_serialization=zipped)
    check_tensors_only(tmp_path / "w.ckpt")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_is_named_and_does_not_run(tmp_path: Path, zipped: bool, protocol: int, capsys: Any) -> None:
    path = tmp_path / "w.ckpt"
    options: dict[str, Any] = {"_use_new_zipfile_serialization": zipped, "pickle_protocol": protocol}
    torch.save(WEIGHTS | {"callback": Bomb()}, path, **options)
    with pytest.raises(InvalidFile, match="can run code when it is read: it names"):
        check_tensors_only(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is a pickle that is cut off, or none"),
        (b"some text", "is a pickle that is cut off, or none"),
        (pickle.dumps([1, 2])[:-3], "is a pickle that is cut off, or none"),
        (b"version https://git-lfs", "is a pointer of Git LFS"),
    ],
)
def test_what_is_no_pickle_is_one_line(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "w.bin").write_bytes(content)
    with pytest.raises(InvalidFile, match=what):
        check_tensors_only(tmp_path / "w.bin")
