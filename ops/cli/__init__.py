"""The frame of the command line: which commands there are, exit codes, how errors are printed."""

from ops.cli.app import main

__all__ = ["main"]
