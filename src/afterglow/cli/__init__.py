"""Floor 4: the command line. Commands parse, call one flow and show what came of it; only here is anything printed."""

from afterglow.cli.main import main

__all__ = ["main"]
