"""Files, images and output folders: reading a user's, writing a result whole or not at all."""
