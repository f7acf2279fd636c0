"""What this machine has, and what of our work would run on it: for `layoutgen doctor`."""

from __future__ import annotations

import math
import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import psutil

from layoutgen.devices import fastest_dtype

PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "accelerate",
    "safetensors",
    "numpy",
    "pillow",
    "typer",
    "rich",
)
"""The packages whose versions matter most for whoever looks into a fault."""
_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
_TRAINED = 20  # bytes: weight, gradient, two of Adam, averaged weight, in fp32
_SD_UNET, _SD_REST = 860e6, 207e6  # parameters of Stable Diffusion v1
_ROOM = 0.8  # of the free memory; the rest is for activations
_LITTLE_DISK = 2 * 2**30


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device of torch.

    Attributes:
        name: as `--device` takes it; `title`: as people call it.
        free, total: memory in bytes.
        dtype: the number format in which it is fastest, and which is used; `dtypes`: those that it has.
    """

    name: str
    title: str
    free: int
    total: int
    dtype: str
    dtypes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """What one may want to do, where and how it would run, and the bytes that its weights take there."""

    what: str
    device: str
    dtype: str
    weights: int
    fits: bool


def devices() -> list[DeviceInfo]:
    """The CPU, and before it each CUDA device."""
    import torch

    found = []
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(number)
        name = f"cuda:{number}"
        dtypes = ("fp32", "bf16", "fp16") if torch.cuda.is_bf16_supported() else ("fp32", "fp16")
        title = torch.cuda.get_device_name(number)
        found.append(DeviceInfo(name, title, free, total, fastest_dtype(name), dtypes))
    free, total = _memory()
    fastest = fastest_dtype("cpu")
    title = f"{_processor()}, {_cores()} cores, {torch.get_num_threads()} threads used"
    return [*found, DeviceInfo("cpu", title, free, total, fastest, ("fp32", "bf16"))]


def versions() -> dict[str, str]:
    """The versions of Python and of :data:`PACKAGES`; of what is not there, "missing"."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def missing_extras() -> dict[str, tuple[str, ...]]:
    """The optional features that are not installed, and the packages that each lacks."""
    from packaging.requirements import Requirement

    try:
        lines = requires("layoutgen") or []
    except PackageNotFoundError:  # run from its sources
        return {}
    missing: dict[str, list[str]] = {}
    for requirement in map(Requirement, lines):
        extra = next((e for e in _EXTRAS if _belongs(requirement, e)), None)
        if extra is not None and not _is_installed(requirement.name):
            missing.setdefault(extra, []).append(requirement.name)
    return {extra: tuple(names) for extra, names in missing.items()}


def plan(device: DeviceInfo, own_parameters: int) -> list[Work]:
    """What would run on `device`; `own_parameters` are those of the small model.

    Weights are counted alone, with gradients and the optimizer's moments where they are trained: images of
    usual sizes need about a quarter more.
    """
    size = _BYTES[device.dtype]
    rows = (
        ("sample, design", device.dtype, own_parameters * size),
        ("sample with Stable Diffusion v1", device.dtype, (_SD_UNET + _SD_REST) * size),
        ("train the small model", "fp32", own_parameters * _TRAINED),
        ("train Stable Diffusion v1 by LoRA", "fp32", (_SD_UNET + _SD_REST) * 4),
        ("train Stable Diffusion v1", "fp32", _SD_UNET * _TRAINED + _SD_REST * 4),
    )
    return [
        Work(what, device.name, dtype, int(weights), weights < _ROOM * device.free)
        for what, dtype, weights in rows
    ]


def problems(place: Path) -> list[str]:
    """What is probably not as it was meant, with what to do; `place` is where results would be written."""
    import torch

    found = []
    if not torch.cuda.is_available() and shutil.which("nvidia-smi"):
        found.append(
            f"there is an NVIDIA driver, but torch {torch.__version__} finds no GPU: "
            "install a torch for its CUDA version (https://pytorch.org)"
        )
    threads, cores = torch.get_num_threads(), _cores()
    if threads < cores and "OMP_NUM_THREADS" in os.environ:
        found.append(f"OMP_NUM_THREADS is {threads}: torch uses {threads} of {cores} cores")
    free = shutil.disk_usage(place).free
    if free < _LITTLE_DISK:
        found.append(f"{place.resolve()} has {free / 2**30:.1f} GiB left")
    if not os.access(place, os.W_OK):
        found.append(f"{place.resolve()} cannot be written to: name another folder with --output")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in ("1", "TRUE", "YES", "ON"):
            found.append(f"{name} is set: hub ids work only for models that were downloaded before")
    return found


_EXTRAS = ("features", "huggingface", "masks", "quality", "train")


def _belongs(requirement: object, extra: str) -> bool:
    marker = getattr(requirement, "marker", None)
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _memory() -> tuple[int, int]:
    """Bytes that are free, and all: of the machine, or of the container that we are in."""
    machine = psutil.virtual_memory()
    limit, used = (_number(Path("/sys/fs/cgroup", name)) for name in ("memory.max", "memory.current"))
    total = min(machine.total, limit)
    return int(min(machine.available, max(0.0, limit - used))), int(total)


def _number(path: Path) -> float:
    """The number in a file of the kernel; infinity where there is no file, or no limit."""
    try:
        return float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return math.inf if path.name.endswith("max") else 0.0


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    """What the CPU is called."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()
