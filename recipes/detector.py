"""Train the detector that ships in layoutgen/assets: python recipes/detector.py PETS COCO RUN.

PETS and COCO: COCO jsons of the photos to learn from (see detector_scenes.py), their images beside them. The
same command again continues the run. Its end writes RUN/model, which `--embed` copies into the package.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detector_distractors import LABELS, NOTHING
from detector_scenes import CROPS, SIDE, DetectorScenes
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn, update_bn

from layoutgen.assets import DETECTOR
from layoutgen.data.scenes import Scene
from layoutgen.detection.detectors import ClosedDetector
from layoutgen.detection.grid_detector import GridDetector, GridDetectorConfig, GridDetectorProcessor
from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.layout import Layout
from layoutgen.evaluation.scoring import score
from layoutgen.io.files import replacing

_SHAPE = {"backbone": "efficientnet-lite0", "enlarge": 2, "head_width": 128}
_CLASSES = (*LABELS, NOTHING)
_SIZES = (32, 140)  # pixels of animals; smaller ones it tells apart better when they are enlarged
_SAME = 0.45  # IoU from which two boxes are of one animal
_WARM_UP = 100  # steps
_BACKBONE_RATE = 0.15  # of the learning rate: it knows animals already
_EMA = 0.998


def main() -> None:
    """Parse, train, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pets", type=Path)
    parser.add_argument("coco", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=2000, help="of --batch-size images each")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--save-every", type=int, default=100, help="steps")
    parser.add_argument("--embed", action="store_true", help="at the end put the model into the package")
    chosen = parser.parse_args()
    chosen.run.mkdir(parents=True, exist_ok=True)
    scenes = DetectorScenes(chosen.pets, chosen.coco)
    model = train(chosen, scenes).eval()
    save(model, chosen.run / "model", best_threshold(model, scenes))
    if chosen.embed:
        shutil.rmtree(DETECTOR, ignore_errors=True)
        shutil.copytree(chosen.run / "model", DETECTOR)


def train(chosen: argparse.Namespace, scenes: DetectorScenes) -> GridDetector:
    """Train from where the run stands; returns the averaged model."""
    torch.manual_seed(0)
    names = dict(enumerate(LABELS))
    config = GridDetectorConfig(id2label=names, label2id={v: k for k, v in names.items()}, **_SHAPE)
    model = GridDetector(config)
    model.backbone.load_pretrained()
    for block in model.backbone.blocks:
        block.depthwise.requires_grad_(False)  # nothing is lost, and a step takes half the time
    average = AveragedModel(model, avg_fn=get_ema_avg_fn(_EMA), use_buffers=True)
    optimizer = torch.optim.AdamW(groups(model, chosen.learning_rate), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, chosen.steps))
    parts: dict[str, Any] = {"model": model, "average": average, "optimizer": optimizer, "schedule": schedule}
    start, seconds = restore(chosen.run / "checkpoint.pt", parts)
    began, losses = time.process_time() - seconds, []
    per_step = chosen.batch_size // CROPS
    model.train()
    for step in range(start, chosen.steps):
        pixels, labels = batch([s for k in range(per_step) for s in scenes.crops(step * per_step + k)])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(pixels, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        average.update_parameters(model)
        losses.append(loss.item())
        if (step + 1) % 50 == 0:
            report(chosen.run, step + 1, float(np.mean(losses)), time.process_time() - began)
            losses.clear()
        if (step + 1) % chosen.save_every == 0 or step + 1 == chosen.steps:
            store(chosen.run / "checkpoint.pt", parts, step + 1, time.process_time() - began)
    # The average of what batches looked like lags behind the average of the weights.
    update_bn((batch(scenes.crops(9**9 + k))[0] for k in range(100)), average.module)
    return average.module


def groups(model: GridDetector, learning_rate: float) -> list[dict[str, Any]]:
    """What learns, and how fast."""
    backbone = [p for p in model.backbone.parameters() if p.requires_grad]
    known = set(map(id, model.backbone.parameters()))
    rest = [p for p in model.parameters() if id(p) not in known]
    return [{"params": rest, "lr": learning_rate}, {"params": backbone, "lr": _BACKBONE_RATE * learning_rate}]


def rate(step: int, steps: int) -> float:
    """The learning rate as a share of its highest: a short warm-up, and over the last half down to nothing.

    So a run of any length can be made longer until its second half begins.
    """
    return min(step / _WARM_UP, 2 * (1 - step / steps), 1)


def batch(scenes: list[Scene]) -> tuple[Tensor, list[dict[str, Tensor]]]:
    """Pixels (B, 3, H, W) in [-1, 1], and what transformers' detectors call labels."""
    pixels = torch.from_numpy(np.stack([np.asarray(scene.image) for scene in scenes]))
    labels = []
    for scene in scenes:
        boxes = torch.tensor([i.box.xyxy for i in scene.layout.instances]).reshape(-1, 4) / SIDE
        labels.append(
            {
                "class_labels": torch.tensor(
                    [_CLASSES.index(i.label) for i in scene.layout.instances], dtype=torch.long
                ),
                "boxes": torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], dim=1),
            }
        )
    return pixels.movedim(-1, 1).float() / 127.5 - 1.0, labels


def restore(path: Path, parts: dict[str, Any]) -> tuple[int, float]:
    """Load what :func:`store` wrote, if it is there; returns its step and processor seconds."""
    if not path.is_file():
        return 0, 0.0
    state = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["step"], state["seconds"]


def store(path: Path, parts: dict[str, Any], step: int, seconds: float) -> None:
    """Write a checkpoint in place of the last one."""
    state = {name: part.state_dict() for name, part in parts.items()}
    with replacing(path) as aside:
        torch.save(state | {"step": step, "seconds": seconds}, aside)


def report(run: Path, step: int, loss: float, seconds: float) -> None:
    """Add a line to the log and print it."""
    line = json.dumps({"step": step, "loss": round(loss, 4), "processor_minutes": round(seconds / 60, 2)})
    with (run / "log.jsonl").open("a") as file:
        file.write(line + "\n")
    print(line, flush=True)


def best_threshold(model: GridDetector, scenes: DetectorScenes, count: int = 40) -> float:
    """The score with the best F1 on training images that the training has not come to."""
    unseen = [scene for k in range(count) for scene in scenes.crops(10**9 + k)]
    detector = ClosedDetector(model, GridDetectorProcessor(), "cpu")
    images, found = [], {}
    for number, scene in enumerate(unseen):
        targets = tuple(i for i in scene.layout.instances if i.label in LABELS)
        images.append(AnnotatedImage(number, f"{number}.png", Layout(SIDE, SIDE, targets)))
        found[number] = detector.detect([scene.image], LABELS, 0.05)[0]
    results = {
        t: score(images, found, LABELS, threshold=t).counts.f1 or 0
        for t in np.arange(0.2, 0.71, 0.05).tolist()
    }
    print("F1 by threshold: " + ", ".join(f"{t:.2f} {f1:.4f}" for t, f1 in results.items()))
    return round(max(results, key=lambda t: results[t]), 2)


def save(model: GridDetector, folder: Path, threshold: float) -> None:
    """Write the model in fp16, with its processor."""
    model.half().save_pretrained(folder)
    processor = GridDetectorProcessor(score_threshold=threshold, object_sizes=_SIZES, iou_threshold=_SAME)
    processor.save_pretrained(folder)
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    print(f"{folder}: {size:.1f} MB")


if __name__ == "__main__":
    main()
