"""Lambda's Runtime API on 127.0.0.1, for tests and the benchmark.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import itertools
import json
import queue
import threading
import time
from typing import Any

from ops.bench.loop_server import LoopServer


class Invoked:
    """One invocation at the local Runtime API."""

    def __init__(self, number: int, event: Any, seconds: float) -> None:
        self.request_id = f"00000000-0000-0000-0000-{number:012d}"
        self.event = event
        self.deadline = time.time() + seconds
        self.chunks: queue.Queue[bytes | None] = queue.Queue()
        self.headers: dict[str, str] = {}
        self.trailers: dict[str, str] = {}
        self.error: dict[str, Any] | None = None
        self.abandoned = threading.Event()
        self.abandon: Any = None


class LocalRuntime(LoopServer):
    """Lambda's Runtime API on 127.0.0.1: hands out events, takes streamed answers with trailers."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: asyncio.Queue[Invoked] = asyncio.Queue()
        self._invoked: dict[str, Invoked] = {}
        self._numbers = itertools.count()
        self.init_errors: list[Any] = []
        self.seconds = 60.0

    def invoke(self, event: Any) -> Invoked:
        invoked = Invoked(next(self._numbers), event, self.seconds)
        self._invoked[invoked.request_id] = invoked
        self._loop.call_soon_threadsafe(self._waiting.put_nowait, invoked)
        return invoked

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                headers = await _headers(reader)
                path = line.split()[1].decode()
                if path.endswith("/next"):
                    await self._next(writer)
                elif path.endswith("/response"):
                    await self._response(path.split("/")[-2], headers, reader, writer)
                else:
                    await self._error(path, headers, reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _next(self, writer: asyncio.StreamWriter) -> None:
        invoked = await self._waiting.get()
        body = invoked.event if isinstance(invoked.event, bytes) else json.dumps(invoked.event).encode()
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {invoked.request_id}\r\n"  # noqa: E501
            f"Lambda-Runtime-Deadline-Ms: {int(invoked.deadline * 1000)}\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:api:live\r\n"
            f"Lambda-Runtime-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()

    async def _response(
        self,
        request_id: str,
        headers: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        invoked = self._invoked[request_id]
        invoked.headers = headers
        invoked.abandon = lambda: self._loop.call_soon_threadsafe(writer.transport.abort)
        if invoked.abandoned.is_set():
            writer.transport.abort()
        try:
            if "content-length" in headers:
                # A buffered answer, as the managed runtimes send it.
                invoked.chunks.put(await reader.readexactly(int(headers["content-length"])))
            else:
                await self._chunks(invoked, reader)
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        except ValueError:
            invoked.trailers = {"broken": "the answer broke off"}
        finally:
            invoked.chunks.put(None)

    async def _chunks(self, invoked: Invoked, reader: asyncio.StreamReader) -> None:
        while size := int((await reader.readline()).split(b";")[0], 16):
            invoked.chunks.put(await reader.readexactly(size))
            await reader.readline()
        invoked.trailers = await _headers(reader)

    async def _error(
        self, path: str, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        if path.endswith("/init/error"):
            self.init_errors.append(body)
        else:
            invoked = self._invoked[path.split("/")[-2]]
            invoked.error = body
            invoked.chunks.put(None)
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers
