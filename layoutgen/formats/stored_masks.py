"""Masks in a temporary file while a data set is in memory: a large one has a million of them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import IO, Any

_IN_MEMORY = 16 * 2**20  # bytes, before the masks go to disk


class StoredRuns(Mapping[str, Any]):
    """Compressed run lengths ``{size: [height, width], counts}`` that are read when they are looked at."""

    __slots__ = ("_masks", "_offset", "_size")

    def __init__(self, masks: StoredMasks, offset: int, size: list[int]) -> None:
        self._masks, self._offset, self._size = masks, offset, size

    def __getitem__(self, key: str) -> Any:
        if key == "counts":
            return self._masks.counts_at(self._offset)
        return {"size": self._size}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(("size", "counts"))

    def __len__(self) -> int:
        return 2


class StoredMasks:
    """A temporary file of run lengths, one a line; it is gone with the last of its :class:`StoredRuns`."""

    def __init__(self) -> None:
        self._file: IO[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._lock, self._end = Lock(), 0
        self._sizes: dict[tuple[int, ...], list[int]] = {}

    def add(self, runs: Mapping[str, Any]) -> StoredRuns:
        """`runs`, compressed run lengths, from now on in the file.

        Raises:
            OSError: the disk of temporary files is full.
        """
        line = runs["counts"].encode("ascii") + b"\n"
        with self._lock:
            self._file.seek(self._end)
            self._file.write(line)
            offset, self._end = self._end, self._end + len(line)
        size = self._sizes.setdefault(tuple(runs["size"]), runs["size"])  # one for all images of a size
        return StoredRuns(self, offset, size)

    def counts_at(self, offset: int) -> str:
        """The counts whose line begins at `offset`."""
        with self._lock:
            self._file.seek(offset)
            return self._file.readline()[:-1].decode("ascii")
