import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

import layoutgen
from layoutgen.cli import app, console
from layoutgen.cli.options import spell_options
from layoutgen.errors import InvalidOption
from layoutgen.io.files import STANDARD_INPUT

ROOT = Path(layoutgen.__file__).parents[1]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("command", [[], ["prepare"], ["prepare", "coco"], ["visualize"], ["evaluate"]])
def test_help_answers_without_the_heavy_libraries(command: list[str]) -> None:
    code = (
        "import sys\nfrom layoutgen.cli import app\n"
        f"app({[*command, '--help']}, standalone_mode=False)\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'accelerate', 'numpy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr
    assert "Usage" in result.stdout


def test_preparing_and_visualizing_need_no_torch() -> None:
    code = (
        "import sys, layoutgen.data.prepare_coco, layoutgen.drawing.gallery\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'accelerate'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr


def test_the_module_is_the_command() -> None:
    result = python("-m", "layoutgen", "--version")
    assert (result.returncode, result.stdout) == (0, f"layoutgen {layoutgen.__version__}\n")


@pytest.fixture
def failing():
    """Adds a command `fail` that raises what it is told, for as long as the test runs."""
    error: list[BaseException] = []

    @app.command("fail", hidden=True)
    def fail() -> None:
        raise error[0]

    yield error
    app.registered_commands.pop()


def test_what_a_user_can_mend_is_one_line_as_it_is(failing) -> None:
    failing.append(InvalidOption(f"[red]{'x' * 300}[/red] and\na second line, [0, 1], 'text'"))
    result = CliRunner().invoke(app, ["fail"])
    assert result.exit_code == 2
    assert result.stderr == f"layoutgen: [red]{'x' * 300}[/red] and a second line, [0, 1], 'text'\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("message", "spelled"),
    [
        ("`batch_size` must be at least 1", "--batch-size must be at least 1"),
        ("pass `methods`, or another `output` than `data`", "pass --method, or another --output than DATA"),
        ("use `cache_latents`, not `aspect_buckets`", "use --cache-latents, not --aspect-buckets"),
        ("`magic` and `layoutgen train` are no settings", "`magic` and `layoutgen train` are no settings"),
    ],
)
def test_settings_are_spelled_as_the_options_of_the_command(message: str, spelled: str) -> None:
    assert spell_options(message, get_command(app).commands["train"]) == spelled


def test_settings_of_a_subcommand_are_spelled_as_well(tmp_path: Path) -> None:
    command = get_command(app).commands["prepare"]
    assert spell_options("`backgrounds` is a file", command) == "--backgrounds is a file"
    result = CliRunner().invoke(app, ["train", str(tmp_path), "-o", str(tmp_path), "--batch-size", "0"])
    data = f"{tmp_path}: holds no metadata.jsonl (make prepared data with `layoutgen prepare`)"
    batch = "--batch-size must be at least 1, not 0"
    assert (result.exit_code, result.stderr) == (2, f"layoutgen: {data}; {batch}\n")


@pytest.mark.parametrize("error", [ValueError, KeyError, OSError, RuntimeError])
def test_a_bug_keeps_its_traceback(failing, error: type[Exception]) -> None:
    failing.append(error("a bug"))
    with pytest.raises(error):
        CliRunner().invoke(app, ["fail"], catch_exceptions=False)


def test_an_interrupt_is_one_line(failing) -> None:
    failing.append(KeyboardInterrupt())
    result = CliRunner().invoke(app, ["fail"])
    assert (result.exit_code, result.stderr) == (130, "layoutgen: interrupted\n")


def test_commands_end_as_they_say(failing) -> None:
    failing.append(typer.Exit(7))
    assert CliRunner().invoke(app, ["fail"]).exit_code == 7


def test_no_bar_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress() as bar:
        assert list(bar.track(range(3), total=3)) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_too_little_memory_is_one_line(refused, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("layoutgen.api.sample.make_plan", fail)
    assert "there is not enough memory: ask for less at once" in refused("sample", "-n", "3", "dogs")


def test_other_errors_keep_their_traceback(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("layoutgen.api.sample.make_plan", fail)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        run("sample", "-n", "3", "dogs")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_and_what_it_began(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """The signal comes while the output folder is being filled."""
    program = (
        "import sys, time, layoutgen.formats.convert as module\nfrom layoutgen.cli import app\n"
        "def slow(*_):\n    print('now', flush=True)\n    time.sleep(60)\n"
        "module._copy = slow\nsys.argv[0] = 'layoutgen'\napp()\n"
    )
    coco, out = tmp_path / "coco.json", tmp_path / "out"
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    image = {"id": 1, "file_name": "a.png", "width": 9, "height": 9}
    coco.write_text(json.dumps({"images": [image], "categories": [], "annotations": []}))
    command = [sys.executable, "-c", program, "convert", str(coco), str(out), "--to", "yolo"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as run:
        assert run.stdout is not None and run.stderr is not None
        assert run.stdout.readline() == "now\n"
        run.send_signal(number)
        printed = run.stderr.read()
    assert (run.returncode, printed) == (code, "layoutgen: interrupted\n" if code == 130 else "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "coco.json"]


def test_whoever_types_a_layout_is_told_how_to_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console.note_typing([STANDARD_INPUT])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    console.note_typing([Path("layout.yaml")])
    assert capsys.readouterr().err == ""
    console.note_typing([STANDARD_INPUT])
    assert "Ctrl-D ends it" in capsys.readouterr().err
