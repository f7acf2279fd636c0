"""Errors say what, where and what to do, also after a trip between processes."""

import pickle
from pathlib import Path

import pytest

from layoutgen.errors import InvalidFile


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidFile("a.json", "is cut off"), "a.json: is cut off"),
        (InvalidFile(Path("a.json"), "is 3", where="images[0].id"), "a.json, images[0].id: is 3"),
        (InvalidFile("a.json", "is 3", where="line 2", remedy="mend it"), "a.json, line 2: is 3 (mend it)"),
    ],
)
def test_a_file_that_cannot_be_read(error, said):
    assert str(error) == said
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.remedy) == (said, error.remedy)
