from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile
from layoutgen.formats.png import read_png, write_png

Picture = Callable[[int, int], Image.Image]
LAYOUT = Layout(
    64, 48, (Instance("dog", Box(-3.25, 5, 20, 0.1 + 20)),), prompt="ein Hund 犬", negative_prompt="x"
)
SETTINGS = {"steps": 20, "guidance": 7.5, "model": None, "method": "img2img", "seed": 3}


def test_write_then_read(tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "a.png"
    write_png(picture(64, 48), path, LAYOUT, SETTINGS)
    assert read_png(path) == (LAYOUT, SETTINGS)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(picture(64, 48)))
        assert json.loads(image.info["layoutgen"])["format"] == 1
    assert list(tmp_path.iterdir()) == [path]


json_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)


@given(
    st.dictionaries(st.text().filter(lambda name: name != "seed"), json_values),
    st.fixed_dictionaries({}, optional={"seed": st.integers()}),  # anything else is a damaged file
    st.text(),
    st.text(min_size=1).filter(str.strip),
)
def test_any_settings_prompt_and_label(
    tmp_path_factory: pytest.TempPathFactory,
    settings: dict[str, object],
    seed: dict[str, object],
    prompt: str,
    label: str,
) -> None:
    layout, settings = Layout(8, 8, (Instance(label, Box(0, 0, 4, 4)),), prompt), settings | seed
    path = tmp_path_factory.mktemp("png") / "a.png"
    write_png(Image.new("RGB", (8, 8)), path, layout, settings)
    assert read_png(path) == (layout, settings)


def test_5000_instances(tmp_path: Path) -> None:
    box = Box(0.123456789012345, 0.1, 4.123456789012345, 4.1)
    layout = Layout(8, 8, tuple(Instance(f"label {n}", box) for n in range(5000)))
    write_png(Image.new("RGB", (8, 8)), tmp_path / "a.png", layout, {})
    assert read_png(tmp_path / "a.png")[0] == layout


def stored(path: Path, text: str) -> Path:
    info = PngInfo()
    info.add_text("layoutgen", text)
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "text 'layoutgen': is not JSON"),
        ('{"format": 2}', "holds data of format 2.*upgrade"),
        ('{"format": 1, "layout": {}}', "settings are damaged"),
        ('{"format": 1, "layout": {}, "settings": {}}', "canvas is missing"),
        ('{"format": 1, "layout": null, "settings": {}}', "must hold canvas"),
        (
            '{"format": 1, "settings": {}, "layout": {"canvas": {"width": 9, "height": 9}, '
            '"instances": [{"label": "dog", "xyxy": [5, 0, 3, NaN]}]}}',
            r"instances\[0\].xyxy: must be 4 finite",
        ),
    ],
)
def test_data_that_is_not_ours_or_damaged(tmp_path: Path, text: str, said: str) -> None:
    path = stored(tmp_path / "a.png", text)
    with pytest.raises(InvalidFile, match=said) as caught:
        read_png(path)
    assert str(caught.value).startswith(str(path))


def test_files_without_a_layout(tmp_path: Path, picture: Picture) -> None:
    with pytest.raises(InvalidFile, match="no such file"):
        read_png(tmp_path / "none.png")
    picture(20, 10).save(tmp_path / "plain.png")
    with pytest.raises(InvalidFile, match=r"holds no layout \(give a PNG that `layoutgen sample` wrote"):
        read_png(tmp_path / "plain.png")
    picture(20, 10).save(tmp_path / "photo.png", "JPEG", comment="layoutgen")
    with pytest.raises(InvalidFile, match="holds no layout"):
        read_png(tmp_path / "photo.png")
    (tmp_path / "text.png").write_text("canvas: 5")
    with pytest.raises(InvalidFile, match="is not an image"):
        read_png(tmp_path / "text.png")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.95])
def test_a_png_that_is_cut_off(tmp_path: Path, picture: Picture, share: float) -> None:
    path = tmp_path / "a.png"
    write_png(picture(64, 48), path, LAYOUT, SETTINGS)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InvalidFile, match="is not an image, or is cut off"):
        read_png(path)


def test_a_seed_that_is_no_number_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a_0.png"
    write_png(Image.new("RGB", (64, 64)), path, Layout(64, 64), {"seed": "0"})
    with pytest.raises(InvalidFile, match="its settings are damaged"):
        read_png(path)
