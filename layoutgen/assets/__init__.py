"""The models that ship inside the package, trained by layoutgen itself; their cards say on what."""

from pathlib import Path

MODEL = Path(__file__).parent / "model"
DETECTOR = Path(__file__).parent / "detector"
