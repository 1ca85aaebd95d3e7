"""A server on 127.0.0.1 in a thread with an event loop of its own, which leaves nothing open when it ends."""

from __future__ import annotations

import asyncio
import ssl
import threading
from abc import ABC, abstractmethod

END_S = 30
"""A server that has not ended after so many seconds never will."""


_ROUNDS = 20
"""Of an event loop: a connection is accepted in one, its request is read in a few more."""


async def _rounds() -> None:
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


class LoopServer(ABC):
    """Serves each connection with ``_serve``.

    Args:
        tls: serve over TLS with this context.

    Attributes:
        port: where it listens once it has started; set before, it is asked for.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection and closes it; it is cancelled when the server ends."""

    def start(self) -> None:
        """Returns once it listens."""
        self._thread.start()
        assert self._ready.wait(END_S), "the server does not listen"

    def settle(self) -> None:
        """Returns when all that has been sent to it in plain text is read, on closed connections too."""
        asyncio.run_coroutine_threadsafe(_rounds(), self._loop).result(END_S)

    def stop(self) -> None:
        """Ends it and every connection; a second time does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(END_S)
            assert not self._thread.is_alive(), "the server does not end"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        # One that was being accepted has its task only after a round of the loop.
        self._loop.run_until_complete(asyncio.sleep(0.02))
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        # Closed connections say good-bye in the next rounds of the loop.
        self._loop.run_until_complete(asyncio.sleep(0.02))
        self._loop.close()
