"""The frame of the command line: which commands there are, exit codes, how errors are printed."""

from ops.cli.main import main

__all__ = ["main"]
