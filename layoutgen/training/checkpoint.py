"""Checkpoints that survive a kill at any moment: written under another name, flushed, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.utils import load
from accelerate.utils.constants import RNG_STATE_NAME
from diffusers.training_utils import EMAModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from layoutgen.errors import CannotSave, InvalidFile, first_line
from layoutgen.model_files import weights_only
from layoutgen.training.checkpoint_folders import PREFIX, checkpoint_folders, images_of

_WEIGHTS = "trained.safetensors"


class Checkpoints:
    """The checkpoints of a run, a folder ``images-N`` each: trained weights, optimizer, averaged weights.

    Everything goes through accelerate, so that sharded models (FSDP, DeepSpeed) are saved as shards; a model
    that is complete on each process is saved once, without its frozen weights.

    Args:
        optimizer: as accelerate prepared it.
        keep: how many of the newest stay.
    """

    def __init__(
        self,
        folder: Path,
        accelerator: Accelerator,
        model: nn.Module,
        optimizer: AcceleratedOptimizer,
        ema: EMAModel,
        *,
        keep: int,
    ) -> None:
        self.folder, self._accelerator, self._ema, self._keep = folder, accelerator, ema, keep
        self._optimizer = optimizer.optimizer
        self._model = accelerator.unwrap_model(model)
        accelerator.register_save_state_pre_hook(self._save_weights)
        accelerator.register_load_state_pre_hook(self._load_weights)

    def save(self, images: int) -> None:
        """Save the state after `images` examples.

        Raises:
            CannotSave: the disk is full or cannot be written; earlier checkpoints are untouched.
        """
        path = self.folder / f"{PREFIX}{images:010d}"
        aside = path.with_name(f".{path.name}.partial")
        main = self._accelerator.is_main_process
        with saving(path, self.folder):
            if main:
                shutil.rmtree(aside, ignore_errors=True)
                aside.mkdir(parents=True)
            self._accelerator.wait_for_everyone()
            self._accelerator.save_state(str(aside))
            if main or sharded(self._accelerator):
                torch.save(self._ema.state_dict(), aside / self._ema_file())
            self._accelerator.wait_for_everyone()
            if main:
                flush(aside)
                replace_folder(aside, path)
                self._remove_old()

    def load_latest(self) -> int:
        """Restore the newest complete checkpoint; returns its number of images, or 0 if there is none.

        Raises:
            InvalidFile: it is damaged.
        """
        paths = checkpoint_folders(self.folder)
        if not paths:
            return 0
        try:
            if self._accelerator.distributed_type == "FSDP":
                fill_state(self._optimizer)
            with weights_only():
                self._check_random_states(paths[-1])
                self._accelerator.load_state(str(paths[-1]))
                state = torch.load(paths[-1] / self._ema_file(), map_location="cpu", weights_only=True)
        except torch.OutOfMemoryError:
            raise
        except (OSError, RuntimeError, KeyError, EOFError, UnpicklingError, SafetensorError) as error:
            reason = (
                "a pickle in it is cut off, or would run code"
                if isinstance(error, UnpicklingError)
                else first_line(error)
            )
            before = f"from {paths[-2]}" if len(paths) > 1 else "from the start"
            remedy = f"delete this folder, and the same command continues {before}"
            raise InvalidFile(paths[-1], f"is damaged: {reason}", remedy=remedy) from error
        self._ema.load_state_dict(state)
        self._ema.to(self._accelerator.device)
        if self._accelerator.is_main_process:
            self._remove_old()
        return images_of(paths[-1])

    def _check_random_states(self, checkpoint: Path) -> None:
        """Read them: accelerate goes on without those that it cannot read, to other weights."""
        path = checkpoint / f"{RNG_STATE_NAME}_{self._accelerator.process_index}.pkl"
        if path.exists():
            load(path)

    def _remove_old(self) -> None:
        for old in checkpoint_folders(self.folder)[: -self._keep]:
            shutil.rmtree(old)

    def _save_weights(self, models: list[nn.Module], weights: list[object], folder: str) -> None:
        """Accelerate's hook: the trained weights alone, of a model that is complete on each process."""
        if not weights:
            return
        weights.clear()
        if self._accelerator.is_main_process:
            trained = {
                name: parameter.detach().contiguous()
                for name, parameter in self._model.named_parameters()
                if parameter.requires_grad
            }
            save_file(trained, Path(folder) / _WEIGHTS)

    def _load_weights(self, models: list[nn.Module], folder: str) -> None:
        """Accelerate's hook: what :meth:`_save_weights` wrote."""
        if not models:
            return
        models.clear()
        stored = load_file(Path(folder) / _WEIGHTS)
        with torch.no_grad():
            for name, parameter in self._model.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_(stored.pop(name))

    def _ema_file(self) -> str:
        """Averaged weights are sharded as the model is: a file for each process then, else one for all."""
        return f"averaged_{self._accelerator.process_index if sharded(self._accelerator) else 0}.pt"


def sharded(accelerator: Accelerator) -> bool:
    """Whether each process holds only a shard of the model."""
    return accelerator.distributed_type in ("FSDP", "DEEPSPEED")


def fill_state(optimizer: torch.optim.Optimizer) -> None:
    """Create the state of `optimizer`, by a step that changes no weight.

    Accelerate loads shards into the state that an optimizer has, and a new one has none: it would stay empty.
    """
    learning_rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad()
    for group, learning_rate in zip(optimizer.param_groups, learning_rates, strict=True):
        group["lr"] = learning_rate


@contextmanager
def saving(path: Path, checkpoints: Path) -> Iterator[None]:
    """Turn a failed write of `path` into one line that says from where the run continues.

    Raises:
        CannotSave: torch and safetensors have exceptions of their own for a full disk.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        kept = checkpoint_folders(checkpoints)
        shutil.rmtree(path.with_name(f".{path.name}.partial"), ignore_errors=True)
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        last = f"{kept[-1]} is whole" if kept else "no checkpoint was written yet"
        forbidden = getattr(error, "errno", None) in (errno.EACCES, errno.EPERM, errno.EROFS)
        remedy = "make it writable" if forbidden else "make room"
        again = "and the same command continues from there"
        raise CannotSave(f"{path} cannot be written: {reason}; {last}: {remedy}, {again}") from error


def flush(folder: Path) -> None:
    """Make the system write the files of `folder` to the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def replace_folder(new: Path, target: Path) -> None:
    """Replace the folder `target` by `new`; at every moment one of them is there, and complete."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
