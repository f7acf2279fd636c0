"""The functions of the package: the same as the commands, with real signatures, and silent."""

from __future__ import annotations

import inspect
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

import layoutgen
from layoutgen import Box, Instance, Layout
from layoutgen.additions import Additions
from layoutgen.cli import app, console, prepare
from layoutgen.denoising.settings import GivenSettings, SampleSettings
from layoutgen.errors import InvalidFile, LayoutgenError
from layoutgen.formats.png import read_png
from layoutgen.pipeline import LayoutPipeline
from layoutgen.progress import LayoutgenWarning, Progress
from layoutgen.training.config import TrainConfig

DOG = Layout(128, 128, (Instance("dog", Box(40, 40, 80, 96)),), prompt="a dog on green ground")
PRINTED = {"words", "layouts", "quiet", "as_json", "preview", "progress", "on_event"}
"""What a command shows, or is shown by, and how a function and a command name their inputs."""

DOCUMENTED_SETTINGS = {*SampleSettings.__annotations__, *TrainConfig.__annotations__}
FUNCTIONS = ["prepare_coco", "train", "layouts", "sample", "evaluate", "augment"]


def parameters(function: object) -> set[str]:
    return set(inspect.signature(function).parameters)  # type: ignore[arg-type]


def command(name: str) -> object:
    every = [*app.registered_commands, *prepare.app.registered_commands]
    (found,) = (one for one in every if one.callback.__name__ == name.removeprefix("prepare_"))  # type: ignore[union-attr]
    return found.callback


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_options_of_its_command(name: str) -> None:
    options = {
        parameter.name
        for parameter in inspect.signature(command(name)).parameters.values()  # type: ignore[arg-type]
        if parameter.annotation not in (typer.Context, "typer.Context")
    }
    assert parameters(getattr(layoutgen, name)) ^ options <= PRINTED


def test_every_parameter_has_a_type_and_is_documented() -> None:
    for function in (
        layoutgen.sample,
        layoutgen.augment,
        layoutgen.evaluate,
        layoutgen.layouts,
        layoutgen.prepare_coco,
        layoutgen.load_pipeline,
        LayoutPipeline.__call__,
    ):
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty
        for name, parameter in signature.parameters.items():
            if name != "self":
                assert parameter.annotation is not inspect.Parameter.empty
                assert parameter.kind is not inspect.Parameter.VAR_KEYWORD
                assert name in (function.__doc__ or "") or name in {
                    *SampleSettings.__annotations__,
                    *TrainConfig.__annotations__,
                }


def test_the_settings_that_are_given_one_by_one_are_all_there_are() -> None:
    apart = {"model", "method", "encoding", "seed", *parameters(Additions)}  # of load_pipeline, and others
    settings = set(SampleSettings.__annotations__) - apart
    assert set(GivenSettings.__annotations__) == settings
    assert settings <= parameters(LayoutPipeline.__call__)


def test_sample_paints_what_the_command_paints(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = layoutgen.sample(
        DOG, {"cats": 1}, output=tmp_path / "api", steps=1, seed="3-4", method="text2img", device="cpu"
    )
    assert capfd.readouterr() == ("", "")
    (first, second) = samples.images
    assert (first.seed, second.seed) == (3, 4) and first.path.is_file() and first.overlay.is_file()
    assert sorted(one.label for one in first.layout.instances) == ["cat", "dog"]
    options = ["-o", tmp_path / "cli", "--seed", "3-4", "--device", "cpu"]
    done = CliRunner().invoke(app, ["sample", str(first.path), *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0
    for name in ("layout_3.png", "layout_4.png"):
        again = tmp_path / "cli/images" / name
        assert again.read_bytes() == (samples.folders[0] / "images" / name).read_bytes()
    assert read_png(first.path)[1]["method"] == "text2img"


def test_progress_is_told_to_whom_asks(tmp_path: Path) -> None:
    class Told(Progress):
        def __init__(self) -> None:
            self.said: list[object] = []

        def begin(self, what: str, total: int | None = None) -> None:
            self.said.append(what)

        def advance(self, done: int, total: int | None = None) -> None:
            self.said.append((done, total))

        def note(self, message: str) -> None:
            self.said.append(message[:20])

    told, steps = Told(), []
    layoutgen.sample(
        [Layout(128, 128, DOG.instances, prompt="a dog at dusk")],
        output=tmp_path / "out",
        steps=2,
        device="cpu",
        progress=told,
        on_event=lambda event: steps.append(event.step),
    )
    assert told.said[:4] == ["reading layouts", "the model has never ", "loading the model", "painting"]
    assert told.said[4:] == [(step, 2) for step in steps] and steps[-1] == 2


def test_what_will_not_be_good_is_a_warning(tmp_path: Path) -> None:
    with pytest.warns(LayoutgenWarning, match="the model has never read at, dusk"):
        layoutgen.sample(
            Layout(128, 128, DOG.instances, prompt="a dog at dusk"), output=tmp_path / "out", steps=1
        )
    with pytest.raises(layoutgen.LayoutgenError, match="refused, as `strict` is given"):
        layoutgen.sample(Layout(128, 128, DOG.instances, prompt="a dog at dusk"), strict=True)


def test_evaluate_reports_what_the_command_reports(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    samples = layoutgen.sample(DOG, output=tmp_path / "run", steps=1, device="cpu")
    evaluation = layoutgen.evaluate(samples.folders[0], output=tmp_path / "api", html=True, overlays=False)
    assert capfd.readouterr() == ("", "")
    assert evaluation.page == tmp_path / "api/gallery.html" and evaluation.page.is_file()
    arguments = ["evaluate", str(tmp_path / "run"), "-o", str(tmp_path / "cli"), "--json"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert json.loads(done.stdout) == json.loads(json.dumps(evaluation.report.to_json()))
    assert evaluation.report.scores.counts.targets == 1


def test_prepare_coco_writes_what_the_command_writes(
    coco: Callable[..., tuple[Path, Path]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos, file = coco([("a.png", 60, 40), ("b.png", 50, 50)], [(1, "dog", [4, 4, 20, 24])] * 3)
    prepared = layoutgen.prepare_coco([photos, file], tmp_path / "api", category=["dog"], size=32)
    assert capfd.readouterr() == ("", "")
    assert [outcome.kept for outcome in prepared.outcomes] == [3, 0]
    command = ["prepare", "coco", photos, file, "-o", tmp_path / "cli", "--category", "dog", "--size", 32]
    done = CliRunner().invoke(app, list(map(str, command)), catch_exceptions=False)
    assert done.exit_code == 0

    def files(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }

    assert files(prepared.folder) == files(tmp_path / "cli") != {}


def test_train_trains_and_goes_on(
    coco: Callable[..., tuple[Path, Path]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos, file = coco([("a.png", 200, 200)], [(1, "dog", [8, 8, 40, 48])])
    data = layoutgen.prepare_coco([photos, file], tmp_path / "data").folder
    given: dict[str, Any] = {"batch_size": 1, "report_every": 0, "device": "cpu", "workers": 0}
    planned = layoutgen.train(data, tmp_path / "run", images=2, dry_run=True, **given)
    assert planned.plan is not None and planned.plan.steps == 2 and not (tmp_path / "run").exists()
    trained = layoutgen.train(data, tmp_path / "run", images=2, methods="text2img", **given)
    assert (trained.images, trained.total, trained.stopping) == (2, 2, None)
    assert (trained.model / "model_index.json").is_file()
    more = layoutgen.train(None, tmp_path / "run", images=3, device="cpu")
    assert (more.images, more.total) == (3, 3)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(layoutgen.LayoutgenError, match=r"`batch_size` must be at least 1.*`warmup` must be"):
        layoutgen.train(data, tmp_path / "other", batch_size=0, warmup=-1)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["evaluate", "RUN", "--detector", "nothing/here"], ["reading annotations", "loading the detector"]),
        (["prepare", "coco", "RUN", "-o", "data"], ["reading annotations"]),
        (["prepare", "scenes", "RUN", "-o", "scenes"], ["opening cut-outs and backgrounds"]),
        (["inspect", "RUN"], ["reading annotations"]),
        (["convert", "RUN", "yolo", "--to", "yolo"], ["reading annotations"]),
    ],
)
def test_what_takes_long_is_shown_on_a_terminal_only(
    command: list[str],
    shown: list[str],
    coco: Callable[..., tuple[Path, Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos, file = coco([("a.png", 60, 40)], [(1, "dog", [4, 4, 20, 24])])
    (photos / "annotations.json").write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    Path("nothing/here").mkdir(parents=True)  # not a hub's, which would be asked several times
    words = [str(photos) if word == "RUN" else word for word in command]
    for terminal in (True, False):
        stream = io.StringIO()
        monkeypatch.setattr(console, "err", Console(file=stream, force_terminal=terminal, width=100))
        CliRunner().invoke(app, words)
        assert [what in stream.getvalue() for what in shown] == [terminal] * len(shown)


def test_a_pipeline_is_loaded_and_paints_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    pipeline = layoutgen.load_pipeline(device="cpu", dtype="fp32")
    images = pipeline(DOG, "text2img", encoding="box", steps=1, num_images=2)
    assert [image.size for image in images] == [(128, 128)] * 2
    assert capfd.readouterr() == ("", "")
    with pytest.raises(layoutgen.LayoutgenError, match="an object has its own"):
        pipeline(DOG, pipeline.method("text2img"), encoding="box")


def test_files_may_be_paths_and_one_alone_needs_no_list(tmp_path: Path) -> None:
    lora = tmp_path / "gone.safetensors"
    given: list[Any] = [lora, str(lora), [lora], [str(lora)]]
    for one in given:
        with pytest.raises(
            InvalidFile, match=r"gone\.safetensors: there is no such file \(check the path of `lora`"
        ):
            layoutgen.load_pipeline(lora=one)
        with pytest.raises(LayoutgenError, match=r"gone\.safetensors: there is no such file"):
            layoutgen.sample(number={"dogs": 1}, output=tmp_path / "out", lora=one)
    with pytest.raises(InvalidFile, match="no such file"):
        layoutgen.load_pipeline(vae=tmp_path / "vae.safetensors")
    with pytest.raises(LayoutgenError, match="nothing"):
        layoutgen.load_pipeline(tmp_path / "nothing")


def test_importing_the_package_loads_little() -> None:
    program = (
        "import sys, layoutgen; names = dir(layoutgen); "
        "print({'sample', 'load_pipeline', 'Layout'} <= set(names), "
        "*({'torch', 'numpy', 'PIL', 'yaml', 'rich', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr
    with pytest.raises(AttributeError, match="has no attribute 'paint'"):
        layoutgen.paint  # noqa: B018
