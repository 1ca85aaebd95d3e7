"""Server-sent events: how they are written, and the channel between work and client.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from api_handler.http import Response
from api_handler.jsontext import dumps

HEARTBEAT_S = 10.0
HEARTBEAT = b": heartbeat\n\n"

Event = dict[str, Any]


def encode(event: Event) -> bytes:
    """One event: its type, its id, and its data, which repeats both."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (event["type"].encode(), event["event_id"], dumps(event))


class Channel:
    """Events of one piece of work, in order, for one listener.

    ``emit`` never waits: what a slow listener leaves lying is bounded by the
    work's own limit of output tokens.
    """

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._last = 0
        self._ready = asyncio.Event()

    def emit(self, type: str, **data: Any) -> None:
        """Add an event."""
        self._last += 1
        self._events.append({"event_id": self._last, "type": type, **data})
        self._ready.set()

    def wake(self) -> None:
        """Let the listener come round with nothing, for its heartbeat."""
        self._ready.set()

    async def take(self) -> list[Event]:
        """All events that lie there; waits for the next when there is none."""
        await self._ready.wait()
        self._ready.clear()
        events, self._events = self._events, []
        return events


def event_stream(body: AsyncGenerator[bytes]) -> Response:
    """The response of an event stream."""
    # Some proxies hold streams back without the last header.
    headers = [("cache-control", "no-store"), ("x-accel-buffering", "no")]
    return Response(200, body, headers=headers, content_type="text/event-stream")


async def stream_work(work: Callable[[Channel], Awaitable[None]]) -> AsyncGenerator[bytes]:
    """Run work and yield its events until ``end``; leaving the iterator cancels the work.

    Args:
        work: emits events into the channel, ``end`` as the last one; must not raise.
    """
    channel = Channel()
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work(channel))
    heart = Heartbeat(loop, channel.wake)
    try:
        while True:
            events = await channel.take()
            if not events:
                yield HEARTBEAT
                continue
            heart.beat()
            yield b"".join([encode(event) for event in events])
            if events[-1]["type"] == "end":
                return
    finally:
        heart.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Heartbeat:
    """Calls back after every ten seconds without an event; one timer, not one per event."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake
        self._last = loop.time()
        self._timer = loop.call_later(HEARTBEAT_S, self._check)

    def beat(self) -> None:
        """Something was sent."""
        self._last = self._loop.time()

    def _check(self) -> None:
        rest = self._last + HEARTBEAT_S - self._loop.time()
        if rest <= 0.001:
            self._last = self._loop.time()
            self._wake()
            rest = HEARTBEAT_S
        self._timer = self._loop.call_later(rest, self._check)

    def stop(self) -> None:
        """No more calls."""
        self._timer.cancel()
