"""Numbers in prompts: read, and changed where something else is asked for."""

from __future__ import annotations

import pytest

from layoutgen.domain.prompt_counts import counts_in, with_counts


@pytest.mark.parametrize(
    ("prompt", "counts", "expected"),
    [
        ("100 dogs on green ground", {"dog": 30}, "30 dogs on green ground"),
        ("100 dogs on green ground", {"dog": 100}, "100 dogs on green ground"),
        ("5 dogs and 4 cats on sand", {"cat": 1, "dog": 12}, "12 dogs and a cat on sand"),
        ("A dog on a mat", {"dog": 3}, "3 dogs on a mat"),
        ("a brown elephant", {"elephant": 3}, "3 brown elephants"),
        ("three brown elephants", {"elephant": 1}, "a brown elephant"),
        ("1,000 people", {"person": 7}, "7 people"),
        ("two brown dogs and 3 white dogs", {"dog": 9}, "two brown dogs and 3 white dogs"),
        ("dogs on grey ground", {"dog": 9}, "dogs on grey ground"),
        ("5 hot dogs", {"dog": 9}, "9 hot dogs"),
        ("30 dogsleds", {"dog": 9}, "30 dogsleds"),
        ("", {"dog": 9}, ""),
    ],
)
def test_the_number_of_a_prompt_follows(prompt: str, counts: dict[str, int], expected: str) -> None:
    assert with_counts(prompt, counts) == expected


def test_numbers_are_read() -> None:
    prompt = "1,000 people and a teddy bear, two brown mice, cats, a dog and one dog"
    labels = ["person", "teddy bear", "mouse", "cat", "dog"]
    assert counts_in(prompt, labels) == {"person": 1000, "teddy bear": 1, "mouse": 2, "dog": 2}
