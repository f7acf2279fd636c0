"""Small drawn data that several tests share."""

from __future__ import annotations

import io
import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from tests.browser import browser, chromium  # noqa: F401 (fixtures)

# A machine with other work draws examples slowly.
settings.register_profile("layoutgen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("layoutgen")

# A shell's `&` has its program ignore Ctrl-C, and so would every command that a test begins and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A process of several that share the tests is told a width, which a console keeps for good.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes come first, then those of many tests, so that all processes end together."""
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.get_closest_marker("long") is None, -tests[item.path]))


@pytest.fixture
def data() -> Path:
    """The folder of real data named by LAYOUTGEN_DATA; skips the test where there is none."""
    folder = os.environ.get("LAYOUTGEN_DATA")
    if not folder:
        pytest.skip("LAYOUTGEN_DATA names no folder with real data")
    return Path(folder)


def _picture(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    channels = (x * 255 // width, y * 255 // height, np.full_like(x, 128))
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


@lru_cache(maxsize=32)
def _picture_file(width: int, height: int, suffix: str) -> bytes:
    file = io.BytesIO()
    _picture(width, height).save(file, Image.registered_extensions()[suffix.lower()])
    return file.getvalue()


@pytest.fixture
def picture() -> Callable[[int, int], Image.Image]:
    """Makes a picture in which every pixel tells where it is: red grows with x, green with y."""
    return _picture


@pytest.fixture
def coco(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Writes a COCO document and a picture for each of its images; returns (images folder, json).

    `images` are (name, width, height) and get the ids 1, 2, ...; `objects` are (image id, label, bbox);
    named lists replace those of the document.
    """

    def write(
        images: list[tuple[str, int, int]], objects: list[tuple[int, str, list[float]]], **changes: Any
    ) -> tuple[Path, Path]:
        folder, file = tmp_path / "photos", tmp_path / "instances.json"
        for name, width, height in images:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(_picture_file(width, height, Path(name).suffix))
        labels = sorted({label for _, label, _ in objects} | {"cat", "dog"})
        document = {
            "images": [
                {"id": number, "file_name": name, "width": width, "height": height}
                for number, (name, width, height) in enumerate(images, 1)
            ],
            "categories": [{"id": number, "name": label} for number, label in enumerate(labels, 1)],
            "annotations": [
                {"id": number, "image_id": image, "category_id": labels.index(label) + 1, "bbox": bbox}
                for number, (image, label, bbox) in enumerate(objects, 1)
            ],
        }
        file.write_text(json.dumps(document | changes))
        return folder, file

    return write
