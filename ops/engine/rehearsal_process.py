"""``python -m ops.engine.rehearsal_process ROOT STACK OVERRIDES``: the pickled ``Rehearsal`` on stdout.

A module of its own, so that the pickled class has a name other processes can import.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

from ops.engine.rehearsal import rehearse_here


def main(arguments: list[str]) -> int:
    """Rehearses and writes the answer."""
    # The program may print; stdout carries the answer alone.
    out, sys.stdout = sys.stdout.buffer, sys.stderr
    root, stack, overrides = arguments
    out.write(pickle.dumps(rehearse_here(Path(root), stack, json.loads(overrides))))
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
