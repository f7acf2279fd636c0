"""Base models: one file for each, and what training and sampling ask of all of them."""
