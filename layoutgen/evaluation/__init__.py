"""How much of a layout is really in an image: detections, one-to-one matching, COCO's AP, and the report."""
