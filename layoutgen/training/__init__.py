"""Training: the settings (config), the loss, the loop, and what a run keeps on disk."""
