"""Reads an account into a snapshot: what depends on nothing at once, the rest as soon as it can."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from ops.assess.collect import account, backend, bucket, edge, names, tags, watch
from ops.assess.collect.locate import Located, locate
from ops.assess.model import FACTS, Request, Snapshot, Unread
from ops.assess.nameservers import Lookup, lookup
from ops.assess.reader import Reader

_AREAS = 10


def collect(
    reader: Reader,
    request: Request,
    *,
    nameservers: Lookup | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Snapshot:
    """Reads everything the checks want; strictly reads.

    Args:
        reader: the way to AWS.
        request: what is to be assessed; what is empty is found.
        nameservers: asks DNS; None: the machine's resolver.
        now: the clock certificates are judged by.

    Raises:
        UsageError: no usable credentials.
    """
    started = time.monotonic()
    facts: dict[str, Any] = {}
    with ThreadPoolExecutor(_AREAS, thread_name_prefix="area") as areas:
        caller = areas.submit(account.caller, reader)
        located = areas.submit(locate, reader, request)
        parts: list[Future[dict[str, Any]]] = [
            areas.submit(backend.collect, reader, request),
            areas.submit(watch.collect, reader),
        ]
        # The first answer says whether there are credentials at all: nothing else is worth waiting for.
        facts.update(caller.result())
        parts.append(areas.submit(account.collect, reader, facts["caller"]))
        parts.append(areas.submit(watch.billing, reader, request, facts["caller"], now()))
        site: Located = located.result()
        facts.update(site.facts)
        parts += [
            areas.submit(bucket.collect, reader, site),
            areas.submit(edge.collect, reader, site),
            areas.submit(tags.collect, reader, site),
            areas.submit(names.collect, reader, site, nameservers or lookup),
        ]
        for part in parts:
            facts.update(part.result())
    unknown = set(facts) - set(FACTS)
    assert not unknown, f"facts without a description: {unknown}"
    return Snapshot(
        request=site.request,
        facts={name: value for name, value in facts.items() if not isinstance(value, Unread)},
        unread={name: value for name, value in facts.items() if isinstance(value, Unread)},
        at=now(),
        calls=len(reader.calls),
        seconds=time.monotonic() - started,
        candidates=site.candidates,
    )
