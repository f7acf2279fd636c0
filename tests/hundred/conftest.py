"""Images drawn as the layouts say, and a detector that sees what is drawn."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from benchmarks.hundred.layouts import Cell
from benchmarks.hundred.scorer import look, score
from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box
from layoutgen.evaluation.benchmark_protocols import find_protocol
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions

COLORS = {"dog": (230, 20, 20), "cat": (20, 20, 230)}
CELLS = (Cell(3), Cell(10), Cell(10, "several"), Cell(10, arrangement="mixed", seed=1))


class Blobs(Evaluator):
    """Sees what is red as dogs and what is blue as cats."""

    def __init__(self, protocol=None):
        found = None if protocol is None else find_protocol(protocol)
        super().__init__(EvaluatorOptions(results=True, protocol=found))
        self.looked = 0

    def detect(self, source):
        for image in source.images:
            self.looked += 1
            pixels = np.asarray(source.read_image(image, any_size=True)).astype(int)
            across, down = image.layout.width / pixels.shape[1], image.layout.height / pixels.shape[0]
            seen = []
            for label, color in COLORS.items():
                places, _ = ndimage.label(np.abs(pixels - color).max(-1) < 60)
                for rows, columns in ndimage.find_objects(places):
                    box = Box(
                        columns.start * across, rows.start * down, columns.stop * across, rows.stop * down
                    )
                    seen.append(Detection(label, box, 0.9))
            yield image.id, tuple(seen)


def draw(layout, labels=None):
    """An image with what `layout` asks for, each object one pixel inside of its box."""
    image = Image.new("RGB", (layout.width, layout.height), (120, 160, 110))
    for number, one in enumerate(layout.instances):
        x0, y0, x1, y1 = one.box.xyxy
        label = labels[number] if labels else one.label
        ImageDraw.Draw(image).rectangle((x0 + 1, y0 + 1, x1 - 2, y1 - 2), fill=COLORS[label])
    return image


@pytest.fixture
def drawn(tmp_path):
    """A folder with the right image of every cell."""
    folder = tmp_path / "images"
    folder.mkdir()
    for cell in CELLS:
        draw(cell.layout()).save(folder / f"{cell.name}.png")
    return folder


@pytest.fixture
def scored(tmp_path):
    """Scores a folder of images of CELLS."""

    def make(folder, evaluator=None):
        evaluator = evaluator or Blobs()
        return score(evaluator, tuple(look(evaluator, folder, CELLS, tmp_path / "kept")))

    return make
