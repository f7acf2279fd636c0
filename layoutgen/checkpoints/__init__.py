"""Opens checkpoints as people have them: single files, folders, hub ids, and what goes with them."""
