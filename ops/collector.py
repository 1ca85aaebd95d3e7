"""The garbage collector at rest for as long as a short piece of work takes."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_at_rest() -> Iterator[None]:
    """No garbage collection within the block; after it all is as before.

    For work whose objects live to its end, or that leaves no cycles worth looking for: looking is a
    quarter of a recorded run of the program and a twentieth of a deploy.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
