"""Tiny real detectors with random weights, as folders that look like checkpoints of the hub."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertTokenizerFast,
    ConditionalDetrConfig,
    ConditionalDetrForObjectDetection,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    Owlv2Config,
    Owlv2ForObjectDetection,
    ResNetConfig,
    SwinConfig,
    YolosConfig,
    YolosForObjectDetection,
)

from tests.toy import toy_tokenizer

NAMES = {0: "N/A", 1: "Dog", 2: "teddy bear"}
_LABELS = {"id2label": NAMES, "label2id": {name: number for number, name in NAMES.items()}}
_SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
_DETR = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "use_timm_backbone": False,
}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "dog", "cat", "teddy", "bear", "?"]


def _processor(folder: Path, name: str, **options: object) -> None:
    content = {"image_processor_type": f"{name}ImageProcessor", **options}
    (folder / "preprocessor_config.json").write_text(json.dumps(content))


def yolos(folder: Path, queries: int = 10) -> Path:
    """Answers `queries` boxes."""
    torch.manual_seed(0)
    config = YolosConfig(
        image_size=[64, 64], patch_size=16, num_detection_tokens=queries, use_mid_position_embeddings=False,
        **_SMALL, **_LABELS,
    )  # fmt: skip
    YolosForObjectDetection(config).save_pretrained(folder)
    _processor(folder, "Yolos", size={"shortest_edge": 64, "longest_edge": 64})
    return folder


def conditional_detr(folder: Path, queries: int = 150) -> Path:
    """Its post-processing keeps 100 boxes unless asked for more."""
    torch.manual_seed(0)
    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic", out_features=["stage2"]
    )
    config = ConditionalDetrConfig(backbone_config=backbone, num_queries=queries, **_DETR, **_LABELS)
    ConditionalDetrForObjectDetection(config).save_pretrained(folder)
    _processor(folder, "ConditionalDetr", size={"shortest_edge": 64, "longest_edge": 96})
    return folder


def owlv2(folder: Path) -> Path:
    """Looks for any words, letter by letter."""
    torch.manual_seed(0)
    tokenizer = toy_tokenizer(folder / "toy")
    tokenizer.model_max_length = 24
    text = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 24,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = Owlv2Config(
        text_config=_SMALL | text,
        vision_config=_SMALL | {"image_size": 64, "patch_size": 16},
        projection_dim=16,
    )
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _processor(folder, "Owlv2", processor_class="Owlv2Processor", size={"height": 64, "width": 64})
    return folder


def grounding_dino(folder: Path, longest: int = 16) -> Path:
    """Reads sentences of up to `longest` tokens, of the words in `WORDS`."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    backbone = SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1, 1],
        num_heads=[1, 1],
        window_size=2,
        out_features=["stage1", "stage2"],
    )
    config = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=BertConfig(vocab_size=len(WORDS), **_SMALL).to_dict(),
        num_queries=30,
        num_feature_levels=2,
        max_text_len=longest,
        **_DETR,
    )
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = {"shortest_edge": 64, "longest_edge": 96}
    _processor(folder, "GroundingDino", processor_class="GroundingDinoProcessor", size=size)
    return folder
