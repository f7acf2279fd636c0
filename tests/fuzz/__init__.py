"""Broken inputs by the thousand: every command works, or refuses in one line. See `python -m tests.fuzz --help`."""
