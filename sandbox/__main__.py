"""`python -m sandbox`."""

from .main import main

main(prog_name="python -m sandbox")
