"""`python -m workers <name>`: the same as `tally <name>`."""

from workers.cli.main import main

main()
