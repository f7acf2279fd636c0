"""Importing large libraries: without garbage collections, and only those that a command needs."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest

from layoutgen.imports import importing

NEVER_PAINTING = (
    "cv2",
    "datasets",
    "diffusers.pipelines.stable_diffusion",
    "faster_coco_eval",
    "layoutgen.detection.loading",
    "layoutgen.training.loop",
    "matplotlib",
    "pandas",
    "pyarrow",
    "pycocotools",
    "sklearn",
    "timm",
    "torch._inductor.compile_fx",
    "torchmetrics",
    "transformers.pipelines",
)


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_rests_meanwhile_and_is_left_as_it_was(collects: bool) -> None:
    before = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        with pytest.raises(ModuleNotFoundError), importing():
            assert not gc.isenabled()
            import nowhere  # noqa: F401
        assert gc.isenabled() is collects
    finally:
        (gc.enable if before else gc.disable)()


def test_a_picture_needs_no_library_of_other_commands(tmp_path: Path) -> None:
    # diffusers and transformers themselves import much; this is what comes on top by a command's own doing.
    program = """
import gc, json, sys
during = []
importing = lambda: "diffusers" in sys.modules and "layoutgen.pipeline" not in sys.modules
gc.callbacks.append(lambda *_: during.append(importing()))
from layoutgen.cli import app
app(sys.argv[1:], prog_name="layoutgen", standalone_mode=False)
print(json.dumps([sorted(sys.modules), any(during)]))
"""
    words = ["sample", "-n", "1", "dog", "--width", "64", "--height", "64", "--steps", "1", "-q", "-o"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words, str(tmp_path / "out")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    loaded, collected = json.loads(done.stdout.splitlines()[-1])
    assert {"diffusers", "layoutgen.pipeline"} <= set(loaded)
    assert set(NEVER_PAINTING) & set(loaded) == set()
    assert not collected  # while libraries were imported
