"""What can be said of a painting before any model is loaded: what will not be good, and what cannot be."""
