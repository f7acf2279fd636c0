"""A few broken inputs of every kind, drawn by hypothesis, which makes a failing one small. See also __main__."""

from __future__ import annotations

import warnings
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.fuzzing import Fuzzer, without_painting
from tests.fuzz.inputs import INPUTS, Input

KINDS = [pytest.param(kind, id=kind.name, marks=[pytest.mark.slow] * kind.heavy) for kind in INPUTS]


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_input_is_read_or_refused_in_one_line(tmp_path: Path, kind: Input) -> None:
    fuzzer = Fuzzer(kind, tmp_path / "fuzz")

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=False))
    def check(random: Random) -> None:
        with warnings.catch_warnings(), without_painting(not kind.heavy):
            warnings.simplefilter("ignore")
            assert fuzzer.run_with(random) is None

    check()
