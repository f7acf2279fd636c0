"""Training data: made from COCO or composed of cut-outs, and read as examples."""
