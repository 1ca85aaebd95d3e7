"""Runs: work that goes on after its request was answered.

A run's record lies under the key that made it, so that nobody else can even ask
for it. Its states change by conditional writes only:
``pending -> running -> completed | failed``, and ``cancelled`` from the first two.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
from dataclasses import dataclass
from typing import Any

from api_handler.errors import ApiError, invalid, not_found
from api_handler.jsontext import canonical
from api_handler.log import now_text
from api_handler.run_events import EventLog
from api_handler.store import Item, Store
from api_handler.validation import RunBody, RunsQuery

RUN_TTL_S = 7 * 86_400
IDEMPOTENCY_TTL_S = 86_400
PENDING_LEASE_S = 900
RUNNING_LEASE_S = 60
FINISHED = ("completed", "failed", "cancelled")

_PUBLIC = ("run_id", "status", "goal", "agent_profile_id", "created_at", "message")
_DETAILS = ("updated_at", "answer", "error", "stop_reason", "steps", "tool_calls", "usage")
_RUN_ID = re.compile(r"run_[0-9a-v]{24}")
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
NO_USAGE = {"input_tokens": 0, "output_tokens": 0, "usd": 0.0}


def new_run_id() -> str:
    """An id that sorts by its time (microseconds) and cannot be guessed."""
    micros = time.time_ns() // 1000
    stamp = "".join(_DIGITS[micros >> shift & 31] for shift in range(50, -1, -5))
    return f"run_{stamp}{''.join(_DIGITS[byte & 31] for byte in os.urandom(13))}"


def accepted(run: Item) -> dict[str, Any]:
    """A run as ``POST /run`` answers it."""
    return {name: run[name] for name in _PUBLIC}


def public(run: Item) -> dict[str, Any]:
    """A run as ``GET /runs/{id}`` shows it."""
    return {name: run[name] for name in (*_PUBLIC, *_DETAILS)}


@dataclass(frozen=True, kw_only=True)
class Made:
    """What came of a ``POST /run``.

    Attributes:
        run: the run.
        created: False when the idempotency key had made it before.
        start: whether it still has to be started.
    """

    run: Item
    created: bool
    start: bool


class Runs:
    """The records of runs.

    Args:
        store: the store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.events = EventLog(store, RUN_TTL_S)

    async def repeated(self, owner: str, key: str, body: Any) -> Made | None:
        """The run that an idempotency key has made before, or None.

        Raises:
            ApiError: 409 when the body was another one.
        """
        before = await self._store.get(f"idempotency#{owner}", _digest(key))
        if before is None:
            return None
        if before["body"] != hashlib.sha256(canonical(body)).hexdigest():
            message = "This Idempotency-Key was used with another body within the last 24 hours."
            raise ApiError(409, "idempotency_conflict", message)
        run = await self.get(owner, before["run"]["run_id"])
        if run is not None:
            return Made(run=run, created=False, start=False)
        # The copy that took the key has not written the run (yet): write the same one, which is done once.
        await self._store.put(
            _runs(owner), before["run"]["run_id"], before["run"], ttl_s=RUN_TTL_S, absent=True
        )
        return Made(run=before["run"], created=False, start=True)

    async def create(self, owner: str, body: RunBody, raw: Any, key: str | None, more: Item) -> Made:
        """Make a run, once per idempotency key.

        Args:
            owner: who it belongs to.
            body: the checked body.
            raw: the body as it was parsed, to compare repeats by.
            key: the idempotency key, or None.
            more: further fields of the record, for the one who works on it.
        """
        now = now_text()
        run: Item = {
            "run_id": new_run_id(),
            "status": "pending",
            "goal": body.goal,
            "agent_profile_id": body.agent_profile_id,
            "created_at": now,
            "updated_at": now,
            "message": "The run was accepted.",
            "answer": None,
            "error": None,
            "stop_reason": None,
            "steps": [],
            "tool_calls": [],
            "usage": NO_USAGE,
            "lease": _lease(PENDING_LEASE_S),
            "context": body.context,
            "stream_tokens": body.stream_tokens,
            **more,
        }
        if key is not None:
            memo = {"body": hashlib.sha256(canonical(raw)).hexdigest(), "run": run}
            mine = await self._store.put(
                f"idempotency#{owner}", _digest(key), memo, ttl_s=IDEMPOTENCY_TTL_S, absent=True
            )
            if not mine:
                made = await self.repeated(owner, key, raw)
                if made is not None:
                    return made
        await self._store.put(_runs(owner), run["run_id"], run, ttl_s=RUN_TTL_S, absent=True)
        return Made(run=run, created=True, start=True)

    async def get(self, owner: str, run_id: str) -> Item | None:
        """A run, or None; one whose worker was lost is failed by whoever looks."""
        run = await self._store.get(_runs(owner), run_id)
        return None if run is None else await self._unless_lost(owner, run)

    async def find(self, owner: str, run_id: str) -> Item:
        """A run; raises 404."""
        run = await self.get(owner, run_id)
        if run is None:
            raise not_found("There is no such run.")
        return run

    async def listing(self, owner: str, query: RunsQuery) -> tuple[list[Item], str | None]:
        """A page of runs, newest first, and the cursor of the next page."""
        after = None if query.cursor is None else _read_cursor(query.cursor)
        where = ("status", query.status) if query.status else None
        found = await self._store.query(
            _runs(owner), after=after, limit=query.limit + 1, newest_first=True, where=where
        )
        page = [await self._unless_lost(owner, run) for _, run in found[: query.limit]]
        cursor = _cursor(found[query.limit - 1][0]) if len(found) > query.limit else None
        return page, cursor

    async def begin(self, owner: str, run_id: str) -> Item | None:
        """Take a pending run to work on; None when another worker has it or it was cancelled."""
        fields = {"status": "running", "message": "The run is in work.", "lease": _lease(RUNNING_LEASE_S)}
        return await self.change(owner, run_id, ("pending",), fields)

    async def renew(self, owner: str, run_id: str) -> bool:
        """Tell that the worker lives; False when the run is no longer in work."""
        fields = {"lease": _lease(RUNNING_LEASE_S)}
        return await self.change(owner, run_id, ("running",), fields) is not None

    async def change(self, owner: str, run_id: str, states: tuple[str, ...], fields: Item) -> Item | None:
        """Set fields of a run that is in one of the states; None when it is not."""
        changed = {**fields, "updated_at": now_text()}
        return await self._store.update(_runs(owner), run_id, changed, where=("status", states))

    async def cancel(self, owner: str, run_id: str) -> Item:
        """Cancel a run, wherever it is worked on.

        Raises:
            ApiError: 404; 409 when it is finished.
        """
        fields = {"status": "cancelled", "message": "The run was cancelled."}
        run = await self.change(owner, run_id, ("pending",), fields)
        if run is not None:
            # Nobody works on it who could say so.
            await self.events.write(run_id, [{"event_id": 1, "type": "end", "status": "cancelled"}])
            return run
        run = await self.change(owner, run_id, ("running",), fields)
        if run is None:
            found = await self.find(owner, run_id)
            raise ApiError(409, "run_finished", f"The run is {found['status']} already.")
        await self._store.put(f"cancel#{run_id}", "cancel", {}, ttl_s=86_400)
        return run

    async def is_cancelled(self, run_id: str) -> bool:
        """Whether another copy has cancelled the run; a small read, made often."""
        return await self._store.get(f"cancel#{run_id}", "cancel") is not None

    async def _unless_lost(self, owner: str, run: Item) -> Item:
        if run["status"] in FINISHED or int(run["lease"]) > time.time():
            return run
        fields = {
            "status": "failed",
            "message": "The run failed.",
            "error": "The worker of this run was lost.",
            "updated_at": now_text(),
        }
        # Only if the lease is still the one that ran out: a late worker may just have renewed it.
        failed = await self._store.update(
            _runs(owner), run["run_id"], fields, where=("lease", (run["lease"],))
        )
        return failed or await self._store.get(_runs(owner), run["run_id"]) or run


def _runs(owner: str) -> str:
    return f"runs#{owner}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _lease(seconds: int) -> str:
    return str(int(time.time()) + seconds)


def _cursor(run_id: str) -> str:
    return base64.urlsafe_b64encode(run_id.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> str:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        run_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        run_id = ""
    if not _RUN_ID.fullmatch(run_id):
        raise invalid([("cursor", "is not a cursor of this API")])
    return run_id
