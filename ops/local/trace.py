"""The way of each request through the edge, kept for the status page."""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ops.secret_headers import SECRET_HEADERS

KEPT = 200
SECRET = SECRET_HEADERS | {"x-origin-verify"}
"""Headers whose values are shown as dots (lower case)."""


@dataclass(slots=True)
class Trace:
    """One request."""

    number: int
    began: float
    method: str
    host: str
    target: str
    status: int = 0
    ms: float = 0.0
    ended: bool = False
    steps: list[tuple[str, str]] = field(default_factory=list)
    origin_request: tuple[str, list[tuple[str, str]]] | None = None

    def step(self, what: str, detail: str) -> None:
        """One stage of the way and what it did."""
        self.steps.append((what, detail))

    def document(self) -> dict[str, Any]:
        """For the page; values that are secret stand as dots."""
        made: dict[str, Any] = {
            "number": self.number, "time": self.began, "method": self.method, "host": self.host,
            "target": self.target, "status": self.status, "ms": round(self.ms, 2), "ended": self.ended,
            "steps": [{"what": what, "detail": detail} for what, detail in self.steps],
        }  # fmt: skip
        if self.origin_request:
            line, headers = self.origin_request
            made["origin"] = {
                "line": line,
                "headers": [[n, "••••••" if n.lower() in SECRET else v] for n, v in headers],
            }
        return made


class Log:
    """The last requests, the newest first when read."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._traces: deque[Trace] = deque(maxlen=KEPT)
        self.total = 0

    def begin(self, method: str, host: str, target: str) -> Trace:
        """A new request."""
        trace = Trace(next(self._numbers), time.time(), method, host, target)
        self._traces.append(trace)
        self.total += 1
        return trace

    def documents(self) -> list[dict[str, Any]]:
        """All that are kept."""
        return [trace.document() for trace in reversed(list(self._traces))]
