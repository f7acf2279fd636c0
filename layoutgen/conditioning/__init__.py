"""What a base model is told of a layout, and how its attention reads it."""
