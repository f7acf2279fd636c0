"""``python -m layoutgen`` is the ``layoutgen`` command."""

from layoutgen.cli import app

if __name__ == "__main__":
    app(prog_name="layoutgen")
