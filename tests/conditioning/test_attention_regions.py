"""Which latent attends to which token, and where in its box a latent lies."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.testing import assert_close

from layoutgen.conditioning.attention_regions import AttentionRegions


def levels(height: int, width: int) -> list[tuple[int, int]]:
    """Levels that halve their sides, rounding up, down to one cell."""
    sizes = [(height, width)]
    while sizes[-1] != (1, 1):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def regions(*boxes: tuple[float, float, float, float], cells: int = 4) -> AttentionRegions:
    """One token for the prompt, one for each box; boxes are given in cells."""
    return AttentionRegions(
        torch.tensor([boxes]) / cells, torch.tensor([[-1, *range(len(boxes))]]), levels(cells, cells)
    )


def told(where: AttentionRegions, length: int = 16) -> Tensor:
    """What each latent of a level is told (h, w, 3): x, y, and 1 if it lies in a box."""
    embedded = where.with_positions(
        lambda positions, inside: (
            torch.cat([positions, torch.ones_like(positions[..., :1])], -1) * inside[..., None]
        )
    )
    side = int(length**0.5)
    return embedded.positions[length][0].view(side, side, 3)


def ones(positions: Tensor, inside: Tensor) -> Tensor:
    """An embedding that says nothing but that there is one."""
    return torch.ones_like(positions)


def test_without_boxes_every_latent_is_told_that_it_lies_in_none() -> None:
    nothing = AttentionRegions(torch.zeros(1, 0, 4), torch.tensor([[-1]]), levels(4, 4))
    assert (
        nothing.with_positions(lambda positions, inside: inside[..., None].float()).positions[16] == 0
    ).all()


def test_a_latent_is_told_where_in_its_box_it_lies() -> None:
    plan = told(regions((1, 0, 3, 4)))
    assert_close(plan[:, 1, 0], torch.full((4,), 0.25))
    assert_close(plan[:, 2, 0], torch.full((4,), 0.75))
    assert_close(plan[:, 1, 1], torch.tensor([0.125, 0.375, 0.625, 0.875]))
    assert (plan[:, [0, 3]] == 0).all()


def test_a_box_beyond_the_canvas_keeps_its_scale() -> None:
    assert_close(told(regions((-2, 0, 2, 4)))[0, :2, 0], torch.tensor([0.625, 0.875]))


def test_of_two_boxes_in_a_cell_the_one_that_fills_it_counts() -> None:
    coarse = told(regions((0, 0, 1, 4), (1, 0, 4, 4)), 4)  # cells of two: the first holds half of each box
    assert_close(coarse[0, 1, 0], torch.tensor(2 / 3))
    nested = told(regions((0, 0, 4, 4), (1, 1, 2, 2)))
    assert_close(nested[1, 1, :2], torch.tensor([0.5, 0.5]))  # the small one, as in the class map
    assert_close(nested[0, 0, :2], torch.tensor([0.125, 0.125]))


def test_the_order_of_boxes_that_share_a_cell_decides_nothing() -> None:
    one, other = (0.0, 0.0, 2.0, 2.0), (1.0, 1.0, 3.0, 3.0)
    assert_close(told(regions(one, other)), told(regions(other, one)))


def test_a_box_is_not_attended_to_in_the_cell_beside_its_edge() -> None:
    for cells in (3, 7, 24, 49, 64):  # most edges no float holds exactly
        for edge in range(1, cells):
            width = 8 * cells
            boxes = torch.tensor([[[0.0, 0.0, 8 * edge * (1 / width), 1.0]]])
            attended = AttentionRegions(boxes, torch.tensor([[-1, 0]]), levels(1, cells))
            assert attended.cross_attention_bias(cells, torch.float32)[0, 0, :, 1].isfinite().sum() == edge
            where = attended.with_positions(lambda positions, inside: inside[..., None]).positions[cells]
            assert where.sum() == edge


def grid(side: int, cells: int = 32) -> AttentionRegions:
    """Boxes of equal size in `side` rows and columns."""
    edge = cells / side
    corners = [(x * edge, y * edge) for y in range(side) for x in range(side)]
    return regions(*((x, y, x + 0.8 * edge, y + 0.8 * edge) for x, y in corners), cells=cells)


def test_a_block_attends_to_what_its_latents_attend_to() -> None:
    where = grid(16)
    blocks = where.row_blocks(1024, torch.float32)
    assert blocks is not None
    attended = torch.full(
        (16, 64, 257), -torch.inf
    )  # 16 blocks of two rows, as if they were compared with all
    attended.scatter_(2, blocks.tokens[0][:, None].expand(-1, 64, -1), blocks.bias[:, 0])
    assert_close(attended.flatten(0, 1), where.cross_attention_bias(1024, torch.float32)[0, 0])


def test_a_block_attends_to_no_more_of_many_boxes_than_its_rows_hold() -> None:
    few, many = grid(12).row_blocks(1024, torch.float32), grid(24).row_blocks(1024, torch.float32)
    assert few is not None
    assert many is not None
    assert few.tokens.shape[2] <= 32  # 2 rows of boxes at most, and the prompt
    assert many.tokens.shape[2] <= 80  # 3 rows of 24, not 576


def test_no_blocks_where_they_would_attend_to_nearly_all() -> None:
    assert regions((1, 0, 3, 4)).row_blocks(16, torch.float32) is None  # too few latents
    assert regions((0, 0, 32, 32), cells=32).row_blocks(1024, torch.float32) is None  # one box over all


def test_rows_that_do_not_divide_are_one_strip() -> None:
    where = AttentionRegions(grid(16).boxes, grid(16).token_to_instance, levels(31, 32))
    assert where.row_blocks(31 * 32, torch.float32) is None


def test_hidden_rows_are_told_no_position() -> None:
    both = regions((1, 0, 3, 4))[torch.tensor([0, 0])].with_positions(ones)
    hidden = both.drop_layout(torch.tensor([False, True]))
    assert hidden.positions[16][0].any()
    assert not hidden.positions[16][1].any()


def test_boxes_stay_exact_in_half_precision() -> None:
    moved = regions((1, 0, 3, 4)).with_positions(ones).to("cpu", torch.bfloat16)
    assert moved.boxes.dtype == torch.float32
    assert moved.positions[16].dtype == torch.bfloat16
