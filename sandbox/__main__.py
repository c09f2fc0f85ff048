"""Entry point of `python -m sandbox`."""

from sandbox.main import main

main(prog_name="python -m sandbox")
