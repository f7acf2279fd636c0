"""Whatever a folder or a file that is given as a model holds: a picture, or one line that says what it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from layoutgen.cli import app
from layoutgen.errors import InvalidFile
from layoutgen.model_info import find_model
from layoutgen.pipeline import LayoutPipeline
from tests.toy import toy_pipeline
from tests.training.conftest import draw_scenes

Edit = Callable[[Path], None]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy checkpoint that works; nobody changes it."""
    folder = tmp_path_factory.mktemp("plain")
    toy_pipeline(folder, size=8).save_pretrained(folder / "sd")
    index = json.loads((folder / "sd" / "model_index.json").read_text())
    index["_class_name"] = "StableDiffusionPipeline"
    del index["layout_encoder"]
    index.pop("sampling", None)
    (folder / "sd" / "model_index.json").write_text(json.dumps(index))
    return folder / "sd"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Training data."""
    return draw_scenes(tmp_path_factory.mktemp("scenes") / "data", 2, size=(64, 64))


def values(name: str, **changes: Any) -> Edit:
    def edit(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | changes))

    return edit


def without(name: str) -> Edit:
    def edit(folder: Path) -> None:
        place = folder / name
        shutil.rmtree(place) if place.is_dir() else place.unlink()

    return edit


def cut_off(name: str) -> Edit:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-1000])


def text(name: str, content: str) -> Edit:
    return lambda folder: (folder / name).write_text(content)


def tensors(name: str, change: Callable[[dict[str, torch.Tensor]], Any]) -> Edit:
    def edit(folder: Path) -> None:
        weights = load_file(folder / name)
        change(weights)
        save_file(weights, folder / name, metadata={"format": "pt"})

    return edit


def shard(folder: Path) -> None:
    """Spread the U-Net over two files and an index, as `save_pretrained` does with large ones."""
    weights = load_file(folder / UNET)
    size = sum(value.numel() * value.element_size() for value in weights.values())
    network = UNet2DConditionModel.from_pretrained(folder / "unet")
    (folder / UNET).unlink()
    network.save_pretrained(folder / "unet", max_shard_size=size * 2 // 3)
    assert len(list((folder / "unet").glob("*-of-00002.safetensors"))) == 2


def variant(name: str, called: str) -> Edit:
    """The weights `name` as this variant of them alone."""
    return lambda folder: (folder / name).rename((folder / name).with_suffix(f".{called}.safetensors"))


SECOND = "unet/diffusion_pytorch_model-00002-of-00002.safetensors"


INDEX = "unet/diffusion_pytorch_model.safetensors.index.json"


def index_of(name: str, **parts: Any) -> Edit:
    return values("model_index.json", _class_name=name, **parts)


UNET, VAE, TEXT = (
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
)
ENCODER_2 = ["transformers", "CLIPTextModelWithProjection"]

OTHERS: dict[str, tuple[Edit, str]] = {
    "inpainting": (values("unet/config.json", in_channels=9), "an inpainting model"),
    "instruct-pix2pix": (values("unet/config.json", in_channels=8), "an instruct-pix2pix model"),
    "depth": (values("unet/config.json", in_channels=5), "a depth-to-image model"),
    "upscaler": (index_of("StableDiffusionUpscalePipeline"), "an upscaling model"),
    "XL without its second encoder": (
        index_of("StableDiffusionXLPipeline"),
        "a Stable Diffusion XL model without text_encoder_2",
    ),
    "XL refiner": (
        index_of("StableDiffusionXLImg2ImgPipeline", text_encoder=[None, None]),
        "a Stable Diffusion XL model",
    ),
    "SD 3": (index_of("StableDiffusion3Pipeline"), "a Stable Diffusion 3 model"),
    "FLUX": (index_of("FluxPipeline"), "a FLUX model"),
    "PixArt": (index_of("PixArtSigmaPipeline"), "a PixArt model"),
    "Qwen-Image": (index_of("QwenImagePipeline"), "a Qwen-Image model"),
    "Z-Image": (index_of("ZImagePipeline"), "a Z-Image model"),
    "Kandinsky": (index_of("KandinskyV22Pipeline"), "a Kandinsky model"),
    "Stable Cascade": (index_of("StableCascadePriorPipeline"), "a Stable Cascade model"),
    "latent consistency": (index_of("LatentConsistencyModelPipeline"), "a latent consistency model"),
    "video": (values("model_index.json", unet=["diffusers", "UNetMotionModel"]), "UNetMotionModel"),
    "T5": (values("model_index.json", text_encoder=["transformers", "T5EncoderModel"]), "T5EncoderModel"),
    "tiny autoencoder": (values("model_index.json", vae=["diffusers", "AutoencoderTiny"]), "AutoencoderTiny"),
    "two encoders": (values("model_index.json", text_encoder_2=ENCODER_2), "two text encoders"),
    "ControlNet": (text("config.json", '{"_class_name": "ControlNetModel"}'), "a ControlNet alone"),
    "no index": (without("model_index.json"), "it holds no model_index.json"),
    "no U-Net": (without("unet"), "unet"),
    "no U-Net config": (without("unet/config.json"), "unet"),
    "no tokenizer": (without("tokenizer"), "tokenizer"),
    "no scheduler": (without("scheduler"), "scheduler"),
    "no weights": (without(UNET), "unet"),
    "weights cut off": (cut_off(UNET), "cut off"),
    "text encoder cut off": (cut_off(TEXT), "cut off"),
    "a pointer of git lfs": (text(VAE, "version https://git-lfs.github.com/spec/v1\n"), "safetensors"),
    "index cut off": (text("model_index.json", '{"_class_name": "Stable'), "model_index.json"),
    "a list": (text("unet/config.json", "[]"), "must hold a JSON object"),
    "a tensor missing": (tensors(UNET, lambda w: w.pop("conv_in.weight")), "conv_in"),
    "a tensor of another shape": (
        tensors(UNET, lambda w: w.update({"conv_in.bias": torch.zeros(3)})),
        "conv_in.bias",
    ),
    "a shard missing": (
        lambda folder: (shard(folder), without(SECOND)(folder))[1],
        f"{SECOND}: is missing, and diffusion_pytorch_model.safetensors.index.json names it",
    ),
    "shards without their index": (
        lambda folder: (shard(folder), without(INDEX)(folder))[1],
        f"{INDEX}: is missing: it says which tensor is in diffusion_pytorch_model-00001-of-00002.safetensors",
    ),
    "weights of another name": (
        lambda folder: (folder / UNET).rename(folder / "unet/mine.safetensors"),
        "unet: its weights are called mine.safetensors, under which nothing looks for them (call the file "
        "diffusion_pytorch_model.safetensors)",
    ),
    "quantised by bitsandbytes": (
        values("unet/config.json", quantization_config={"quant_method": "bitsandbytes"}),
        "unet/config.json: says that the weights are quantised by bitsandbytes",
    ),
    "a quantised text encoder": (
        values("text_encoder/config.json", quantization_config={"quant_method": "quanto"}),
        "text_encoder/config.json: says that the weights are quantised by quanto",
    ),
    "variants that do not fit": (
        lambda folder: (variant(UNET, "fp16")(folder), variant(VAE, "ema")(folder))[0],
        "vae: has its weights as 'ema' only, and other parts of the model as 'fp16' only",
    ),
    "another text width": (values("unet/config.json", cross_attention_dim=40), ""),
    "other latents": (values("vae/config.json", latent_channels=3), ""),
    "flow scheduler": (
        lambda folder: (
            values("model_index.json", scheduler=["diffusers", "FlowMatchEulerDiscreteScheduler"])(folder),
            text("scheduler/scheduler_config.json", '{"num_train_timesteps": 1000}')(folder),
        )[0],
        "no noise schedule",
    ),
    "an unknown prediction": (values("scheduler/scheduler_config.json", prediction_type="flow"), "flow"),
    "weights of no numbers": (
        tensors(UNET, lambda w: w.update({"conv_out.bias": torch.full((4,), torch.nan)})),
        "not finite",
    ),
}


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "500"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


QUICKLY = "-n 1 dogs --method regional --width 64 --height 64 --zoom 1 --steps 1 --dtype fp32 -q"


@pytest.mark.parametrize("case", OTHERS)
def test_every_other_folder_is_one_line(plain: Path, scenes: Path, tmp_path: Path, case: str) -> None:
    edit, says = OTHERS[case]
    model = shutil.copytree(plain, tmp_path / "model")
    if case == "ControlNet":
        (model / "model_index.json").unlink()
    edit(model)
    options = [*QUICKLY.split(), "--model", model, "-o", tmp_path / "out"]
    code, output = run("sample", *options)
    assert code == 2 and says in output and len(output.strip().splitlines()) == 1, output
    assert not (tmp_path / "out").exists()
    if case == "weights of no numbers":  # which are seen in the first step only
        return
    data, how = (scenes, "-o", tmp_path / "run"), ("--resolution", 64)
    for command in (("train", *data, "--model", model, "--dry-run", *how), ("distill", model, *data, *how)):
        code, output = run(*command)
        lines = [line for line in output.strip().splitlines() if not line.startswith("Starts from ")]
        assert code == 2 and len(lines) == 1, output
        # A model that reads no layouts is nothing to distill, whatever else is wrong with it.
        assert says in output or (command[0] == "distill" and "reads no layouts yet" in output), output
        assert not (tmp_path / "run").exists()


def beside(folder: Path) -> None:
    """Other weights of the U-Net beside the usual ones, which nobody asks for."""
    weights = {name: torch.zeros_like(value) for name, value in load_file(folder / UNET).items()}
    for variant in ("fp16", "ema", "non_ema"):
        save_file(weights, folder / f"unet/diffusion_pytorch_model.{variant}.safetensors")


@pytest.mark.parametrize("edit", [shard, beside, variant(UNET, "non_ema")])
def test_the_same_weights_in_other_files(plain: Path, tmp_path: Path, edit: Edit) -> None:
    model = shutil.copytree(plain, tmp_path / "model")
    edit(model)
    assert find_model(str(model)).source == str(model)
    opened, own = (LayoutPipeline.from_pretrained(folder).unet.state_dict() for folder in (model, plain))
    assert opened.keys() == own.keys()
    assert all(torch.equal(opened[name], own[name]) for name in own)


TEXT = "text_encoder/model.safetensors"


def half_beside(folder: Path) -> None:
    """The text encoder in half precision beside its usual weights."""
    weights = {name: value.half() for name, value in load_file(folder / TEXT).items()}
    save_file(weights, folder / "text_encoder/model.fp16.safetensors", {"format": "pt"})


def as_bin(folder: Path) -> None:
    weights = load_file(folder / TEXT)
    (folder / TEXT).unlink()
    torch.save(weights, folder / "text_encoder/pytorch_model.bin")


def as_old_bin(folder: Path) -> None:
    as_bin(folder)
    file = folder / "text_encoder/pytorch_model.bin"
    torch.save(torch.load(file), file, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("form", [half_beside, as_bin, as_old_bin, None])
def test_a_text_encoder_is_whole_or_refused(plain: Path, tmp_path: Path, form: Edit | None) -> None:
    """A library would fill what is missing with random numbers, and the picture another each time."""
    model = shutil.copytree(plain, tmp_path / "model")
    weights = load_file(model / TEXT)
    lost = next(name for name in weights if name.endswith("mlp.fc1.weight"))
    if form is not None:
        form(model)
        LayoutPipeline.from_pretrained(model)
        shutil.rmtree(model)
        shutil.copytree(plain, model)
    value = weights.pop(lost)
    if form is None:  # there are as many
        weights[f"{lost}_of_another"] = value
    save_file(weights, model / TEXT, {"format": "pt"})
    if form is half_beside:
        save_file(weights | {lost: value}, model / "text_encoder/model.fp16.safetensors", {"format": "pt"})
    elif form is not None:
        form(model)
    with pytest.raises(InvalidFile, match=r"text_encoder: its weights lack \S*mlp\.fc1\.weight \(copy"):
        LayoutPipeline.from_pretrained(model)


FILES = {
    "an inpainting model": {
        "model.diffusion_model.input_blocks.0.0.weight": (8, 9, 3, 3),
        "cond_stage_model.transformer.text_model.x": (1,),
    },
    "an instruct-pix2pix model": {"model.diffusion_model.input_blocks.0.0.weight": (8, 8, 3, 3)},
    "a U-Net without its text encoder": {"model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3)},
    "a ControlNet alone": {"control_model.time_embed.0.weight": (2, 2)},
    "a FLUX model": {"double_blocks.0.img_attn.norm.key_norm.scale": (2,)},
    "a Stable Diffusion 3 model": {
        "model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias": (2,)
    },
    "a Stable Diffusion XL refiner": {"conditioner.embedders.0.model.text_projection": (2, 2)},
    "a CosXL model": {
        "model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3),
        "conditioner.embedders.1.model.text_projection": (2, 2),
        "edm_vpred.sigma_max": (1,),
    },
    "a LoRA, which belongs to a model": {"lora_unet_x.lora_down.weight": (2, 2)},
    "a textual inversion embedding": {"emb_params": (2, 768)},
    "an autoencoder alone": {"decoder.mid.block_1.conv1.weight": (2, 2, 3, 3), "encoder.conv_in.bias": (2,)},
    "a motion module": {"down_blocks.0.motion_modules.0.x": (2,), "down_blocks.0.motion_modules.1.x": (2,)},
    "a model of an unknown kind": {"a": (2,), "b": (3,), "c": (4,)},
}


@pytest.mark.parametrize("what", FILES)
def test_every_other_file_is_one_line(tmp_path: Path, what: str) -> None:
    file = tmp_path / "file.safetensors"
    save_file({name: torch.zeros(shape) for name, shape in FILES[what].items()}, file)
    code, output = run("sample", "-n", 1, "dogs", "--model", file, "-o", tmp_path / "out")
    assert code == 2 and what in output and len(output.strip().splitlines()) == 1, output
