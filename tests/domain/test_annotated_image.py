"""Images and what is in them: what each instance has, and what cannot be."""

import math

import pytest

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Detection, Mask
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidLayout

DOG, CAT, CROWD = (
    Instance("dog", Box(0, 0, 10, 20)),
    Instance("cat", Box(5, 5, 9, 9)),
    Instance("sheep", Box(0, 0, 64, 48)),
)
LAYOUT = Layout(64, 48, (DOG, CAT))


def test_what_is_known_of_each_instance():
    mask = Mask([[0, 0, 10, 0, 10, 20]], 0.5)
    image = AnnotatedImage(7, "a.jpg", LAYOUT, (CROWD,), (mask, None), (100.0, 16.0))
    assert (image.size, image.instances, image.labels) == ((64, 48), (DOG, CAT), ("cat", "dog", "sheep"))
    assert (image.mask_of(0), image.mask_of(1)) == (mask, None)
    assert (image.area_of(0), image.area_of(1)) == (100, 16)


def test_without_masks_and_areas_boxes_are_all_there_is():
    image = AnnotatedImage(7, "a.jpg", LAYOUT)
    assert (image.mask_of(1), image.area_of(0), image.area_of(1)) == (None, 200, 16)


@pytest.mark.parametrize(("masks", "areas", "name"), [((None,), (), "masks"), ((), (1.0, 2.0, 3.0), "areas")])
def test_masks_and_areas_are_one_for_each_instance(masks, areas, name):
    with pytest.raises(InvalidLayout, match=f"{name} must be one for each of 2 instances"):
        AnnotatedImage(7, "a.jpg", LAYOUT, (), masks, areas)


@pytest.mark.parametrize("score", [math.nan, math.inf, "0.5", None, True])
def test_a_score_is_a_finite_number(score):
    with pytest.raises(InvalidLayout, match="score must be a finite number"):
        Detection("dog", DOG.box, score)


def test_labels_of_a_data_set_are_those_of_its_categories():
    assert AnnotatedImages((), {18: "dog", 1: "person", 3: "dog"}).labels == ("dog", "person")
