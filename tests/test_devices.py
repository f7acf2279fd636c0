"""Which device is chosen, with and without CUDA."""

import pytest

from layoutgen.devices import resolve_device
from layoutgen.errors import InvalidOption


@pytest.mark.parametrize(("there", "chosen"), [(True, "cuda"), (False, "cpu")])
def test_cuda_if_there_is_one(monkeypatch, there, chosen):
    monkeypatch.setattr("torch.cuda.is_available", lambda: there)
    assert resolve_device() == chosen
    assert resolve_device("cpu") == "cpu"


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InvalidOption, match="`device` cuda:1: this machine has no CUDA device"):
        resolve_device("cuda:1")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert resolve_device("cuda:1") == "cuda:1"
