"""Entry point of ``python -m api_handler``."""

import sys

from api_handler.server import main

if __name__ == "__main__":
    sys.exit(main())
