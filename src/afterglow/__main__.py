"""`python -m afterglow`."""

from afterglow.cli import main

main()
