from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.domain.requests import arrange_request
from layoutgen.errors import DoesNotFit, InvalidFile, InvalidLayout, InvalidOption
from layoutgen.formats.layout_file import layout_to_dict, read_yaml, request_from_dict, write_yaml

HEAD = "canvas: {width: 200, height: 100}\n"


def file(folder: Path, text: str) -> Path:
    path = folder / "layout.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def arranged(path: Path, seed: int = 0, ask: tuple[int, str] | None = None) -> Layout:
    """What the file at `path` asks for, arranged."""
    return arrange_request(read_yaml(path), [ask] if ask else [], seed=seed)


def test_every_field(tmp_path: Path) -> None:
    text = """
# a comment
canvas: {width: 200, height: 100}
prompt: "a yard: two animals"
negative_prompt: people
units: pixels
seed: 3
instances:
  - {label: dog, xyxy: [10, 20.5, 60, 90]}
  - label: cat
    xywh: [100, 10, 30, 40]
"""
    boxes = (Instance("dog", Box(10, 20.5, 60, 90)), Instance("cat", Box(100, 10, 130, 50)))
    assert arranged(file(tmp_path, text)) == Layout(200, 100, boxes, "a yard: two animals", "people")


def test_fractions_of_the_canvas(tmp_path: Path) -> None:
    text = HEAD + (
        "units: fraction\n"
        "instances:\n"
        "- {label: dog, xyxy: [0.1, 0.25, 0.5, 1]}\n"
        "- {label: cat, xywh: [0.75, 0.5, 0.25, 0.5]}\n"
        "- {label: bird, count: 3, size: [0.2, 0.3]}\n"
    )
    dog, cat, *birds = arranged(file(tmp_path, text)).instances
    assert dog.box.xyxy == pytest.approx((20, 25, 100, 100))
    assert cat.box.xyxy == pytest.approx((150, 50, 200, 100))
    assert len(birds) == 3  # 0.2 to 0.3 of the shorter side, 100 pixels
    assert all(20 - 1e-6 <= max(bird.box.width, bird.box.height) <= 30 + 1e-6 for bird in birds)


def test_groups_go_where_the_hand_placed_boxes_leave_room(tmp_path: Path) -> None:
    text = HEAD + (
        "instances:\n"
        "- {label: dog, count: 20, size: [16, 20], arrange: grid}\n"
        "- {label: cat, xyxy: [0, 0, 100, 60]}\n"
        "- {label: bird, count: 4}\n"
    )
    layout = arranged(file(tmp_path, text), seed=5)
    assert [i.label for i in layout.instances] == ["cat"] + ["dog"] * 20 + ["bird"] * 4
    assert all(one.box.intersection(two.box) == 0 for one, two in combinations(layout.instances, 2))
    assert arranged(tmp_path / "layout.yaml", seed=5) == layout != arranged(tmp_path / "layout.yaml", seed=6)


def test_the_seed_of_the_file_counts_more(tmp_path: Path) -> None:
    path = file(tmp_path, HEAD + "seed: 5\ninstances: [{label: dog, count: 3}]")
    assert arranged(path, seed=1) == arranged(path, seed=2)
    path.write_text(path.read_text().replace("seed: 5", "seed: 6"))
    one = arranged(path)
    path.write_text(path.read_text().replace("seed: 6", ""))
    assert arranged(path, seed=6) == one


def test_without_instances_there_is_an_empty_canvas(tmp_path: Path) -> None:
    assert arranged(file(tmp_path, HEAD + "prompt: ''")) == Layout(200, 100)


group = "- {label: dog, count: 8, size: [30, 34], arrange: grid}\n"


@pytest.mark.parametrize("count", [1, 8, 12, 40])
def test_what_is_asked_for_replaces_groups_and_keeps_boxes(tmp_path: Path, count: int) -> None:
    text = HEAD + "instances:\n" + group + "- {label: dogs, xyxy: [5, 5, 40, 30]}\n- {label: cat, count: 2}\n"
    layout = arranged(file(tmp_path, text), ask=(count, "dogs"))
    dogs = [i.box for i in layout.instances if i.label == "dog"]
    assert len(dogs) == count and len(layout.instances) == count + 2
    assert dogs[0] == Box(5, 5, 40, 30)
    assert all(one.box.intersection(two.box) == 0 for one, two in combinations(layout.instances, 2))
    longer = [max(box.width, box.height) for box in dogs[1:]]
    if count < 10:  # at the size of the group; 40 have room only if they are smaller
        assert all(30 - 1e-6 <= side <= 34 + 1e-6 for side in longer)
    if count == 40:
        assert max(longer) < 30


@pytest.mark.parametrize("ask", [None, (5, "dogs")])
def test_a_group_has_boxes_of_its_aspect(tmp_path: Path, ask: tuple[int, str] | None) -> None:
    text = HEAD + "instances: [{label: dog, count: 8, size: [20, 24], aspect: [0.5, 0.6]}]"
    shapes = [i.box.width / i.box.height for i in arranged(file(tmp_path, text), ask=ask).instances]
    assert len(shapes) == (5 if ask else 8) and 0.5 - 1e-6 <= min(shapes) <= max(shapes) <= 0.6 + 1e-6


def test_asking_for_what_the_file_groups_changes_nothing(tmp_path: Path) -> None:
    path = file(tmp_path, HEAD + "instances:\n" + group)
    assert arranged(path, ask=(8, "dogs"), seed=4) == arranged(path, seed=4)


def test_asking_for_too_many_says_so(tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit, match=r"900 x 'dog' at 16 px do not fit the 200 x 100 canvas"):
        arranged(file(tmp_path, HEAD + "instances:\n" + group), ask=(900, "dogs"))


def test_a_group_without_room_names_its_line(tmp_path: Path) -> None:
    path = file(
        tmp_path, HEAD + "instances:\n- {label: cat, count: 1}\n- {label: dog, count: 100, size: [40, 50]}"
    )
    with pytest.raises(DoesNotFit, match=r"layout.yaml, line 4, instances\[1\]: 100 x 'dog' at 40 px"):
        arranged(path)


def test_a_group_that_is_too_small_names_its_line(tmp_path: Path) -> None:
    path = file(tmp_path, HEAD + "instances: [{label: dog, count: 2, size: [5, 9]}]")
    said = r"layout.yaml, line 2, instances\[0\].size: .*below 16 px objects cannot be drawn \(enlarge it\)"
    with pytest.raises(InvalidLayout, match=said):
        arranged(path)


placed = "instances:\n- {label: cat, xyxy: [1, 2, 30, 40]}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "only comments"),
        ("just words", "must hold canvas, .* but is a text"),
        ("- {label: dog}", "must hold canvas, .* but is a list"),
        (HEAD + placed + "- {label: dog, xyxy: [1, 2", r"line \d.*is not YAML.*cut off"),
        (HEAD + 'prompt: "a dog', r"line \d.*is not YAML"),
        (HEAD + "\tprompt: a dog", r"line 2, column 1.*is not YAML.*spaces"),
        (HEAD + "prompt: a: b", "line 2, .*is not YAML"),
        ("canvas: {width: 200}", "line 1, canvas.height: is missing"),
        (placed, "canvas is missing .*write canvas: "),
        (HEAD + "canvas: {width: 5, height: 5}", "line 2, canvas: is there twice"),
        (HEAD + "promt: a dog", r"line 2, promt: unknown field \(did you mean prompt\?\)"),
        (HEAD + "zebra: 1", r"line 2, zebra: unknown field \(known are canvas, "),
        (HEAD + "on: 1", "line 2, on: unknown field"),
        (HEAD + "units: percent", 'line 2, units: must be pixels or fraction, not "percent"'),
        (HEAD + "seed: -1", "line 2, seed: must be 0 or more"),
        (HEAD + "prompt: 2026", "line 2, prompt: must be a text.*put it in quotes"),
        (HEAD + "seed: " + "9" * 5000, "line 2, seed: cannot be read.*put it in quotes"),
        (HEAD + "prompt:", "line 2, prompt: must be a text, but is nothing"),
        (HEAD + "instances: 3", "line 2, instances: must be a list"),
        (HEAD + "instances:\n- dog", r"line 3, instances\[0\]: must hold label, .*but is a text"),
        (HEAD + placed + "- {xyxy: [1, 2, 3, 4]}", r"line 4, instances\[1\].label: is missing"),
        (HEAD + placed + "- {label: true, xyxy: [1, 2, 3, 4]}", r"line 4, instances.*label: .*true/false"),
        (HEAD + placed + "- {label: dog, xyxy: [1:10, 2, 90, 40]}", r"line 4, .*xyxy: must be 4 .*1:10"),
        ("canvas: {width: 1:10, height: 100}", 'line 1, canvas.width: must be a whole number, not "1:10"'),
        (HEAD + "seed: 1:10", "line 2, seed: must be a whole number"),
        (
            HEAD + placed + "- {label: 7, xyxy: [1, 2, 3, 4]}",
            r"line 4, instances\[1\].label: .*put it in quotes",
        ),
        (HEAD + placed + "- {label: ' ', xyxy: [1, 2, 3, 4]}", r"line 4, instances\[1\].label: is empty"),
        (HEAD + placed + "- {label: dog}", r"line 4, instances\[1\]: has no box and no count"),
        (HEAD + placed + "- {label: dog, xyxy: [1, 2, 3, 4], xywh: [1, 2, 3, 4]}", "has both xyxy and xywh"),
        (HEAD + placed + "- {label: dog, xyxy: [1, 2, 3, 4], count: 5}", "has a box and a count"),
        (
            HEAD + placed + "- {label: dog, xyxy: [1, 2, 3, 4], size: [5, 6]}",
            "arrange are for groups",
        ),
        (HEAD + placed + "- {label: dog, box: [1, 2, 3, 4]}", r"instances\[1\].box: unknown field"),
        (HEAD + placed + "- label: dog\n  xyxy: [1, 2, 3]", r"line 5, instances\[1\].xyxy: must be 4 finite"),
        (HEAD + placed + "- {label: dog, xyxy: [1, 2, .nan, 4]}", r"instances\[1\].xyxy: must be 4 .*NaN"),
        (HEAD + placed + "- {label: dog, xyxy: [1, 2, .inf, 4]}", r"instances\[1\].xyxy: must be 4"),
        (HEAD + placed + "- {label: dog, xyxy: [1, 2, '3', 4]}", r"instances\[1\].xyxy: must be 4"),
        (HEAD + placed + "- {label: dog, xyxy: [30, 2, 3, 4]}", r"line 4, instances\[1\].xyxy: .*inverted"),
        (HEAD + placed + "- {label: dog, xywh: [30, 2, 0, 4]}", r"line 4, instances\[1\].xywh: .*empty"),
        (HEAD + placed + "- {label: dog, xyxy: [150, 2, 202, 9]}", r"line 4, .*outside the 200 x 100 canvas"),
        (
            HEAD + placed + "- {label: dog, xyxy: [0.1, 0.2, 0.3, 0.4]}",
            "smaller than a pixel.*units: fraction",
        ),
        (HEAD + "units: fraction\n" + placed, r"line 4, .*outside .*units is fraction"),
        (HEAD + "instances: [{label: dog, count: 0}]", r"line 2, instances\[0\].count: must be 1 or more"),
        (HEAD + "instances: [{label: dog, count: many}]", r"instances\[0\].count: must be a whole number"),
        (HEAD + "instances: [{label: dog, count: 2, size: 5}]", r"instances\[0\].size: must be 2 finite"),
        (
            HEAD + "instances: [{label: dog, count: 2, size: [9, 5]}]",
            r"instances\[0\].size: .*smaller number first",
        ),
        (
            HEAD + "instances: [{label: dog, count: 2, aspect: [2, 1]}]",
            r"instances\[0\].aspect: must be above 0",
        ),
        (
            HEAD + placed + "- {label: dog, xyxy: [1, 2, 3, 4], aspect: [1, 1]}",
            "aspect and arrange are for groups",
        ),
        (HEAD + "instances: [{label: dog, count: 2, arrange: row}]", "must be scatter or grid"),
        (HEAD + "instances: &a [{label: dog, count: 2}]\nprompt: *a", "line 2, prompt: refers to another"),
        (HEAD + "instances: &a [*a]", "refers to another part"),
        (HEAD + "prompt: !!python/object:os.system x", "is not YAML"),
        (HEAD + "[1, 2]: 3", "is not YAML|one word"),
        (HEAD + "---\n" + HEAD, "is not YAML"),
        (HEAD + "prompt: a\x07b", "is not YAML"),
        ("[" * 5000, "is not YAML|nested"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = file(tmp_path, text)
    with pytest.raises(InvalidFile, match=said) as caught:
        arranged(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
    assert caught.value.remedy


@given(st.integers(0, 400))
def test_a_file_cut_off_anywhere_gives_a_layout_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, end: int
) -> None:
    whole = HEAD + "prompt: 'a yard'\n" + placed + group
    path = file(tmp_path_factory.mktemp("cut"), whole[:end])
    try:
        assert arranged(path).width <= 200
    except InvalidFile as error:
        assert str(path) in str(error) and "\n" not in str(error)


def test_values_without_a_file_name_their_place() -> None:
    with pytest.raises(InvalidFile, match=r"^api, instances\[0\].xyxy: must be 4"):
        request_from_dict(
            {"canvas": {"width": 9, "height": 9}, "instances": [{"label": "a", "xyxy": 3}]}, path="api"
        )


coordinates, spans = st.floats(0, 400), st.floats(0.001, 100)
labels = st.text(min_size=1).filter(str.strip)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    corners = draw(st.lists(st.tuples(labels, coordinates, coordinates, spans, spans), max_size=5))
    instances = [Instance(label, Box(x, y, x + w + 1, y + h + 1)) for label, x, y, w, h in corners]
    return Layout(512, 768, tuple(instances), draw(st.text()), draw(st.text()))


@given(layouts())
@example(Layout(8, 8, prompt="a\x85b \u2028 c\nd", negative_prompt="\ufeff\t'\""))
def test_write_then_read_gives_an_equal_layout(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout
) -> None:
    path = tmp_path_factory.mktemp("yaml") / "deep" / "layout.yaml"
    write_yaml(path, layout)
    assert arranged(path) == layout
    assert request_from_dict(layout_to_dict(layout)).layout == layout
    assert [p.name for p in path.parent.iterdir()] == ["layout.yaml"]


def test_what_is_written_can_be_edited_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "layout.yaml"
    write_yaml(path, Layout(64, 48, (Instance("dog", Box(1, 2, 30.5, 40)),), prompt="a dog"))
    assert path.read_text() == (
        "canvas: {width: 64, height: 48}\nprompt: a dog\ninstances:\n- label: dog\n  xyxy: [1, 2, 30.5, 40]\n"
    )
    assert yaml.safe_load(path.read_text())["instances"][0]["label"] == "dog"


def test_an_impossible_request_is_an_option_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="1 or more"):
        arranged(file(tmp_path, HEAD), ask=(0, "dogs"))
