"""Many layouts, several processes, and any of them may die: the result is complete, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO

from layoutgen import Box, Instance, Layout
from layoutgen.denoising.settings import SampleSettings
from layoutgen.devices import fastest_dtype
from layoutgen.errors import CannotSave, InvalidOption, OutputExists
from layoutgen.formats.coco import write_coco
from layoutgen.formats.png import read_png
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling import jobs
from layoutgen.sampling.processes import Processes, running_processes
from layoutgen.sampling.run import Painting, load_pipeline, quiet_libraries, sample
from tests.toy import toy_pipeline

ROOT = Path(__file__).parents[2]


def layout(number: int) -> Layout:
    """Of three sizes, with 0, 1, 2, ... dogs."""
    width, height = ((128, 64), (64, 128), (64, 64))[number % 3]
    dogs = (Instance("dog", Box(k * 8, 4, k * 8 + 20, 40)) for k in range(number))
    return Layout(width, height, tuple(dogs), prompt=f"grass {number}")


LAYOUTS = [(f"a_{number}", layout(number)) for number in range(5)]
SETTINGS = SampleSettings(steps=2, method="regional")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> LayoutPipeline:
    return toy_pipeline(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def painted(toy: LayoutPipeline) -> Iterator[list[int]]:
    """How many windows went through the U-Net, both with and without layout, in each call."""
    calls: list[int] = []
    hook = toy.unet.register_forward_pre_hook(lambda module, inputs: calls.append(len(inputs[0])))
    yield calls
    hook.remove()


def run(toy: LayoutPipeline, out: Path, rank: int = 0, count: int = 1, **options: Any) -> Iterator[Painting]:
    return sample(toy, LAYOUTS, SETTINGS, out, num_images=2, processes=Processes(rank, count), **options)


def check(out: Path, beside: int = 1) -> None:
    """All is there, once, and nothing else."""
    names = {f"a_{number}_{seed}" for number in range(5) for seed in (0, 1)}
    assert {p.stem for p in (out / "images").iterdir()} == names
    assert {p.stem for p in (out / "overlays").iterdir()} == names
    assert {p.name for p in out.iterdir()} == {
        "images",
        "overlays",
        "annotations.json",
        "grid.jpg",
        ".layoutgen",
    }
    assert len(list(out.parent.iterdir())) == beside
    coco = COCO(out / "annotations.json")
    assert len(coco.imgs) == len(names) == 10
    assert len(coco.anns) == 2 * (0 + 1 + 2 + 3 + 4)
    for image in coco.imgs.values():
        kept, settings = read_png(out / "images" / image["file_name"])
        assert (kept.width, kept.height) == (image["width"], image["height"])
        assert len(kept.instances) == len(coco.getAnnIds([image["id"]]))
        assert image["file_name"].endswith(f"_{settings['seed']}.png")


def pixels(folder: Path) -> dict[str, np.ndarray]:
    return {p.name: np.array(Image.open(p)).astype(int) for p in (folder / "images").iterdir()}


def same(a: Path, b: Path) -> bool:
    ours, theirs = pixels(a), pixels(b)
    return ours.keys() == theirs.keys() and all(np.abs(ours[k] - theirs[k]).max() <= 1 for k in ours)


@pytest.mark.parametrize("count", [2, 3])
def test_processes_share_the_work_and_the_result_is_one(
    toy: LayoutPipeline, tmp_path: Path, count: int
) -> None:
    list(run(toy, tmp_path / "alone/out"))
    shares = [
        len([e for e in run(toy, tmp_path / "many/out", rank, count) for _ in e.finished])
        for rank in reversed(range(count))
    ]  # the first one, which merges, comes last
    assert sum(shares) == 10 and max(shares) - min(shares) <= 1
    check(tmp_path / "many/out")
    assert same(tmp_path / "many/out", tmp_path / "alone/out")


def test_a_process_that_dies_costs_only_what_it_was_painting(
    toy: LayoutPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, painted: list[int]
) -> None:
    out = tmp_path / "out"
    list(run(toy, out, 2, 3))
    dying = run(toy, out, 1, 3, batch_size=1)
    next(event for event in dying if event.finished)
    dying.close()  # type: ignore[attr-defined]
    monkeypatch.setattr(jobs, "_PATIENCE", 0)
    with pytest.raises(CannotSave, match="the same command"):
        list(run(toy, out, 0, 3))
    assert not out.exists()
    done = len(list(next(tmp_path.glob("out.*.partial")).glob("images/*.png")))
    assert done == 8  # 4 + 1 + 3
    painted.clear()
    list(run(toy, out, 1, 2))
    list(run(toy, out, 0, 2))
    check(out)
    assert sum(painted) == 2 * 2 * 2  # two images, two steps, with and without layout


def test_an_error_in_the_middle_keeps_what_is_finished(toy: LayoutPipeline, tmp_path: Path) -> None:
    out = tmp_path / "out"
    events = run(toy, out, batch_size=1)
    next(event for event in events if event.finished)
    events.close()  # type: ignore[attr-defined]
    assert not out.exists()
    list(run(toy, out))
    check(out)


def test_an_error_before_the_first_image_leaves_nothing(toy: LayoutPipeline, tmp_path: Path) -> None:
    events = run(toy, tmp_path / "out")
    next(iter(events))
    events.close()  # type: ignore[attr-defined]
    assert not list(tmp_path.iterdir())


def test_damaged_or_other_images_are_painted_again(
    toy: LayoutPipeline, tmp_path: Path, painted: list[int]
) -> None:
    out = tmp_path / "out"
    list(run(toy, out, 1, 2))
    (aside,) = tmp_path.glob("out.*.partial")
    first, second, *_ = sorted((aside / "images").iterdir())
    first.write_bytes(first.read_bytes()[:200])
    with Image.open(second) as image:
        image.save(second)  # without what it shows
    (aside / "images/.a_0_0.partial.png").write_bytes(b"half")
    painted.clear()
    list(run(toy, out, 1, 2))
    assert sum(painted) == 2 * 2 * 2
    list(run(toy, out, 0, 2))
    check(out)


def test_other_settings_do_not_take_up_what_is_there(toy: LayoutPipeline, tmp_path: Path) -> None:
    list(run(toy, tmp_path / "out", 1, 2))
    other = SampleSettings(steps=1, method="regional")
    list(sample(toy, LAYOUTS, other, tmp_path / "out", num_images=2))
    check(tmp_path / "out", beside=2)
    assert all(read_png(p)[1]["steps"] == 1 for p in (tmp_path / "out/images").iterdir())


def test_nothing_is_overwritten_in_silence(toy: LayoutPipeline, tmp_path: Path) -> None:
    out = tmp_path / "out"
    list(run(toy, out))
    with pytest.raises(OutputExists):
        list(run(toy, out))
    before = pixels(out)
    list(sample(toy, LAYOUTS, SampleSettings(steps=1, method="regional"), out, num_images=2, overwrite=True))
    check(out)
    assert any((before[name] != image).any() for name, image in pixels(out).items())


def test_the_same_command_twice_at_once_is_refused(toy: LayoutPipeline, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    first = run(toy, tmp_path / "out", batch_size=1)
    next(event for event in first if event.finished)
    with pytest.raises(InvalidOption, match="another process"):
        list(run(toy, tmp_path / "out"))
    list(first)
    check(tmp_path / "out")


@pytest.mark.parametrize(
    ("device", "bf16", "expected"), [("cpu", True, "bf16"), ("cpu", False, "fp32"), ("cuda:1", False, "fp16")]
)
def test_the_number_format_is_the_fastest_of_the_device(
    monkeypatch: pytest.MonkeyPatch, device: str, bf16: bool, expected: str
) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: bf16, raising=False)
    assert fastest_dtype(device) == expected


def test_a_format_that_is_asked_for_is_used(toy: LayoutPipeline, tmp_path: Path) -> None:
    toy.save_pretrained(tmp_path)
    quiet_libraries()
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        pipeline = load_pipeline(str(tmp_path), "cpu", name)
        assert {pipeline.unet.dtype, pipeline.vae.dtype, pipeline.text_encoder.dtype} == {dtype}


def test_settings_that_cannot_work_are_refused() -> None:
    for options, word in [
        ({"scheduler": "magic"}, "`scheduler`"),
        ({"guidance_interval": (0.5, 0.2)}, "`guidance_interval`"),
        ({"guidance_interval": (0.0, 1.5)}, "`guidance_interval`"),
        ({"cache_interval": 0}, "`cache_interval`"),
    ]:
        with pytest.raises(InvalidOption, match=word):
            SampleSettings(**options)


def test_who_we_are_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert running_processes() == Processes(0, 1, 0)
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert running_processes() == Processes(5, 8, 1)


@pytest.mark.slow
def test_accelerate_launches_it_and_a_kill_costs_nothing(toy: LayoutPipeline, tmp_path: Path) -> None:
    """As a user does it: two processes, killed in the middle; then three, which finish."""
    toy.save_pretrained(tmp_path / "model")
    many = [(f"{number}.png", layout(number % 5 + 1)) for number in range(60)]
    write_coco(tmp_path / "coco.json", many)
    out = tmp_path / "made/out"

    def command(count: int) -> list[str]:
        launch = [
            "-m",
            "accelerate.commands.launch",
            "--cpu",
            "--num_processes",
            str(count),
            "-m",
            "layoutgen",
        ]
        options = [
            "--model",
            tmp_path / "model",
            "--method",
            "regional",
            "--steps",
            2,
            "--dtype",
            "fp32",
            "-o",
            out,
        ]
        return [sys.executable, *launch, "sample", *map(str, [tmp_path / "coco.json", *options])]

    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command(2), env=environment, start_new_session=True, stderr=subprocess.PIPE
    ) as killed:
        while killed.poll() is None and len(list(out.parent.glob(".out.*/images/[0-9c]*.png"))) < 5:
            time.sleep(0.02)
        os.killpg(killed.pid, signal.SIGKILL)
    (aside,) = out.parent.glob(".out.*")
    kept = {p.name: p.stat().st_mtime_ns for p in aside.glob("images/[0-9c]*.png")}
    assert 5 <= len(kept) < 60 and not out.exists()
    done = subprocess.run(command(3), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {name: (out / "images" / name).stat().st_mtime_ns for name in kept} == kept
    assert len(json.loads((out / "annotations.json").read_text())["images"]) == 60
    assert len(COCO(out / "annotations.json").anns) == sum(len(one.instances) for _, one in many)
    assert done.stdout.count("Annotations (COCO)") == 1


def test_each_layout_of_a_data_set_has_noise_of_its_own() -> None:
    """By seed and image id, whichever else is painted; a layout that stands alone has the seed itself."""
    layouts = [("a", Layout(64, 64)), ("b", Layout(64, 64))]
    alone = jobs.jobs_of(layouts[:1], [3], 2)
    assert [job.noise_seed for job in alone] == [3, 4]
    four = jobs.jobs_of(layouts, [3, 3], 2, [7, 8])
    assert [job.file for job in four] == ["a_3.png", "a_4.png", "b_3.png", "b_4.png"]
    assert len({job.noise_seed for job in four}) == 4
    (again,) = jobs.jobs_of(layouts[1:], [4], 1, [8])
    assert again.noise_seed == four[3].noise_seed == 2157707867
