"""The model that ships inside the package, trained by ``layoutgen train``; its card says on what."""

from pathlib import Path

MODEL = Path(__file__).parent / "model"
