"""`python -m citywatch.server.cli` is `citywatch`."""

from citywatch.server.cli import main

main()
