"""``/run`` and ``/runs``: work in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from api_handler.context import Context
from api_handler.http import Response
from api_handler.runs import FINISHED, accepted, public
from api_handler.sse import HEARTBEAT, HEARTBEAT_S, Event, encode, event_stream
from api_handler.store import Item, StoreError
from api_handler.validation import idempotency_key, run_body, runs_query

POLL_S = 0.3
LOST_END_S = 3.0
"""Seconds a reader waits for the ``end`` of a run that is finished already, before it says so itself."""


async def create(context: Context) -> Response:
    """``POST /run``: begin a run; the same ``Idempotency-Key`` gives the same run."""
    services, request = context.services, context.request
    registry = services.settings.registry
    key = idempotency_key(request.header_values("idempotency-key"))
    raw = await request.json_object()
    body = run_body(raw, registry.agents, registry.default.agent_id)
    services.worker.check()
    made = await services.runs.repeated(context.owner, key, raw) if key is not None else None
    if made is None:
        # Checked for new runs only: a repeat costs nothing.
        await context.day_left()
        context.check_busy()
        assert context.key is not None
        more = {"daily_usd": context.key.daily_usd}
        made = await services.runs.create(context.owner, body, raw, key, more)
    context.fields["run_id"] = made.run["run_id"]
    if made.start:
        await services.worker.start(context.owner, made.run["run_id"])
    return Response.json(201 if made.created else 200, accepted(made.run))


async def listing(context: Context) -> Response:
    """``GET /runs``: the caller's runs, newest first."""
    query = runs_query(context.request.query())
    runs, cursor = await context.services.runs.listing(context.owner, query)
    return Response.json(200, {"runs": [public(run) for run in runs], "next_cursor": cursor})


async def one(context: Context, run_id: str) -> Response:
    """``GET /runs/{id}``: one run."""
    return Response.json(200, public(await context.services.runs.find(context.owner, run_id)))


async def cancel(context: Context, run_id: str) -> Response:
    """``POST /runs/{id}/cancel``: stop a run, and the model with it."""
    services = context.services
    run = await services.runs.cancel(context.owner, run_id)
    services.worker.stop_local(run_id)
    return Response.json(200, public(run))


async def stream(context: Context, run_id: str) -> Response:
    """``GET /runs/{id}/stream``: the run's events, those to come included; leaving does not stop the run."""
    run = await context.services.runs.find(context.owner, run_id)
    return event_stream(_events(context, run, context.request.header("last-event-id")))


async def _events(context: Context, run: Item, last_id: str | None) -> AsyncGenerator[bytes]:
    loop = asyncio.get_running_loop()
    run_id = run["run_id"]
    # The first byte tells that the stream is open, long before the first token.
    yield b": open\n\n"
    sent_at = loop.time()
    last = await _position(context, run_id, last_id)
    finished_at: float | None = None
    while True:
        live = context.services.worker.live(run_id)
        try:
            fresh = live.events[last:] if live else await context.services.runs.events.read(run_id, last)
            if not fresh and live is None:
                finished_at = finished_at or await _finished(context, run_id)
        except StoreError:
            # Read on when the store is back: the ids make that safe.
            fresh = []
        if fresh:
            yield b"".join([encode(event) for event in fresh])
            sent_at = loop.time()
            last = fresh[-1]["event_id"]
            if fresh[-1]["type"] == "end":
                return
            continue
        if finished_at is not None and loop.time() - finished_at > LOST_END_S:
            run = await context.services.runs.find(context.owner, run_id)
            yield encode(
                {"event_id": last + 1, "type": "end", "status": run["status"], "reason": "worker_lost"}
            )
            return
        rest = sent_at + HEARTBEAT_S - loop.time()
        if rest <= 0:
            yield HEARTBEAT
            sent_at = loop.time()
        elif live is not None:
            await live.changed(rest)
        else:
            await asyncio.sleep(min(POLL_S, rest))


async def _finished(context: Context, run_id: str) -> float | None:
    run = await context.services.runs.find(context.owner, run_id)
    return asyncio.get_running_loop().time() if run["status"] in FINISHED else None


async def _position(context: Context, run_id: str, last_id: str | None) -> int:
    """The id to read on from; 0 for an unknown one."""
    if last_id is None or not last_id.isascii() or not last_id.isdigit() or len(last_id) > 9:
        return 0
    live = context.services.worker.live(run_id)
    newest: Event | None
    if live is not None:
        newest = live.events[-1] if live.events else None
    else:
        newest = await context.services.runs.events.last(run_id)
    if newest is None or int(last_id) > newest["event_id"]:
        return 0
    if newest["type"] == "end":
        # 'end' is always last, also for a client that has seen it.
        return min(int(last_id), newest["event_id"] - 1)
    return int(last_id)
