from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from layoutgen.data.box_masks import (
    SHEET_LIMIT,
    BoxMask,
    BoxMasker,
    GrabCut,
    MasksSheet,
    add_masks,
    agreement,
    cutout,
    fill,
    load_masker,
)
from layoutgen.domain.annotated_image import AnnotatedImage, Mask
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidOption
from layoutgen.formats.masks import decode_segmentation

SIZE = (120, 90)
DOG, CAT = Box(20, 15, 60, 55), Box(70, 40, 110, 80)


@pytest.fixture
def photo() -> Image.Image:
    """Two dark discs on a light ground with some noise; each fills its box."""
    drawn = Image.new("RGB", SIZE, (200, 210, 190))
    for box, colour in ((DOG, (90, 50, 20)), (CAT, (40, 40, 120))):
        ImageDraw.Draw(drawn).ellipse((box.x0, box.y0, box.x1 - 1, box.y1 - 1), fill=colour)
    noise = np.random.default_rng(0).normal(0, 6, (SIZE[1], SIZE[0], 3))
    return Image.fromarray((np.asarray(drawn) + noise).clip(0, 255).astype(np.uint8))


def disc(box: Box) -> np.ndarray:
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return ((x - middle[0]) / (box.width / 2)) ** 2 + ((y - middle[1]) / (box.height / 2)) ** 2 <= 1


def test_grabcut_finds_what_is_in_the_boxes(photo: Image.Image) -> None:
    pytest.importorskip("cv2", reason="the extra 'masks' is not installed")
    found = GrabCut().masks(photo, [DOG, CAT])
    for one, box in zip(found, (DOG, CAT), strict=True):
        assert one.pixels.shape == (90, 120)
        assert agreement(one.pixels, disc(box)) > 0.93
        assert 0.8 < one.score <= 1
    again = GrabCut().masks(photo, [CAT])
    np.testing.assert_array_equal(again[0].pixels, found[1].pixels)


def test_grabcut_scores_a_box_around_nothing_low(photo: Image.Image) -> None:
    pytest.importorskip("cv2", reason="the extra 'masks' is not installed")
    good, bad = GrabCut().masks(photo, [DOG, Box(70, 2, 115, 30)])
    assert bad.score < 0.5 < good.score


@pytest.mark.parametrize(
    "box", [Box(0, 0, 120, 90), Box(3, 3, 5, 5), Box(0, 0, 1.2, 1.2), Box(119, 89, 120, 90)]
)
def test_grabcut_survives_boxes_without_room(photo: Image.Image, box: Box) -> None:
    pytest.importorskip("cv2", reason="the extra 'masks' is not installed")
    (one,) = GrabCut().masks(photo, [box])
    assert one.pixels.shape == (90, 120) and 0 <= one.score <= 1
    assert not one.pixels[int(box.y1) + 1 :].any() and not one.pixels[:, int(box.x1) + 1 :].any()


def test_grabcut_survives_one_colour() -> None:
    pytest.importorskip("cv2", reason="the extra 'masks' is not installed")
    (one,) = GrabCut().masks(Image.new("RGB", SIZE, "grey"), [DOG])
    assert 0 <= one.score <= 1


class Whole(BoxMasker):
    """Takes the whole box, with a score of 0.25."""

    def masks(self, photo, boxes):
        found = []
        for box in boxes:
            pixels = np.zeros(photo.size[::-1], bool)
            pixels[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
            found.append(BoxMask(pixels, 0.25))
        return found


def test_only_what_has_no_mask_gets_one(photo: Image.Image) -> None:
    own = Mask([[70, 40, 110, 40, 110, 80]], 0.9)
    outside = Instance("cat", Box(200, 200, 210, 210))
    instances = (Instance("dog", DOG), Instance("cat", CAT), outside)
    image = AnnotatedImage(1, "a.png", Layout(*SIZE, instances), masks=(None, own, None))
    dog, cat, nothing = add_masks(image, photo, Whole()).masks
    assert cat is own and nothing is None and dog is not None and dog.score == 0.25
    expected = np.zeros((90, 120), bool)
    expected[15:55, 20:60] = True
    np.testing.assert_array_equal(decode_segmentation(dog.segmentation, 90, 120), expected)


def test_the_score_is_of_agreement_and_of_the_box() -> None:
    mask = np.zeros((90, 120), bool)
    mask[15:55, 20:60] = True
    assert fill(mask, DOG) == 1 and fill(mask, DOG.shift(20, 0)) == pytest.approx(1 / 3)
    assert fill(np.zeros((9, 9), bool), DOG) == 0 == agreement(mask, np.zeros_like(mask))
    assert agreement(mask, mask) == 1


def test_the_sheet_shows_cutouts_from_the_worst_to_the_best(photo: Image.Image) -> None:
    image = AnnotatedImage(1, "a.png", Layout(*SIZE, (Instance("dog", DOG),)))
    assert cutout(photo, image, 0) is None
    part, caption = cutout(photo, add_masks(image, photo, Whole()), 0)
    assert (part.size, caption) == ((41, 41), "0.25 dog")
    np.testing.assert_array_equal(np.asarray(part)[:40, :40], np.asarray(photo)[15:55, 20:60])


def test_the_sheet_is_ordered_by_score_and_bounded(photo: Image.Image) -> None:
    def image(number: int, score: float) -> AnnotatedImage:
        mask = Mask([[20, 15, 60, 15, 60, 55, 20, 55]], score)
        return AnnotatedImage(number, "a.png", Layout(*SIZE, (Instance("dog", DOG),)), masks=(mask,))

    sheet = MasksSheet()
    assert sheet.page() is None
    for score, colour in ((0.9, "white"), (0.1, "black")):
        sheet.add(image(1, score), Image.new("RGB", SIZE, colour))
    page = np.asarray(sheet.page())
    assert page[70, 70].max() < 60 and page[70, 210].min() > 200
    for number in range(SHEET_LIMIT * 3):
        sheet.add(image(number, 0.5), photo)
    assert sheet.page().size == (8 + 10 * 136, sheet.page().height)


def tiny_sam(folder: Path) -> Path:
    """A SAM checkpoint of a few thousand weights, at random."""
    from transformers import SamConfig, SamModel, SamProcessor
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    vision = {"hidden_size": 8, "output_channels": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 64, "patch_size": 16, "window_size": 2, "global_attn_indexes": [0]}
    vision |= {"num_pos_feats": 4, "mlp_dim": 16}
    prompt = {"hidden_size": 8, "image_size": 64, "patch_size": 16, "mask_input_channels": 4}
    decoder = {"hidden_size": 8, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    decoder |= {"iou_head_hidden_dim": 8, "iou_head_depth": 2}
    config = SamConfig(
        vision_config=vision,
        prompt_encoder_config=prompt | {"image_embedding_size": 4},
        mask_decoder_config=decoder,
    )
    SamModel(config).save_pretrained(folder)
    sides = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    sides |= {"mask_size": {"longest_edge": 16}, "mask_pad_size": {"height": 16, "width": 16}}
    SamProcessor(SamImageProcessorPil(**sides)).save_pretrained(folder)
    return folder


def tiny_sam2(folder: Path) -> Path:
    """A SAM 2 checkpoint of a few thousand weights, at random."""
    pytest.importorskip("torchvision", reason="SAM 2's processor needs torchvision", exc_type=ImportError)
    from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model, Sam2Processor

    backbone = {"hidden_size": 8, "image_size": [64, 64], "num_query_pool_stages": 3}
    backbone |= {"blocks_per_stage": [1, 1, 2, 1], "embed_dim_per_stage": [8, 16, 32, 64]}
    backbone |= {"num_attention_heads_per_stage": [1, 1, 1, 1], "window_size_per_stage": [2, 2, 2, 2]}
    backbone |= {"global_attention_blocks": [3], "model_type": "sam2_hiera_det_model"}
    backbone |= {"window_positional_embedding_background_size": [2, 2]}
    vision = {"backbone_config": backbone, "backbone_channel_list": [64, 32, 16, 8], "fpn_hidden_size": 32}
    vision |= {"backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]]}
    prompt = {"hidden_size": 32, "image_size": 64, "patch_size": 16, "mask_input_channels": 4}
    decoder = {"hidden_size": 32, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    decoder |= {"iou_head_hidden_dim": 8, "iou_head_depth": 2}
    config = Sam2Config(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
    Sam2Model(config).save_pretrained(folder)
    sides = {"size": {"height": 64, "width": 64}, "mask_size": {"height": 16, "width": 16}}
    Sam2Processor(Sam2ImageProcessor(**sides)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("make", [tiny_sam, tiny_sam2])
@pytest.mark.filterwarnings("ignore")
def test_any_sam_checkpoint_makes_masks(tmp_path: Path, photo: Image.Image, make) -> None:
    masker = load_masker(str(make(tmp_path / "sam")))
    boxes = [DOG, CAT, Box(0, 0, 30, 30)]
    found = masker.masks(photo, boxes)
    assert [one.pixels.shape for one in found] == [(90, 120)] * 3
    assert all(one.pixels.dtype == bool and 0 <= one.score <= 1 for one in found)
    alone = [masker.masks(photo, [box])[0] for box in boxes]
    for one, other in zip(found, alone, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert (one.pixels != other.pixels).mean() < 0.01


def test_what_is_no_sam_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InvalidOption, match=r"no SAM or SAM 2 checkpoint.*grabcut"):
        load_masker(str(tmp_path))
