"""One HTML page to look at images and their boxes in a browser: it needs no network and no server."""
