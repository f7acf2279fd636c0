"""Score what a detector saw against a layout, one to one: python examples/score_detections.py OUT."""

import sys
from pathlib import Path

from layoutgen import Box, Instance, Layout
from layoutgen.domain.annotated_image import AnnotatedImage, Detection
from layoutgen.evaluation.scoring import score

output = Path(sys.argv[1])
output.mkdir(parents=True, exist_ok=True)

layout = Layout(200, 100, (Instance("dog", Box(10, 10, 50, 60)), Instance("dog", Box(120, 20, 160, 80))))
image = AnnotatedImage(1, "two_dogs.png", layout)
seen = (
    Detection("dog", Box(12, 8, 52, 58), 0.9),  # the first dog
    Detection("dog", Box(13, 11, 50, 60), 0.7),  # the first dog once more: an object is counted once
    Detection("dog", Box(140, 40, 180, 95), 0.8),  # near the second dog
)
scores = score([image], {1: seen}, ["dog"])
counts = scores.counts
print(f"recall {counts.recall}, precision {counts.precision:.3f}, mean IoU {counts.mean_iou:.3f}")
print(f"misplaced {counts.misplaced}, found twice {counts.duplicates}")
