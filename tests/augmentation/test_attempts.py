"""Which attempt is kept, what is annotated of it, what its prompt says, and what all came to."""

from __future__ import annotations

import pytest

from layoutgen.augmentation.attempts import Attempt, attempt_from, best, settled
from layoutgen.augmentation.captions import recaptioned, with_captions
from layoutgen.augmentation.rounds import outcome_of, round_of
from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidOption

CAT, DOG = Instance("cat", Box(1, 2, 5, 6)), Instance("dog", Box(7, 8, 20, 30))
LAYOUT = Layout(40, 50, (CAT, DOG, DOG))


def attempt(number: int, round_: int, found: tuple[int, ...], extra: int = 0) -> Attempt:
    return Attempt(number, LAYOUT, f"round_{round_}/{number}.png", round_, 7 + round_, found, extra)


def test_the_attempt_that_misses_fewest_is_kept_and_the_first_of_equal_ones() -> None:
    first, fewer, same, cleaner = (
        attempt(1, 0, (0,), 1), attempt(1, 1, (0, 1), 2), attempt(1, 2, (0, 2), 2), attempt(1, 3, (1, 2), 0)
    )  # fmt: skip
    assert best([first, fewer, same])[1] is fewer
    assert best([first, fewer, same, cleaner])[1] is cleaner
    other = attempt(2, 0, (0, 1, 2))
    assert list(best([other, first])) == [1, 2] and other.complete and first.missing == (1, 2)


def test_what_is_missing_goes_its_image_goes_or_it_stays() -> None:
    part, none, whole = attempt(3, 0, (0, 2)), attempt(4, 0, ()), attempt(5, 0, (0, 1, 2))
    kept = settled(part, "objects")
    assert kept is not None and kept.instances == (CAT, DOG) and kept.id == 3
    assert settled(none, "objects") is None and settled(part, "images") is None
    for missing in ("objects", "images", "keep"):
        assert settled(whole, missing).instances == LAYOUT.instances  # type: ignore[union-attr]
    assert settled(none, "keep").instances == LAYOUT.instances  # type: ignore[union-attr]
    with pytest.raises(InvalidOption, match="objects, images, keep"):
        settled(part, "all")


def test_outcomes_add_up() -> None:
    rounds = [[attempt(1, 0, (0,)), attempt(2, 0, ()), attempt(3, 0, (0, 1, 2))], [attempt(1, 1, (0, 1))]]
    done = [round_of(one) for one in rounds]
    assert [(one.images, one.objects, one.found) for one in done] == [(3, 9, 4), (1, 3, 2)]
    kept = best([*rounds[0], *rounds[1]])
    outcome = outcome_of(done, kept, "objects")
    assert (outcome.images, outcome.objects, outcome.asked, outcome.found) == (2, 5, 9, 5)
    assert (outcome.dropped_images, outcome.dropped_objects, outcome.unfound) == (1, 4, 0)
    stays = outcome_of(done, kept, "keep")
    assert (stays.images, stays.objects, stays.dropped_objects, stays.unfound) == (3, 9, 0, 4)
    assert outcome_of(done, kept, "images").images == 1


def test_an_attempt_is_the_same_after_it_was_written() -> None:
    one = attempt(9, 1, (0, 2), 3)
    assert attempt_from(one.to_json(), LAYOUT, 1) == one


@pytest.mark.parametrize(
    ("caption", "labels", "wanted"),
    [
        ("2 dogs on green ground", ["dog"], "a cat and 2 dogs on green ground"),
        ("a photo of a cat and 3 dogs", ["cat", "dog"], "a photo of a cat and 2 dogs"),
        ("dogs at dusk, blue sky", ["dog"], "a cat and 2 dogs at dusk, blue sky"),
    ],
)
def test_captions_keep_what_is_not_an_object(caption: str, labels: list[str], wanted: str) -> None:
    assert recaptioned(caption, labels, LAYOUT) == wanted


def test_without_captions_that_name_objects_the_model_chooses() -> None:
    silent = [AnnotatedImage(1, "a.png", Layout(9, 9, (DOG,), prompt="dusk"))]
    assert with_captions([LAYOUT], silent, 0)[0].prompt == ""
    telling = [AnnotatedImage(1, "a.png", Layout(9, 9, (DOG,), prompt=f"a dog on {c} ground")) for c in "abc"]
    prompts = {one.prompt for one in with_captions([LAYOUT] * 20, telling, 0)}
    assert prompts == {f"a cat and 2 dogs on {c} ground" for c in "abc"}
