"""Models of a hub: downloaded as files, then opened as any folder is, also those that `train` wrote."""

from __future__ import annotations

from pathlib import Path

from layoutgen.checkpoints.weight_files import files_to_download
from layoutgen.errors import InvalidOption, LayoutgenError
from layoutgen.hub import check_hub_model
from layoutgen.io.files import read_json
from layoutgen.model_info import check_painter


def downloaded(name: str) -> Path:
    """The folder of the model with the hub id `name`, downloaded unless it was before.

    Its json files come first, so that a model of another kind is refused before its gigabytes come.

    Raises:
        InvalidOption: there is no such model, it is of another kind, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        names = HfApi().list_repo_files(name)
        if "model_index.json" not in names:
            _refuse_without_index(name, names)
        folder = Path(snapshot_download(name, allow_patterns=["*.json", "*/*.json"]))
        check_painter(folder, name, parts=False)
        components = [part for part in read_json(folder / "model_index.json") if not part.startswith("_")]
        return Path(snapshot_download(name, allow_patterns=files_to_download(names, components)))
    except RepositoryNotFoundError as error:
        problem = f"`model` {name}: there is no such folder, and the hub has no such model"
        raise InvalidOption(f"{problem} (or it is private: log in with `hf auth login`)") from error
    except LayoutgenError:
        raise
    except Exception:  # of the network, or of the library for the network
        return _from_cache(name)


def _from_cache(name: str) -> Path:
    """What an earlier download left of `name`, where the hub cannot be reached."""
    from huggingface_hub import snapshot_download

    check_hub_model(name, "model")
    return Path(snapshot_download(name, local_files_only=True))


def _refuse_without_index(name: str, names: list[str]) -> None:
    files = [file for file in names if file.endswith((".safetensors", ".ckpt"))]
    remedy = f"download {files[0]} and pass that file" if files else "take another model"
    raise InvalidOption(f"`model` {name} is no diffusers folder, it has no model_index.json: {remedy}")
