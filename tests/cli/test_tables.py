"""Tables in narrow terminals, what commands print as JSON, and the doctor."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from layoutgen import machine
from layoutgen.cli import app
from layoutgen.cli.tables import tables

HEADER = ("label", "asked", "found", "matched", "recall", "precision", "F1", "mean IoU", "AP", "AP50")
ROWS = [
    ("dog", "1,234,567", "1,200,000", "1,100,000", "89.1 %", "91.7 %", "90.4 %", "0.874", "0.701", "0.979"),
    (
        "a label of many words that must be folded",
        "5",
        "4",
        "4",
        "80.0 %",
        "100.0 %",
        "88.9 %",
        "-",
        "-",
        "-",
    ),
]


def shown(width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    for table in tables(HEADER, ROWS, width):
        console.print(table)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_figures_are_whole_at_any_width(width: int) -> None:
    lines = shown(width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert "…" not in " ".join(lines)
    for figure in (*ROWS[0][1:], *HEADER[1:]):
        assert all(part in words for part in figure.split())
    heads = [line.split() for line in lines if line.split()[:1] == ["label"]]
    assert [word for head in heads for word in head if word != "label"] == " ".join(HEADER[1:]).split()
    assert (len(heads) == 1) == (width == 200)


def test_the_report_of_an_evaluation_fits_60_columns(coco, tmp_path: Path) -> None:
    _, file = coco([("a.png", 96, 96)], [(1, "dog", [20.0, 10.0, 30.0, 40.0])])
    results = tmp_path / "results.json"
    results.write_text(
        json.dumps([{"image_id": 1, "category_id": 2, "bbox": [20, 10, 30, 40], "score": 0.9}])
    )
    options = ["--detections", str(results), "-o", str(tmp_path / "out"), "--no-overlays"]
    done = CliRunner().invoke(app, ["evaluate", str(file), *options], env={"COLUMNS": "60"})
    assert done.exit_code == 0, done.output
    rows = [line for line in done.stdout.splitlines() if not line.startswith(("Every", "Report", "Counted"))]
    assert max(map(len, rows)) <= 60 and "…" not in done.stdout
    assert "100.0%" in done.stdout and "1.000" in done.stdout


def test_commands_that_report_print_json(run, coco, tmp_path: Path) -> None:
    photos, file = coco([("a.png", 96, 96)], [(1, "dog", [20.0, 10.0, 30.0, 40.0]), (1, "dog", [0, 0, 0, 9])])
    prepared = json.loads(run("prepare", "coco", photos, file, "-o", tmp_path / "data", "--json").stdout)
    assert (prepared["images"], prepared["objects"], prepared["masks"]) == (1, 1, 0)
    assert sum(map(len, prepared["dropped"].values())) == 1
    converted = json.loads(run("convert", photos, file, tmp_path / "yolo", "--to", "yolo", "--json").stdout)
    assert (converted["format"], converted["images"], converted["objects"]) == ("yolo", 1, 1)
    inspected = json.loads(run("inspect", photos, file, "--json").stdout)
    assert (inspected["images"], inspected["objects"]) == (1, 1)
    assert {one["label"]: one["objects"] for one in inspected["labels"]} == {"dog": 1, "cat": 0}
    assert any(one["what"].startswith("dropped") and one["where"] for one in inspected["findings"])


def test_the_doctor_says_what_would_run_where(run) -> None:
    said = json.loads(run("doctor", "--json", code=0).stdout)
    assert said["versions"]["torch"] == torch.__version__.partition("+")[0] or said["versions"]["torch"]
    assert said["devices"][-1]["name"] == "cpu" and said["devices"][-1]["total"] > 2**28
    assert said["model"]["labels"] == ["cat", "dog"]
    assert {one["what"] for one in said["plan"]} >= {"sample, design", "train Stable Diffusion v1"}
    assert "sample, design" in run("doctor", code=0).stdout


def test_weights_that_do_not_fit_are_said() -> None:
    gpu = machine.DeviceInfo("cuda:0", "a GPU", 8 * 2**30, 8 * 2**30, "fp16", ("fp32", "fp16"))
    plan = {one.what: one for one in machine.plan(gpu, 14_000_000)}
    assert plan["sample, design"].weights == 28_000_000
    fits = {what: one.fits for what, one in plan.items()}
    assert fits["sample with Stable Diffusion v1"] and fits["train Stable Diffusion v1 by LoRA"]
    assert not fits["train Stable Diffusion v1"]


def test_a_gpu_comes_before_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (5, 7))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "a GPU")
    first, second = machine.devices()
    assert first == machine.DeviceInfo("cuda:0", "a GPU", 5, 7, "fp16", ("fp32", "fp16"))
    assert second.name == "cpu"


def test_a_driver_without_cuda_in_torch_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said = machine.problems(tmp_path)
    assert any("finds no GPU" in one for one in said)
    assert any(one.startswith("HF_HUB_OFFLINE is set") for one in said)
