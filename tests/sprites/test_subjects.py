"""Which objects are painted alone."""

from __future__ import annotations

from layoutgen import Box, Instance, Layout
from layoutgen.sprites.subjects import Subject, by_aspect, canvas_for, subjects_for


def crowd(dogs: int, cats: int, width: float = 12.0, height: float = 24.0) -> Layout:
    boxes = [Box(0, 0, width, height)] * (dogs + cats)
    return Layout(512, 512, tuple(Instance("dog" if k < dogs else "cat", b) for k, b in enumerate(boxes)))


def test_variety_is_shared_among_the_labels() -> None:
    found = subjects_for(crowd(90, 10), 20, (64, 128), 8)
    assert [one.label for one in found] == ["cat"] * 2 + ["dog"] * 18
    assert len(subjects_for(crowd(1000, 0), 48, (64, 128), 8)) == 48
    assert [one.label for one in subjects_for(crowd(99, 1), 20, (64, 128), 8)].count("cat") == 1
    assert len(subjects_for(crowd(3, 2), 48, (64, 128), 8)) == 5  # never more than there are boxes


def test_objects_are_as_large_as_is_drawn_at_once_and_on_the_grid() -> None:
    assert set(subjects_for(crowd(4, 0), 4, (64, 128), 8)) == {Subject("dog", 32, 64)}
    assert set(subjects_for(crowd(4, 0, 60, 100), 4, (64, 128), 8)) == {Subject("dog", 64, 96)}
    assert set(subjects_for(crowd(4, 0, 300, 150), 4, (64, 128), 8)) == {Subject("dog", 128, 64)}


def test_objects_have_the_aspects_of_the_boxes() -> None:
    boxes = [Box(0, 0, 10 + number, 20) for number in range(11)]
    layout = Layout(64, 64, tuple(Instance("dog", box) for box in boxes))
    found = subjects_for(layout, 3, (80, 80), 8)
    assert [one.width / one.height for one in found] == [0.6, 0.8, 1.0]


def test_an_object_stands_in_the_middle_of_ground() -> None:
    subject = Subject("dog", 40, 64)
    width, height = canvas_for([subject, Subject("dog", 64, 64)], 16)
    assert (width, height) == (112, 112)
    layout = subject.alone(width, height, 8, "a dog", "blurry")
    assert layout.instances == (Instance("dog", Box(32, 24, 72, 88)),)
    assert (layout.prompt, layout.negative_prompt) == ("a dog", "blurry")


def test_buckets_hold_what_is_of_one_shape() -> None:
    wide, tall, square = Subject("dog", 64, 32), Subject("dog", 32, 64), Subject("cat", 64, 56)
    assert by_aspect([wide, tall, square, tall]) == [[tall, tall], [square], [wide]]
