"""HTTP/1.1 to Lambda's Runtime API: invocations in, chunked answers with error trailers out.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from dataclasses import dataclass

_BASE = "/2018-06-01/runtime"


class RuntimeGone(Exception):
    """The Runtime API does not answer: the environment is being shut down."""


@dataclass(frozen=True)
class Invocation:
    """One invocation.

    Attributes:
        request_id: Lambda's id of it.
        deadline: epoch seconds at which it is ended.
        trace_id: X-Ray trace header, or None.
        body: the event as JSON text.
    """

    request_id: str
    deadline: float
    trace_id: str | None
    body: bytes


class RuntimeApi:
    """Client of the Runtime API.

    Args:
        address: ``host:port`` from ``AWS_LAMBDA_RUNTIME_API``.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._address = address
        self._host, self._port = host, int(port or 80)
        self._next: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def next(self) -> Invocation:
        """Wait for the next invocation, however long that takes.

        Raises:
            RuntimeGone: the Runtime API went away.
        """
        try:
            status, headers, body = await self._ask_next()
        except (OSError, EOFError, ValueError):
            # Once more on a new connection: the kept one may have been closed meanwhile.
            self.close()
            try:
                status, headers, body = await self._ask_next()
            except (OSError, EOFError, ValueError) as error:
                self.close()
                raise RuntimeGone from error
        if status != 200:
            raise RuntimeGone(f"status {status}")
        if headers.get("connection", "").lower() == "close":
            self.close()
        deadline = headers.get("lambda-runtime-deadline-ms", "")
        return Invocation(
            request_id=headers.get("lambda-runtime-aws-request-id", ""),
            deadline=int(deadline) / 1000 if deadline.isdigit() else time.time() + 60.0,
            trace_id=headers.get("lambda-runtime-trace-id") or None,
            body=body,
        )

    def close(self) -> None:
        """Close the connection that is kept for the next invocation."""
        if self._next is not None:
            self._next[1].close()
            self._next = None

    async def _ask_next(self) -> tuple[int, dict[str, str], bytes]:
        if self._next is None:
            self._next = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._next
        writer.write(f"GET {_BASE}/invocation/next HTTP/1.1\r\nHost: {self._address}\r\n\r\n".encode())
        return await read_response(reader)

    def answer(self, request_id: str) -> AnswerStream:
        """A streamed answer to an invocation."""
        return AnswerStream(self._host, self._port, f"{_BASE}/invocation/{request_id}/response")

    async def error(self, request_id: str, kind: str, message: str) -> None:
        """Report that an invocation failed."""
        await self._post(f"{_BASE}/invocation/{request_id}/error", kind, message)

    async def init_error(self, kind: str, message: str) -> None:
        """Report that the function cannot start."""
        await self._post(f"{_BASE}/init/error", kind, message)

    async def _post(self, path: str, kind: str, message: str) -> None:
        body = json.dumps({"errorMessage": message, "errorType": kind, "stackTrace": []}).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._address}\r\nContent-Type: application/json\r\n"
            f"Lambda-Runtime-Function-Error-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        with contextlib.suppress(OSError, EOFError, ValueError):
            reader, writer = await asyncio.open_connection(self._host, self._port)
            try:
                writer.write(head.encode() + body)
                await read_response(reader)
            finally:
                writer.close()


class AnswerStream:
    """A chunked POST of one answer, on a connection of its own.

    The Runtime API says nothing before the end of the answer; so if the
    connection ends or anything arrives on it earlier, nobody takes the answer
    any more.
    """

    def __init__(self, host: str, port: int, path: str) -> None:
        self._host, self._port, self._path = host, port, path
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._watch: asyncio.Task[bytes] | None = None
        self._opened = asyncio.Event()
        self._held = b""
        self.started = False

    async def start(self, content_type: str) -> None:
        """Open the answer.

        Raises:
            OSError: the Runtime API does not take it.
        """
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Content-Type: {content_type}\r\n"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
            "Transfer-Encoding: chunked\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
        )
        # Sent with the first piece: one packet instead of three for most answers.
        self._held = head.encode()
        self.started = True
        self._watch = asyncio.ensure_future(self._reader.read(1))
        self._opened.set()

    async def broken(self) -> None:
        """Return when nobody takes the answer any more."""
        await self._opened.wait()
        assert self._watch is not None
        await asyncio.wait({self._watch})

    async def write(self, data: bytes) -> None:
        """Send a piece; what is sent to a broken connection is dropped."""
        if self._writer is not None and self._watch is not None and not self._watch.done():
            with contextlib.suppress(OSError):
                self._writer.write(b"%s%x\r\n%s\r\n" % (self._held, len(data), data))
                self._held = b""
                await self._writer.drain()

    async def finish(self) -> None:
        """End the answer and wait until the Runtime API has it."""
        await self._end(b"0\r\n\r\n")

    async def fail(self, kind: str, message: str) -> None:
        """End the answer with the trailers that mark it as failed."""
        detail = json.dumps({"errorMessage": message, "errorType": kind, "stackTrace": []}).encode()
        trailers = (
            f"0\r\nLambda-Runtime-Function-Error-Type: {kind}\r\n"
            f"Lambda-Runtime-Function-Error-Body: {base64.b64encode(detail).decode()}\r\n\r\n"
        )
        await self._end(trailers.encode())

    async def _end(self, data: bytes) -> None:
        if self._writer is None or self._watch is None:
            return
        try:
            if not self._watch.done():
                self._writer.write(self._held + data)
                # The one byte that was waited for is the beginning of the Runtime API's answer.
                async with asyncio.timeout(5):
                    await asyncio.wait({self._watch})
        except (OSError, TimeoutError):
            pass
        finally:
            self._watch.cancel()
            self._writer.close()


async def read_response(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers in lower case and body of an HTTP/1.1 response; raises EOFError, ValueError."""
    status_line = await reader.readline()
    if not status_line:
        raise EOFError
    if not status_line.startswith(b"HTTP/1."):
        raise ValueError("no HTTP/1.1 response")
    status = int(status_line[9:12])
    headers: dict[str, str] = {}
    while (line := await reader.readline()) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return status, headers, await _read_chunks(reader)
    length = int(headers.get("content-length", "0"))
    return status, headers, await reader.readexactly(length) if length else b""


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        if size:
            parts.append(await reader.readexactly(size))
        await reader.readline()
        if not size:
            return b"".join(parts)
