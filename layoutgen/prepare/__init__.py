"""Making training data: from COCO, and by composing scenes."""
