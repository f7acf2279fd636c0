"""What everybody speaks of: layouts, annotated images, boxes, labels; no files, no torch."""
