"""Drawing layouts: for a person to look at, and for a model to read."""
