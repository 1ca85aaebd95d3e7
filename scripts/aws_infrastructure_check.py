#!/usr/bin/env python3
"""The infrastructure assessment under a name of its own: ``python -m ops check`` with the same options."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ops.cli import main  # the path has to be set first

if __name__ == "__main__":
    sys.exit(main(["check", *sys.argv[1:]]))
