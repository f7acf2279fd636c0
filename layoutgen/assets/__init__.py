"""What ships in the package: models, each with its card; CLIP's vocabulary; base models' configurations."""

from pathlib import Path

MODEL = Path(__file__).parent / "model"
DETECTOR = Path(__file__).parent / "detector"
CLIP_MERGES = Path(__file__).parent / "clip" / "merges.txt.gz"
CONFIGURATIONS = Path(__file__).parent / "configurations"
SHAPE = Path(__file__).parent / "model_shape.yaml"
"""The shape of MODEL, for a new one like it."""
