"""The whole benchmark with painters that draw: it goes on, says what is left out, gives the same tables."""

import json
import re

import pytest
import torch
from PIL import Image

from benchmarks.hundred import run as running
from benchmarks.hundred.__main__ import main
from benchmarks.hundred.ceiling import Ceiling
from benchmarks.hundred.layouts import PRESETS, Cell, Preset
from benchmarks.hundred.painters import Painter, painters, regions_cost
from benchmarks.hundred.run import CEILING, Run, run
from layoutgen.data.scene_pasting import Cutout
from layoutgen.data.scenes import SceneComposer, SceneConfig
from layoutgen.denoising.evaluations import counting
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile, InvalidOption
from tests.benchmarks import peers
from tests.hundred.conftest import Blobs, draw
from tests.toy import toy_pipeline


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return toy_pipeline(tmp_path_factory.mktemp("toy"), size=8)


@pytest.fixture
def painted(toy, monkeypatch):
    """Takes the place of model, painters and detector; tells what was painted."""
    names = []

    def note(name):
        def paint(layout, seed):
            names.append(name)
            toy.unet(torch.zeros(2, 4, 8, 16), 0, torch.zeros(2, 5, 24))
            right = name == "img2img"
            return draw(layout if right else layout.with_instances(layout.instances[:1]))

        return paint

    regions = Painter(note("regions"), toy.backbone, lambda layout: regions_cost(layout, 64))
    ways = {
        "img2img": Painter(note("img2img"), toy.backbone),
        "text2img": Painter(None, toy.backbone, problem="the model was not trained for it"),
        "region MultiDiffusion": regions,
    }
    monkeypatch.setattr(running, "load_pipeline", lambda *_: toy)
    monkeypatch.setattr(running, "painters", lambda _: ways)
    monkeypatch.setattr(running, "evaluator_for", lambda *_: Blobs())
    monkeypatch.setitem(PRESETS, "quick", Preset(lambda seeds: [Cell(3), Cell(10), Cell(30)], 1))
    return names


def asked(folder, preset="quick", **changes):
    methods = ("img2img", "text2img", "region MultiDiffusion")
    return Run(folder, preset, 1, **{"methods": methods, "budget": 5_000, "most": 10} | changes)


def test_a_run_goes_on_and_gives_the_same_tables(painted, tmp_path):
    told = list(run(asked(tmp_path)))
    assert painted == ["img2img", "regions", "img2img"]
    assert told[0].startswith("img2img, 0003_one_scattered_0: 4 evaluations")  # 2 latents of two windows
    first = (tmp_path / "RESULTS.md").read_text()
    assert "| img2img | 100.0 / 100.0 | 100.0 / 100.0 | - |" in first
    assert "| region MultiDiffusion | 33.3 / 100.0 | - | - |" in first
    names = "0003_one_scattered_0, 0010_one_scattered_0, 0030_one_scattered_0"
    assert f"text2img: {names}: the model was not trained for it" in first
    assert "0010_one_scattered_0: it takes 7,040 evaluations, more than the 5,000" in first
    assert f"{CEILING}: 0003_one_scattered_0" in first and "no folder of real photos was given" in first
    lost = tmp_path / "images" / "img2img" / "0010_one_scattered_0.png"
    before = lost.read_bytes()
    lost.unlink()
    painted.clear()
    list(run(asked(tmp_path)))
    assert painted == ["img2img"] and lost.read_bytes() == before
    seconds = re.compile(r"\d+ \|$", re.MULTILINE)
    assert seconds.sub("", (tmp_path / "RESULTS.md").read_text()) == seconds.sub("", first)


def test_what_costs_too_much_is_said_before_it_is_painted(painted, tmp_path):
    list(run(asked(tmp_path, budget=500)))
    assert "regions" not in painted
    text = (tmp_path / "RESULTS.md").read_text()
    # 20 guided steps of 4 prompts on 192 x 192 pixels, nine windows of 64.
    assert "0003_one_scattered_0: it takes 1,440 evaluations, more than the 500" in text


def test_a_folder_of_another_run_is_refused(painted, tmp_path, toy):
    list(run(asked(tmp_path, most=1)))
    assert json.loads((tmp_path / "run.json").read_text())["preset"] == "quick"
    with pytest.raises(InvalidOption, match="holds a run of other weights or cells"):
        list(run(asked(tmp_path, most=1, preset="coco-mig")))
    with pytest.raises(InvalidOption, match="there is no method best, only text2img"):
        asked(tmp_path, methods=("best",))


def test_data_of_the_ceiling_that_are_not_there_are_refused_at_once(painted, tmp_path):
    with pytest.raises(InvalidFile, match=r"there is no such file \(name a folder with pets/ and coco/\)"):
        list(run(asked(tmp_path / "out", most=1, data=tmp_path)))
    assert not painted and not (tmp_path / "out").exists()


def test_nothing_of_somebody_else_is_written_over(painted, tmp_path, capsys):
    for name, command in {"RESULTS.md": "run", "annotations.coco.json": "layouts"}.items():
        folder = tmp_path / command
        folder.mkdir()
        (folder / name).write_text("{}")
        with pytest.raises(SystemExit, match=rf"error: .*{name} .*choose another folder"):
            main([command, str(folder)])
        assert [path.name for path in folder.iterdir()] == [name]
        assert (folder / name).read_text() == "{}"
        with pytest.raises(SystemExit, match=r"error: .*is a file; name a folder"):
            main([command, str(folder / name)])
        with pytest.raises(SystemExit):
            main([command, str(tmp_path / "new"), "--seeds", "0"])
        assert "must be 1 or more, not 0" in capsys.readouterr().err


def test_a_pipeline_whose_loading_warns_of_torchvision_is_loaded_only_where_it_paints() -> None:
    assert not [name for name in vars(peers) if name.startswith("StableDiffusion")]


def test_an_interrupted_run_says_that_it_goes_on(tmp_path, capsys, monkeypatch):
    def stopped(_):
        yield "img2img"
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.hundred.__main__.run", stopped)
    with pytest.raises(SystemExit) as stop:
        main(["run", str(tmp_path)])
    assert stop.value.code == 130
    assert capsys.readouterr() == ("img2img\n", "interrupted: the same command goes on\n")


def test_the_ceiling_has_a_scene_for_every_arrangement_with_its_own_labels(tmp_path):
    cutouts = [Cutout(label, Image.new("RGBA", (40, 50), (200, 60, 40, 255))) for label in ("cat", "dog")]
    ceiling = Ceiling(SceneComposer(cutouts, [Image.new("RGB", (90, 90), (90, 160, 80))], SceneConfig()))
    cells = (Cell(30, "several", "mixed"), Cell(30, "one", "rows", 1))
    asked = {cell: cell.layout() for cell in cells}
    for cell, layout in ceiling.compose(asked, tmp_path).items():
        assert [one.label for one in layout.instances] == [one.label for one in asked[cell].instances]
        for found, wanted in zip(layout.instances, asked[cell].instances, strict=True):
            assert found.box.xyxy == pytest.approx(wanted.box.xyxy, abs=1)
        with Image.open(tmp_path / f"{cell.name}.png") as image:
            assert image.size == (layout.width, layout.height)


def test_the_peers_paint_on_the_same_weights_and_their_evaluations_are_counted(toy):
    layout = Layout(
        64, 96, (Instance("a", Box(8, 8, 40, 48)), Instance("b", Box(16, 56, 48, 88))), prompt="a b"
    )
    ways = painters(toy)
    assert ways["text2img"].problem == "" and ways["img2img"].problem == ""
    costs, images = {}, {}
    for name in ("regional", "region MultiDiffusion", "plain diffusion"):
        with counting(ways[name].backbone) as counter:
            image = ways[name].paint(layout, 3)
        assert image.size == (64, 96)
        costs[name] = counter.windows
        images[name] = image.tobytes()
    again = ways["region MultiDiffusion"].paint(layout, 3)
    assert again.tobytes() == images["region MultiDiffusion"]
    assert costs["region MultiDiffusion"] == regions_cost(layout, toy.window) == 2 * 20 * 3 * 1.5
    assert costs["regional"] == costs["plain diffusion"] > 2 * 20
    assert images["regional"] != images["plain diffusion"]


def test_images_of_any_tool_are_scored_from_the_command_line(drawn, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.hundred.__main__.evaluator_for", lambda *_: Blobs())
    cells = [Cell(3), Cell(10), Cell(10, "several")]
    monkeypatch.setitem(PRESETS, "quick", Preset(lambda seeds: cells, 1))
    (drawn / "0003_one_scattered_0.png").unlink()
    main(["score", str(drawn)])
    text = capsys.readouterr().out
    assert "| images | 0.0 / - | 100.0 / 100.0 |" in text
    assert "| images | 3 | one | scattered | 1 (1 missing) | 0.0 |" in text
    main(["layouts", str(tmp_path / "layouts")])
    assert (tmp_path / "layouts" / "0010_several_scattered_0.json").is_file()
    with pytest.raises(SystemExit, match=r"error: .*there is no such folder"):
        main(["score", str(tmp_path / "nowhere")])
