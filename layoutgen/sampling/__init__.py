"""Layouts to images on disk, by one process or by many."""
