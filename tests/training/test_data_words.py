"""What a run's captions teach is known afterwards: the model says so itself."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from layoutgen.data.dataset import open_dataset
from layoutgen.denoising.settings import SampleSettings
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.model_info import find_model
from layoutgen.preflight.concerns import concerns
from layoutgen.training.config import ScratchConfig
from layoutgen.training.data_words import words_of_data
from layoutgen.training.extend_inputs import extend_inputs
from layoutgen.training.scratch import build_model
from tests.training.conftest import draw_scenes, endless_scenes


def source(caption: str) -> SimpleNamespace:
    return SimpleNamespace(layout=Layout(8, 8, prompt=caption))


def test_words_that_are_rare_are_not_taught() -> None:
    sources = [*(source("A ship, at dusk") for _ in range(1001)), source("a ship with lanterns")]
    dataset = SimpleNamespace(sources=sources, labels=("ship", "row boat"))
    assert words_of_data(dataset) == {"ship", "at", "dusk", "row", "boat"}  # type: ignore[arg-type]
    dataset.sources = sources[-2:]
    assert {"with", "lanterns"} < words_of_data(dataset)  # type: ignore[arg-type]


def test_endless_scenes_teach_the_words_of_their_captions(tmp_path: Path) -> None:
    words = words_of_data(open_dataset(endless_scenes(tmp_path), resolution=32, seed=0))
    assert {"dog", "dogs", "grey", "ground", "on"} >= words > {"dog", "grey", "ground"}


def test_a_trained_model_says_which_words_it_has_read(tmp_path: Path) -> None:
    shape = ScratchConfig(
        window=32, smallest=8.0, largest=20.0, patch_size=4, latent_channels=6,
        autoencoder_images=4, autoencoder_steps=0, text_dim=32, text_layers=1, channels=(16, 32),
    )  # fmt: skip
    index = draw_scenes(tmp_path / "data", 4) / "metadata.jsonl"
    model = build_model(shape, open_dataset(index.parent, resolution=32, seed=0), ("img2img",), "box", seed=0)
    model.save_pretrained(tmp_path / "before")
    entries = [json.loads(line) for line in index.read_text().splitlines()]
    index.write_text("".join(json.dumps(one | {"text": "a dog at dusk"}) + "\n" for one in entries))
    dataset = open_dataset(index.parent, resolution=32, seed=0)
    extend_inputs(model, ("img2img",), "box", dataset.labels, words=words_of_data(dataset))
    model.save_pretrained(tmp_path / "after")
    extend_inputs(model, ("img2img",), "box", dataset.labels, words={"harbour"})
    model.save_pretrained(tmp_path / "again")

    layout = Layout(32, 32, (Instance("dog", Box(8, 8, 20, 20)),), prompt="a dog at dusk")
    before, after = (find_model(str(tmp_path / name)) for name in ("before", "after"))
    (sentence,) = concerns([("one", layout)], before, SampleSettings(method="img2img"))
    assert sentence.startswith("the model has never read at, dusk and will not show")
    assert concerns([("one", layout)], after, SampleSettings(method="img2img")) == ()
    assert before.words is not None and after.words == before.words | {"dog", "cat", "at", "dusk"}
    assert find_model(str(tmp_path / "again")).words == after.words | {"harbour"}
