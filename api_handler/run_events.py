"""The events of a run: numbered, kept as long as the run, readable from every copy of the API."""

from __future__ import annotations

import asyncio
import json
import zlib

from api_handler.sse import Event
from api_handler.store import Store

BATCH = 500


def _partition(run_id: str) -> str:
    return f"events#{run_id}"


class EventLog:
    """Events in the store: one item for each batch, under the id of its last event.

    Args:
        store: the store.
        ttl_s: seconds they are kept.
    """

    def __init__(self, store: Store, ttl_s: float) -> None:
        self._store = store
        self._ttl_s = ttl_s

    async def write(self, run_id: str, events: list[Event]) -> None:
        """Add events, in order; writing the same ones again changes nothing."""
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            body = zlib.compress(json.dumps(batch, separators=(",", ":")).encode(), 1)
            sort = f"{batch[-1]['event_id']:010d}"
            await self._store.put(_partition(run_id), sort, {"body": body}, ttl_s=self._ttl_s)

    async def read(self, run_id: str, after: int) -> list[Event]:
        """Events with a higher id than ``after``."""
        items = await self._store.query(_partition(run_id), after=f"{after:010d}", limit=200)
        events: list[Event] = [
            event for _, item in items for event in json.loads(zlib.decompress(item["body"]))
        ]
        return [event for event in events if event["event_id"] > after]

    async def last(self, run_id: str) -> Event | None:
        """The newest event."""
        items = await self._store.query(_partition(run_id), limit=1, newest_first=True)
        return json.loads(zlib.decompress(items[0][1]["body"]))[-1] if items else None


class LiveEvents:
    """Events of a run that this process works on: at once for listeners here, in batches for the store.

    Args:
        run_id: id of the run.
        log: the events in the store.
        tokens: whether token events are kept.
    """

    def __init__(self, run_id: str, log: EventLog, *, tokens: bool) -> None:
        self._run_id = run_id
        self._log = log
        self._tokens = tokens
        self._written = 0
        self._changed = asyncio.Event()
        self.events: list[Event] = []

    def emit(self, type: str, **data: object) -> None:
        """Add an event."""
        if type == "token" and not self._tokens:
            return
        self.events.append({"event_id": len(self.events) + 1, "type": type, **data})
        # Every waiting listener holds the event that is set here; the next ones wait on a new one.
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, seconds: float) -> None:
        """Wait for the next event, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def flush(self) -> None:
        """Write what the store does not have yet."""
        fresh = self.events[self._written :]
        if fresh:
            await self._log.write(self._run_id, fresh)
            self._written += len(fresh)
