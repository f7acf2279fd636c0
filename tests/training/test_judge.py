"""The judge of a distillation: what it is told, what it sees, how it learns; at toy size."""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch

from layoutgen import Box, Instance, Layout
from layoutgen.training.adversarial import border_excess
from layoutgen.training.box_crops import choose_crops, cut, fill_up
from layoutgen.training.judge import Judge, Told, judge_loss
from layoutgen.training.judge_learner import JudgeLearner


def layouts() -> list[Layout]:
    dog, cat = Instance("dog", Box(8, 8, 40, 24)), Instance("cat", Box(30, 4, 44, 40))
    return [Layout(48, 48, (dog,), "1 dog"), Layout(48, 48, (cat, dog), "2 animals")]


def embed(texts: list[str]) -> torch.Tensor:
    return torch.stack([torch.full((6,), sum(map(ord, text)) / 100) for text in texts])


def test_the_judge_is_told_prompt_layout_and_label() -> None:
    torch.manual_seed(0)
    judge = Judge((5, 7), 6)
    features = [torch.randn(2, 5, 12, 12), torch.randn(2, 7, 6, 6)]
    judge.measure(features)
    judge.eval()  # spectral norms stand still
    with torch.no_grad():
        told = judge.of_scenes(features, Told.of(layouts(), embed))
        assert [tuple(one.shape) for one in told] == [(2, 1, 12, 12), (2, 1, 6, 6)]
        other = Told.of([layouts()[0], Layout(48, 48, layouts()[1].instances[:1], "2 animals")], embed)
        moved = judge.of_scenes(features, other)[0]
        torch.testing.assert_close(moved[0], told[0][0])  # only the second layout is another one
        assert not torch.allclose(moved[1], told[0][1])
        labels = [judge.of_boxes(features, names, other)[0] for names in (["cat", "dog"], ["dog", "dog"])]
        assert not torch.allclose(labels[0][0], labels[1][0])


def test_a_box_is_told_wrongly_by_labels_that_are_asked_for() -> None:
    told = Told.of(layouts(), embed)
    assert told.other_labels(["dog", "cat", "dog"]) == ["cat", "dog", "cat"]
    assert Told.of(layouts()[:1], embed).other_labels(["dog"]) == []  # nothing else is asked for


def test_a_judge_learns_what_is_painted() -> None:
    torch.manual_seed(0)
    judge, told = Judge((5,), 6), Told.of(layouts(), embed)
    optimizer = torch.optim.Adam(judge.parameters(), 3e-3)
    for _ in range(120):
        real, painted = [torch.randn(2, 5, 6, 6) + 1], [torch.randn(2, 5, 6, 6) - 1]
        judge.measure(real)
        loss = judge_loss(judge.of_scenes(real, told), judge.of_scenes(painted, told))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.6  # 2 if it knew nothing


class Together:
    """What a judge's learner asks of an accelerator, for two processes played by threads."""

    num_processes = 2

    def __init__(self) -> None:
        self._barrier, self._given = threading.Barrier(2, timeout=60), list[torch.Tensor]()

    def reduce(self, values: torch.Tensor, *, reduction: str) -> torch.Tensor:
        assert reduction == "mean"
        self._given.append(values.clone())
        self._barrier.wait()
        mean = torch.stack(self._given).mean(0)
        if self._barrier.wait() == 0:
            self._given.clear()
        self._barrier.wait()
        return mean


def test_processes_share_one_judge() -> None:
    """Each sees other pictures, one of them no box; all learn what one that sees everything learns."""
    torch.manual_seed(0)
    judge, told = Judge((5,), 6).eval(), Told.of(layouts(), embed)  # spectral norms stand still
    halves = [(torch.randn(2, 5, 6, 6) + 1, torch.randn(2, 5, 6, 6) - 1) for _ in range(2)]
    boxes = torch.randn(3, 5, 4, 4)

    def loss_of(judge: Judge, half: tuple[torch.Tensor, torch.Tensor], *, boxed: bool) -> torch.Tensor:
        loss = judge_loss(*(judge.of_scenes([one], told) for one in half))
        seen = (judge.of_boxes([one], ["dog"] * 3, told) for one in (boxes, -boxes))
        return loss + judge_loss(*seen) if boxed else loss

    def learn(learner: JudgeLearner, process: int) -> None:
        learner.measure([halves[process][0]])
        for _ in range(3):
            learner.begin()
            loss_of(learner.judge, halves[process], boxed=process == 1).backward()
            learner.step()

    accelerator = Together()
    learners = [JudgeLearner(copy.deepcopy(judge), 1e-2, accelerator) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(learn, learners, range(2)))
    alone = JudgeLearner(copy.deepcopy(judge), 1e-2, SimpleNamespace(num_processes=1))
    alone.judge.spread.copy_(torch.stack([half[0].std() for half in halves]).mean(0, keepdim=True))
    for _ in range(3):
        alone.begin()
        for process, half in enumerate(halves):
            (loss_of(alone.judge, half, boxed=process == 1) / 2).backward()
        alone.step()
    first, second, expected = ({**one.judge.state_dict()} for one in (*learners, alone))
    assert not torch.equal(
        first["boxes.0.last.parametrizations.weight.original"],
        judge.state_dict()["boxes.0.last.parametrizations.weight.original"],
    )
    for name, value in expected.items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value, msg=name)


def test_a_judge_sees_that_all_pictures_are_one() -> None:
    """What no single picture shows: the first is the same in both batches."""
    torch.manual_seed(0)
    judge, told = Judge((5,), 6).eval(), Told.of(layouts(), embed)
    one, other = torch.randn(2, 5, 6, 6).split(1)
    judge.measure([one])
    alike, different = [torch.cat([one, one])], [torch.cat([one, other])]
    with torch.no_grad():
        for see in (judge.of_scenes, lambda seen, told: judge.of_boxes(seen, ["dog", "dog"], told)):
            assert not torch.allclose(see(alike, told)[0][0], see(different, told)[0][0], atol=1e-3)
    # That both dogs are one shows beside a cat that is another.
    boxes = {"alike": torch.cat([one, one, other]), "different": torch.cat([one, -one, other])}
    with torch.no_grad():
        dogs, other_dogs = (judge.of_boxes([seen], ["dog", "dog", "cat"], told)[0] for seen in boxes.values())
    assert not torch.allclose(dogs[0], other_dogs[0], atol=1e-3)
    torch.testing.assert_close(dogs[2], other_dogs[2])  # the one cat is as varied as it was
    one.requires_grad_(True)
    judge.of_boxes([one], ["dog"], told)[0].sum().backward()
    assert one.grad is not None and one.grad.isfinite().all()  # a batch of one differs by nothing


def test_a_judge_is_told_where_in_the_smallest_box_a_place_lies() -> None:
    torch.manual_seed(0)
    judge, told = Judge((5,), 6), Told.of(layouts(), embed)
    with torch.no_grad():
        maps = judge._maps(told, 12, 12)  # cells of 4 px
        label, prompt = (judge.label(told.vectors[told.rows_of(["dog"])])[0], judge.prompt(told.prompts)[1])
    inside, place = maps[1, 16:19], maps[1, :16]
    torch.testing.assert_close(inside[:, 4, 2], torch.tensor([1.0, -0.875, 0.25]))  # (10, 18) in the dog's
    assert not maps[1, :19, 11, 0].any()  # the ground
    torch.testing.assert_close(place[:, 4, 2], label)
    torch.testing.assert_close(maps[1, 19:, 11, 0], prompt)
    # At (34, 18) are both; the cat is a little smaller, though the layout names it first.
    assert not torch.allclose(place[:, 4, 8], label, atol=1e-3)
    torch.testing.assert_close(inside[1:, 4, 8], torch.tensor([8 / 14 - 1, 28 / 36 - 1]))
    torch.testing.assert_close(judge._maps(told.rolled(), 12, 12)[0], maps[1])


def test_steps_at_borders_of_cells_are_seen() -> None:
    ramp = torch.arange(32.0).expand(1, 3, 32, 32) / 100
    assert border_excess(ramp + ramp.mT, 8) == pytest.approx(0, abs=1e-5)
    steps = ramp + ramp.mT + 0.02 * (torch.arange(32) // 8)
    # Across, each of three borders steps by 0.03 instead of 0.01; down, there is none.
    assert border_excess(steps, 8) == pytest.approx((0.03 / 0.01 - 1) / 2, abs=1e-4)


def test_crops_show_their_box() -> None:
    images = torch.full((2, 3, 48, 48), -1.0)
    images[0, :, 8:24, 8:40] = 1.0
    chosen = choose_crops(layouts(), [torch.Generator().manual_seed(seed) for seed in (0, 1)])
    assert sorted((crop.row, crop.label) for crop in chosen) == [(0, "dog"), (1, "cat"), (1, "dog")]
    (crop,) = (one for one in chosen if one.row == 0)
    (shown,) = cut(images, [crop])
    share = (shown[0] > 0).float().mean()
    assert share == pytest.approx(32 * 16 / crop.side**2, rel=0.05)


def test_crops_are_filled_up_with_themselves() -> None:
    chosen = choose_crops(layouts(), [torch.Generator().manual_seed(seed) for seed in (0, 1)])
    assert fill_up(chosen, 8) == [*chosen, *chosen, *chosen[:2]]
    assert fill_up(chosen, 3) == chosen and fill_up([], 8) == []
