"""Whether the files of each part of a diffusers folder are there, whole, and rightly named."""

from __future__ import annotations

import re
from pathlib import Path

from layoutgen.errors import InvalidFile
from layoutgen.io.files import read_json
from layoutgen.io.tensor_header import read_tensor_header

FILES = {
    "unet": ("config.json",),
    "vae": ("config.json",),
    "text_encoder": ("config.json",),
    "tokenizer": ("tokenizer.json", "vocab.json"),
    "scheduler": ("scheduler_config.json",),
}
"""A file without which each component cannot be opened; one of several."""
_SHARD = re.compile(r"(?P<stem>.+)-\d+-of-\d+(?P<ending>\.\w+)")
"""One of several files that hold the weights of a component."""


def check_parts(folder: Path) -> None:
    """Refuse the Stable Diffusion model in `folder` if a file of it is missing, cut off or quantised.

    Raises:
        InvalidFile: names the file.
    """
    remedy = "copy the model again"
    for part, names in FILES.items():
        if not any((folder / part / name).is_file() for name in names):
            raise InvalidFile(folder / part / names[0], "is missing", remedy=remedy)
    for part in ("unet", "vae", "text_encoder"):
        files = [path for path in (folder / part).iterdir() if path.suffix in (".safetensors", ".bin")]
        if not files:
            raise InvalidFile(folder / part, "holds no weights", remedy=remedy)
        usual = ("model", "pytorch_model") if part == "text_encoder" else ("diffusion_pytorch_model",)
        if not any(path.name.startswith(usual) for path in files):
            problem = f"its weights are called {files[0].name}, under which nothing looks for them"
            raise InvalidFile(folder / part, problem, remedy=f"call the file {usual[0]}.safetensors")
        for path in files:
            if path.suffix == ".safetensors":
                read_tensor_header(path)
        _check_shards(folder / part)
        _check_precision(folder / part / "config.json")


def _check_shards(part: Path) -> None:
    """Refuse the weights of one component if an index names files that are not there, or itself is not."""
    named: set[str] = set()
    for index in part.glob("*.index*.json"):
        listed = read_json(index).get("weight_map")
        names = set(map(str, listed.values())) if isinstance(listed, dict) else set()
        named |= names
        for name in sorted(names):
            if not (part / name).is_file():
                problem = f"is missing, and {index.name} names it"
                raise InvalidFile(part / name, problem, remedy="copy the model again")
    for path in sorted(part.iterdir()):
        shard = _SHARD.fullmatch(path.name)
        if shard is not None and path.name not in named:
            name, dot, variant = shard["stem"].partition(".")
            missing = part / f"{name}{shard['ending']}.index{dot}{variant}.json"
            problem = f"is missing: it says which tensor is in {path.name}, and which in the other files"
            raise InvalidFile(missing, problem, remedy="copy the model again")


def _check_precision(config: Path) -> None:
    """Refuse a component whose weights are quantised: they are read by other libraries than ours."""
    quantised = read_json(config).get("quantization_config")
    if quantised:
        method = quantised.get("quant_method") if isinstance(quantised, dict) else None
        problem = f"says that the weights are quantised{f' by {method}' if method else ''}"
        raise InvalidFile(config, problem, remedy="take the model in fp16 or fp32")
