"""The commands that write, with small inputs for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.formats.prepared import write_prepared
from tests.formats.exports import write

_COUNT = 12  # images


@dataclass(frozen=True)
class Writer:
    """A command that writes.

    Attributes:
        arguments: ``IN`` is the folder of the inputs, ``OUT`` what is written.
        varies: names of files that tell the time, or a state of this process that nothing depends on.
        continues: what it has finished is kept when it ends early.
    """

    name: str
    arguments: str
    varies: tuple[str, ...] = ()
    continues: bool = False

    def words(self, inputs: Path, output: Path) -> list[str]:
        """The command line."""
        return [
            word.replace("IN", str(inputs)).replace("OUT", str(output)) for word in self.arguments.split()
        ]


def write_inputs(folder: Path) -> None:
    """What all commands read: photos with COCO annotations, prepared data, layouts, settings, a painter."""
    from tests.toy import toy_pipeline

    images, objects = [], []
    for number in range(1, _COUNT + 1):
        name = f"{number}.png"
        (folder / "images").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (128, 96), (20 * number, 120, 90)).save(folder / "images" / name)
        images.append({"id": number, "file_name": name, "width": 128, "height": 96})
        outline = [8, 10, 68, 10, 68, 66, 8, 66]
        one = {
            "id": number,
            "image_id": number,
            "category_id": 1,
            "bbox": [8, 10, 60, 56],
            "segmentation": [outline],
        }
        objects.append(one)
    document = {"images": images, "categories": [{"id": 1, "name": "dog"}], "annotations": objects}
    write(folder / "coco.json", document)
    write(folder / "results.json", [{"image_id": 1, "category_id": 1, "bbox": [8, 10, 60, 56], "score": 0.9}])
    (folder / "grounds").mkdir()
    Image.new("RGB", (256, 256), "green").save(folder / "grounds" / "green.png")
    _prepared(folder / "data")
    write(
        folder / "shape.yaml",
        "{window: 32, patch_size: 4, latent_channels: 6, autoencoder_images: 4, autoencoder_steps: 1,\n"
        " text_dim: 32, text_layers: 1, channels: [16, 32], frequencies: 3}\n",
    )
    layouts = json.loads(json.dumps(document))
    for image in layouts["images"]:
        image |= {"width": 64, "height": 64}
    for one in layouts["annotations"]:
        one |= {"bbox": [4, 5, 40, 44]}
    write(folder / "layouts.json", layouts)
    toy_pipeline(folder / "toy", size=8).save_pretrained(folder / "painter")


def _prepared(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number in range(6):
        Image.new("RGB", (48, 48), (90 + number, 120, 120)).save(folder / f"{number}.png")
        layout = Layout(48, 48, (Instance("dog", Box(4 + number, 5, 30, 40)),), "a dog")
        entries.append(AnnotatedImage(number, f"{number}.png", layout))
    write_prepared(folder, entries)


_TRAIN = (
    "train IN/data -o OUT --from-scratch IN/shape.yaml --train-text-encoder --resolution 32 --method img2img"
    " --images 12 --batch-size 2 --save-every 4 --report-every 6 --workers 1 --device cpu --quiet"
)
_SAMPLE = (
    "sample IN/layouts.json -o OUT --model IN/painter --method regional --steps 2 --device cpu --dtype fp32"
)

# Means over ten steps begin anew where a run was interrupted, and so do the curves that are drawn of them.
_VARY_IN_A_RUN = ("metrics.jsonl", "curves.png", "origin.yaml", "random_states_0.pkl")
_SCENES = "prepare scenes IN/coco.json --backgrounds IN/grounds -o OUT --canvas 128 128 --size 40 50 --quiet"

WRITERS = (
    Writer("sample", f"{_SAMPLE} --batch-size 2 --quiet", continues=True),
    Writer("prepare coco", "prepare coco IN/images IN/coco.json -o OUT --size 32 --quiet"),
    Writer("prepare scenes", f"{_SCENES} --count 40 --workers 2"),
    Writer("endless scenes", f"{_SCENES} --endless"),
    Writer("convert", "convert IN/images IN/coco.json OUT --to yolo --quiet"),
    Writer("visualize", "visualize IN/coco.json --images IN/images -o OUT --quiet"),
    Writer("visualize --html", "visualize IN/coco.json --images IN/images -o OUT --html --quiet"),
    Writer("evaluate --html", "evaluate IN/coco.json --detections IN/results.json -o OUT --html --quiet"),
    Writer("inspect --html", "inspect IN/images IN/coco.json --html -o OUT/page.html --quiet"),
    Writer("train", _TRAIN, _VARY_IN_A_RUN, continues=True),
)  # fmt: skip

Tree = dict[str, bytes]


def tree(folder: Path) -> Tree:
    """All files below `folder`, hidden ones too."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


Check = Callable[[Path], None]
