"""One list of work for several processes: each takes the next piece from a pipe until it is empty."""

from __future__ import annotations

import marshal
import os
import signal
import struct
from collections.abc import Callable
from typing import Any, NoReturn

from ops.errors import OpsError

_TOKEN = struct.Struct("<H")
MOST_PIECES = 2000
"""Their numbers fit into a pipe (4 kB at the least) before anybody reads."""


def in_processes(pieces: int, work: Callable[[int], list[Any]], processes: int) -> list[Any]:
    """Calls ``work`` with every number below ``pieces`` and gives all it gave, in no order.

    The caller works along; the other processes are forks of it, so it must have one thread only.

    Args:
        pieces: at most ``MOST_PIECES``.
        work: gives a list of plain values (what ``marshal`` takes).
        processes: how many, the caller among them.

    Raises:
        OpsError: one of the others ended early.
    """
    turns, into = os.pipe()
    os.write(into, b"".join(map(_TOKEN.pack, range(pieces))))
    helpers = [_helper(turns, into, work) for _ in range(processes - 1)]
    os.close(into)
    try:
        found = _take(turns, work)
        for number, (child, answer) in enumerate(helpers):
            with os.fdopen(answer, "rb") as pipe:
                data = pipe.read()
            helpers[number] = (0, answer)
            os.waitpid(child, 0)
            if not data:
                raise OpsError("reading the site ended early; run again")
            found += marshal.loads(data)  # noqa: S302  # written by our own child, over its own pipe
        return found
    finally:
        os.close(turns)
        for child, answer in helpers:
            if child:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                os.close(answer)


def _take(turns: int, work: Callable[[int], list[Any]]) -> list[Any]:
    found: list[Any] = []
    while token := os.read(turns, _TOKEN.size):
        found += work(_TOKEN.unpack(token)[0])
    return found


def _helper(turns: int, into: int, work: Callable[[int], list[Any]]) -> tuple[int, int]:
    answer, back = os.pipe()
    caller = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(into)
        os.close(answer)
        _help(turns, back, work, caller)
    os.close(back)
    return child, answer


def _help(turns: int, back: int, work: Callable[[int], list[Any]], caller: int) -> NoReturn:
    """Works, answers, and is gone, without the caller's exit functions; a caller that is gone ends it too."""
    try:

        def unless_alone(piece: int) -> list[Any]:
            if os.getppid() != caller:
                os._exit(1)
            return work(piece)

        data = marshal.dumps(_take(turns, unless_alone))
        with os.fdopen(back, "wb") as pipe:
            pipe.write(data)
    finally:
        os._exit(0)
