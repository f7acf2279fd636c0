"""Training: what it is told (config), what it minimises (objective), and the loop."""
