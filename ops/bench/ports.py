"""A port for a server that must be told one, and cannot say which the system gave it."""

from __future__ import annotations

import contextlib
import random
import socket

# Below the ports that the system gives to whoever asks for any (Linux: from 32768, macOS: from 49152), so
# nobody takes it between here and the server's start; and above those of services.
_FIRST, _LAST = 10_000, 30_000
_ANY = random.SystemRandom()  # not the common generator: every worker of pytest has the same seed


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on.

    Args:
        count: how many.

    Raises:
        OSError: a hundred were tried, and too many are taken.
    """
    found: list[int] = []
    taken = OSError("no port was tried")
    with contextlib.ExitStack() as held:
        for _ in range(100):
            trial = held.enter_context(socket.socket())
            try:
                trial.bind(("127.0.0.1", port := _ANY.randint(_FIRST, _LAST)))
            except OSError as problem:
                taken = problem
            else:
                found.append(port)
                if len(found) == count:
                    return found
    raise taken
