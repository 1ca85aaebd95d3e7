"""``python -m ops``: see ``ops/cli``."""

import os
import sys

from ops.cli import main

if __name__ == "__main__":
    code = main()
    if sys.argv[1:2] in (["deploy"], ["releases"], ["rollback"]):
        # Threads of obstore that come back while the interpreter takes itself apart abort the process, and
        # the taking apart is a twentieth of a short run. Files are closed by now.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
