"""Whether a denoiser predicts noise or v is seen in what it makes of noise; a file of v2 need not say it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from layoutgen.assets import MODEL
from layoutgen.checkpoints.clip_vocabulary import CLIP_WORDS
from layoutgen.checkpoints.prediction import predicted_by
from layoutgen.model_info import find_model
from layoutgen.pipeline import LayoutPipeline
from tests.original_layout import write_single_file
from tests.real_shapes import real_shaped


class Shown(torch.nn.Module):
    """The model in the package, which has learnt to predict v, as one of the prediction type `kind`."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self, pipeline: LayoutPipeline, kind: str) -> None:
        super().__init__()
        self.unet, self.kind, self.scheduler = pipeline.unet, kind, pipeline.scheduler
        self.maps = pipeline.layout_encoder.config.map_channels
        self.config = SimpleNamespace(in_channels=pipeline.unet.config.out_channels)

    def forward(self, noisy: Tensor, timestep: Tensor, **given: Any) -> tuple[Tensor]:
        plain = torch.cat([noisy, noisy.new_zeros(1, self.maps, *noisy.shape[2:])], dim=1)
        v = self.unet(plain, timestep, **given)[0]
        signal = self.scheduler.alphas_cumprod[timestep]
        return (v if self.kind == "v_prediction" else signal.sqrt() * v + (1 - signal).sqrt() * noisy,)


@pytest.mark.parametrize("kind", ["v_prediction", "epsilon"])
def test_a_trained_model_is_known_by_what_it_makes_of_noise(kind: str) -> None:
    pipeline = LayoutPipeline.from_pretrained(MODEL)
    shown = Shown(pipeline, kind)
    # The last step but a few, where there is as much signal as Stable Diffusion has in its last one.
    signals = pipeline.scheduler.alphas_cumprod
    steps = int((signals > 0.0047).sum())
    assert predicted_by(shown, pipeline.tokenizer, pipeline.text_encoder, steps) == kind


EPSILON, V = {"modelspec.prediction_type": "epsilon"}, {"modelspec.prediction_type": "v"}


@pytest.mark.parametrize(
    ("metadata", "seen", "predicted", "side"),
    [
        ({}, "epsilon", "epsilon", 512),
        ({}, "v_prediction", "v_prediction", 768),
        ({"modelspec.resolution": "640x640"}, "epsilon", "epsilon", 640),
        ({"modelspec.resolution": "0x0"}, "epsilon", "epsilon", 512),
        ({"modelspec.prediction_type": "noise"}, "epsilon", "epsilon", 512),
        (V, None, "v_prediction", 768),
        (EPSILON, None, "epsilon", 512),
        (EPSILON | {"modelspec.resolution": "512x512"}, None, "epsilon", 512),
        (EPSILON | {"modelspec.resolution": "768x768"}, None, "epsilon", 768),
    ],
)
def test_a_file_of_v2_that_says_nothing_is_looked_into(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    metadata: dict[str, str],
    seen: str | None,
    predicted: str,
    side: int,
) -> None:
    asked = []

    def look(*given: Any) -> str | None:
        asked.append(given[-1])
        return seen

    monkeypatch.setattr("layoutgen.checkpoints.single_file.predicted_by", look)
    given = real_shaped("sd2", shallow=True)
    given.text_encoder.resize_token_embeddings(CLIP_WORDS, mean_resizing=False)
    file = write_single_file(given, tmp_path / "v2.safetensors", metadata)
    opened = LayoutPipeline.from_pretrained(file)
    assert (opened.scheduler.config.prediction_type, opened.window) == (predicted, side)
    assert opened.backbone.prediction_type == predicted
    assert asked == ([] if seen is None else [1000])
    said = seen is None or metadata.get("modelspec.resolution") == f"{side}x{side}"
    assert find_model(str(file)).window == (side if said else 768)  # before it is looked into
