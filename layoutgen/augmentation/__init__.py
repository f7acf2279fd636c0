"""Painted images as training data: what is in them, which attempt is kept, and the set with real ones."""
