"""Detectors: any of transformers, and the small one in the package."""
