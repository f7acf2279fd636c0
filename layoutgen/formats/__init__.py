"""Files in, layouts out, and back: one file per format."""
