"""What every part of a run needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ops.deploy.headers import Headers
from ops.deploy.health import Health
from ops.deploy.pointer import Pointer
from ops.deploy.pool import Growth
from ops.deploy.runlog import RunLog
from ops.deploy.store import ObjectStore
from ops.deploy.ui import Ui

BOOKKEEPING: Headers = (("Cache-Control", "no-store"), ("Content-Type", "application/json"))
"""Headers of the deployer's own objects."""


class Invalidate(NamedTuple):
    """The distribution whose cache is told what changed."""

    distribution_id: str
    create: Callable[[str, list[str], str], str]


@dataclass
class Context:
    """What every part of a run needs.

    Attributes:
        store: the bucket.
        pointer: which release is live.
        ui: what is said.
        log: the run's log; None in tests of parts.
        now: seconds since 1970 by AWS's clock.
        threads: uploads in flight.
        health: how the site is looked at; None: it is not.
        invalidation: the distribution to invalidate; None: none is told.
        dry_run: nothing is written.
        grace_s: seconds between the last page and the first delete, in place.
    """

    store: ObjectStore
    pointer: Pointer
    ui: Ui
    now: Callable[[], int]
    log: RunLog | None = None
    threads: Callable[[], Growth] = lambda: Growth(64)
    health: Health | None = None
    invalidation: Invalidate | None = None
    dry_run: bool = False
    grace_s: float = 3.0
    who: str = "somebody"
    lost: threading.Event = field(default_factory=threading.Event)

    def record(self, event: str, **fields: object) -> None:
        """One line of the log."""
        if self.log:
            self.log.write(event, **fields)

    def record_all(self, event: str, rows: Iterable[Mapping[str, object]]) -> None:
        """A line of the log for each of many steps."""
        if self.log:
            self.log.write_all(event, rows)


class Step(NamedTuple):
    """What is done with one path, and why.

    ``action``: ``upload``, ``copy``, ``headers`` (sent again for other headers), ``keep``, ``delete``.
    """

    path: str
    action: str
    reason: str
    size: int = 0


SIGNS = {"upload": "+", "copy": "+", "headers": "~", "keep": "=", "delete": "-"}


def counts(steps: list[Step]) -> str:
    """``12 to send (1.2 MB), 3 unchanged, 1 to delete``."""
    from ops.deploy.ui import megabytes

    sent = [step for step in steps if step.action in ("upload", "headers")]
    parts = [f"{len(sent)} to send ({megabytes(sum(step.size for step in sent))})"]
    for action, word in (
        ("copy", "to copy within the bucket"),
        ("keep", "unchanged"),
        ("delete", "to delete"),
    ):
        if number := sum(step.action == action for step in steps):
            parts.append(f"{number} {word}")
    return ", ".join(parts)
