"""The prompt without counts, and with one object."""

from __future__ import annotations

import pytest

from layoutgen.domain.prompts import background_prompt, object_prompt


@pytest.mark.parametrize(
    ("prompt", "background"),
    [
        ("100 dogs on green ground", "green ground"),
        ("a dog and 3 cats on sandy ground", "sandy ground"),
        ("12 dogs, a cat, and two birds in a park", "a park"),
        ("a photo of 100 dogs", "a photo"),
        ("a photo of many dogs in a park", "a photo of a park"),
        ("in a park, 20 dogs", "a park"),
        ("a meadow at sunset", "a meadow at sunset"),
        ("100 dogs", ""),
        ("a catalogue of dogmas", "a catalogue of dogmas"),
    ],
)
def test_the_background_is_told_everything_but_the_objects(prompt: str, background: str) -> None:
    assert background_prompt(prompt, ("bird", "cat", "dog")) == background


def test_without_labels_a_prompt_stays_as_it_is() -> None:
    assert background_prompt("100 dogs", ()) == "100 dogs"


@pytest.mark.parametrize(
    ("prompt", "label", "alone"),
    [
        ("100 dogs on green ground", "dog", "a dog on green ground"),
        ("a dog and 3 cats on sandy ground", "cat", "a cat on sandy ground"),
        ("a photo of 100 dogs", "dog", "a photo of a dog"),
        ("a meadow at sunset", "dog", "a dog, a meadow at sunset"),
        ("", "airplane", "an airplane"),
    ],
)
def test_an_object_is_painted_as_the_only_one(prompt: str, label: str, alone: str) -> None:
    assert object_prompt(prompt, ("airplane", "cat", "dog"), label) == alone
