import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from layoutgen.errors import InvalidFile
from layoutgen.io.files import read_bytes
from layoutgen.io.images import is_plain, read_photo, save_drawing, save_photo


def turned(image: Image.Image, path: Path, orientation: int) -> Path:
    """Save `image` with an EXIF orientation that asks viewers to turn it."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image.save(path, exif=exif)
    return path


def test_boxes_refer_to_the_stored_pixels(tmp_path: Path, picture) -> None:
    path = turned(picture(40, 30), tmp_path / "a.png", 6)
    np.testing.assert_array_equal(np.asarray(read_photo(path, 40, 30)), np.asarray(picture(40, 30)))


def test_unless_only_the_turned_photo_has_the_annotated_size(tmp_path: Path, picture) -> None:
    path = turned(picture(40, 30), tmp_path / "a.png", 6)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(np.asarray(read_photo(path, 30, 40)), expected)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_what_is_written_asks_nobody_to_turn_it(tmp_path: Path, picture, suffix: str) -> None:
    path = turned(picture(40, 30), tmp_path / f"a{suffix}", 3)
    assert not is_plain(path)
    save_photo(read_photo(path, 40, 30), tmp_path / f"b{suffix}")
    assert is_plain(tmp_path / f"b{suffix}")


@pytest.mark.parametrize(
    ("mode", "name"), [("L", "a.png"), ("P", "a.png"), ("CMYK", "a.jpg"), ("LA", "a.png"), ("1", "a.png")]
)
def test_other_modes_become_rgb(tmp_path: Path, picture, mode: str, name: str) -> None:
    picture(40, 30).convert(mode).save(tmp_path / name)
    assert read_photo(tmp_path / name, 40, 30).mode == "RGB"
    assert not is_plain(tmp_path / name)


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 3), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png", 4, 3).getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    Image.fromarray(np.full((3, 4), 32768, np.uint16)).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png", 4, 3).getpixel((0, 0)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 30710, 61420]], np.int32), [0, 119, 239]),  # 16 bits in 32
        (np.array([[0, 1, 255]], np.int32), [0, 1, 255]),
        (np.array([[0, 2**30, 2**31 - 1]], np.int32), [0, 128, 255]),
        (np.array([[-100, 0, 100]], np.int32), [0, 128, 255]),
        (np.array([[7, 7, 7]], np.int32), [7, 7, 7]),
        (np.array([[0, 0.25, 1]], np.float32), [0, 64, 255]),
        (np.array([[0, 0, 0.5]], np.float32), [0, 0, 128]),
        (np.array([[0, 100.4, 255]], np.float32), [0, 100, 255]),
        (np.array([[0, 32767.5, 65535]], np.float32), [0, 128, 255]),
        (np.array([[-1, 0, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 5e5, 1e6]], np.float32), [0, 128, 255]),
    ],
)
def test_more_bits_are_scaled_by_the_range_that_holds_them(
    tmp_path: Path, values: np.ndarray, expected: list[int]
) -> None:
    Image.fromarray(values).save(tmp_path / "a.tif")
    photo = read_photo(tmp_path / "a.tif", 3, 1)
    assert photo.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(photo)[0], [[value] * 3 for value in expected])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    Image.fromarray(np.array([[0, 1, value]], np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(InvalidFile, match=r"a.tif: has pixels that are no finite numbers \(save it"):
        read_photo(tmp_path / "a.tif", 3, 1)


def test_a_copy_is_plain_only_under_its_own_suffix(tmp_path: Path, picture) -> None:
    picture(4, 3).save(tmp_path / "a.jpg", "PNG")
    picture(4, 3).save(tmp_path / "b.jpg")
    assert not is_plain(tmp_path / "a.jpg")
    assert is_plain(tmp_path / "b.jpg")


def broken(path: Path, picture) -> dict[str, str]:
    picture(64, 64).save(path / "cut.jpg")
    picture(64, 64).save(path / "cut.png")
    for name in ("cut.jpg", "cut.png"):
        (path / name).write_bytes((path / name).read_bytes()[:-60])
    (path / "text.jpg").write_text("hello")
    (path / "empty.jpg").write_bytes(b"")
    (path / "folder.jpg").mkdir()
    picture(60, 64).save(path / "other.jpg")
    return {
        "cut.jpg": "not an image that can be read", "cut.png": "not an image that can be read",
        "text.jpg": "not an image that can be read", "empty.jpg": "not an image that can be read",
        "folder.jpg": "not an image that can be read", "gone.jpg": "no such file",
        "other.jpg": "has 60 x 64 pixels, but the annotations say 64 x 64",
    }  # fmt: skip


def test_a_broken_file_is_named(tmp_path: Path, picture) -> None:
    for name, problem in broken(tmp_path, picture).items():
        with pytest.raises(InvalidFile, match=problem) as caught:
            read_photo(tmp_path / name, 64, 64)
        assert str(caught.value).count(str(tmp_path / name)) == 1


def test_another_size_is_taken_only_where_it_may_differ(tmp_path: Path, picture) -> None:
    path = turned(picture(40, 30), tmp_path / "a.png", 6)
    with pytest.raises(InvalidFile, match="has 40 x 30 pixels, but the annotations say 64 x 64"):
        read_photo(path, 64, 64)
    assert read_photo(path, 64, 64, any_size=True).size == (40, 30)  # as it is stored
    assert read_photo(path, 30, 40, any_size=True).size == (30, 40)


def test_drawings_are_jpegs_in_folders_that_are_made(tmp_path: Path, picture) -> None:
    save_drawing(picture(40, 30), tmp_path / "sub" / "a.jpg")
    with Image.open(tmp_path / "sub" / "a.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (40, 30))


def bomb(path: Path, width: int, height: int) -> Path:
    """A PNG of a few bytes that says it has `width` x `height` pixels."""
    head = struct.pack(">II", width, height) + b"\x01\0\0\0\0"
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(body))
    return path


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    said = r"a\.png: has more than the 178,956,970 pixels that are read at once \(scale it down, or cut it"
    with pytest.raises(InvalidFile, match=said):
        read_photo(bomb(tmp_path / "a.png", 20_000, 20_000))
    with pytest.raises(InvalidFile, match="is not an image that can be read"):
        read_photo(bomb(tmp_path / "b.png", 2**31 - 1, 0))


@pytest.mark.parametrize("size", [(1, 1), (20_000, 1), (1, 20_000)])
def test_photos_of_any_shape_are_read(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "red").save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png", *size).getpixel((0, 0)) == (255, 0, 0)


def test_of_an_animation_the_first_picture_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_photo(tmp_path / "a.gif", 8, 6).getpixel((0, 0)) == (255, 0, 0)


def test_the_name_does_not_say_what_an_image_is(tmp_path: Path, picture) -> None:
    picture(40, 30).save(tmp_path / "a.jpg", "PNG")
    np.testing.assert_array_equal(
        np.asarray(read_photo(tmp_path / "a.jpg", 40, 30)), np.asarray(picture(40, 30))
    )
    assert not is_plain(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.png"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(InvalidFile, match=r"a\.png: is "):
        read_photo(path)
    with pytest.raises(InvalidFile, match=r"a\.png: is "):
        read_bytes(path)


def test_a_pipe_of_the_shell_is_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"content")
    os.close(writing)
    assert read_bytes(Path(f"/dev/fd/{reading}")) == b"content"
    os.close(reading)
