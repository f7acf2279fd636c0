"""Commands that are killed, or have no disk, memory or rights. See `python -m tests.faults --help`."""
