"""The connecting side: one HTTP/1.1 origin, its connections kept, its answers passed on as they come."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from ops.local import http1
from ops.local.http1 import Headers, ProtocolError, Response


class OriginError(Exception):
    """The origin gave no answer.

    Args:
        status: what the viewer is told: 502 or 504.
        reason: why.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class HttpOrigin:
    """A server at a URL.

    Args:
        url: ``http://host:port`` or ``https://host``; a path in it is put before every request's.
        read_timeout_s: seconds without a byte after which it is given up (origin response timeout).
    """

    def __init__(self, url: str, read_timeout_s: float = 30.0) -> None:
        parts = urlsplit(url)
        self.url = url
        self.host = parts.hostname or "127.0.0.1"
        self.tls = parts.scheme == "https"
        self.port = parts.port or (443 if self.tls else 80)
        self.path = parts.path.rstrip("/")
        self.read_timeout_s = read_timeout_s
        self._idle: deque[Connection] = deque()

    async def send(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: AsyncIterator[bytes] | None,
        length: int | None,
    ) -> Response:
        """Sends a request and gives the answer as soon as its head is there.

        Args:
            method, target, headers: of the request; framing headers are added here.
            body: its bytes; None: there is none.
            length: bytes of the body; None: it goes in chunks.

        Raises:
            OriginError: no connection, no answer in time, or a malformed one.
        """
        framing = []
        if body is not None:
            framing = (
                [("Transfer-Encoding", "chunked")] if length is None else [("Content-Length", str(length))]
            )
        elif method in ("POST", "PUT", "PATCH"):
            framing = [("Content-Length", "0")]
        data = http1.request_head(
            method, self.path + target, [*headers, *framing, ("Connection", "keep-alive")]
        )
        kept = await self._connection()
        while True:
            (reader, writer), fresh = kept
            sent_body = False
            try:
                writer.write(data)
                if body is not None:
                    sent_body = True
                    await _send_body(writer, body, length)
                head = await self._head(reader)
                break
            except (ConnectionError, asyncio.IncompleteReadError) as problem:
                writer.close()
                # A kept connection may have been closed meanwhile; what has a body is not sent twice.
                if fresh or sent_body:
                    raise OriginError(502, "the origin closed the connection") from problem
                kept = await self._connect(), True
            except BaseException:
                writer.close()
                raise
        return self._answer(method, head, reader, writer)

    async def _head(self, reader: asyncio.StreamReader) -> http1.Head:
        try:
            async with asyncio.timeout(self.read_timeout_s):
                while True:
                    head = http1.parse_head(await reader.readuntil(b"\r\n\r\n"), response=True)
                    if not head.start[1].startswith("1"):
                        return head
        except TimeoutError:
            raise OriginError(504, f"no answer within {self.read_timeout_s:.0f} s") from None
        except (ProtocolError, asyncio.LimitOverrunError) as problem:
            raise OriginError(502, f"a malformed answer: {problem}") from problem

    def _answer(
        self, method: str, head: http1.Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Response:
        status = int(head.start[1])
        try:
            framing = http1.framing_of(head.headers, default=None)
        except ProtocolError as problem:
            writer.close()
            raise OriginError(502, f"a malformed answer: {problem}") from problem
        keep = "close" not in (head.get("connection") or "").lower()
        if method == "HEAD" or status in (204, 304) or framing.empty:
            self._release((reader, writer), keep)
            return Response(status, head.headers, b"")
        if framing.length is None and not framing.chunked:
            keep = False
        return Response(status, head.headers, self._body((reader, writer), framing, keep))

    async def _body(self, connection: Connection, framing: http1.Framing, keep: bool) -> AsyncIterator[bytes]:
        reader, writer = connection
        whole = False
        silence = _Silence(self.read_timeout_s, writer)
        try:
            if framing.chunked:
                decoder = http1.ChunkDecoder()
                while not decoder.done:
                    data = decoder.feed(await _some(reader, silence))
                    if data:
                        yield data
            else:
                async for data in http1.read_body(reader, framing):
                    silence.broken()
                    yield data
            whole = True
        except ConnectionError as problem:
            raise ProtocolError("the origin broke off") from problem
        finally:
            silence.stop()
            # A viewer that left leaves the origin's work unread: closing the connection ends that too.
            if whole:
                self._release(connection, keep)
            else:
                writer.close()

    async def _connection(self) -> tuple[Connection, bool]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return (reader, writer), False
            writer.close()
        return await self._connect(), True

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(10.0):
                reader, writer = await asyncio.open_connection(
                    self.host, self.port, ssl=self.tls or None, limit=256 * 1024
                )
        except TimeoutError:
            raise OriginError(504, f"no connection to {self.host}:{self.port} within 10 s") from None
        except OSError as problem:
            raise OriginError(
                502, f"no connection to {self.host}:{self.port}: {problem.strerror or problem}"
            ) from None
        sock = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return reader, writer

    def _release(self, connection: Connection, keep: bool) -> None:
        if keep and len(self._idle) < 64 and not connection[1].is_closing():
            self._idle.append(connection)
        else:
            connection[1].close()

    async def close(self) -> None:
        """Closes the connections that are kept."""
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _send_body(writer: asyncio.StreamWriter, body: AsyncIterator[bytes], length: int | None) -> None:
    async for data in body:
        writer.write(http1.chunk(data) if length is None else data)
        await writer.drain()
    if length is None:
        writer.write(http1.END)


async def _some(reader: asyncio.StreamReader, silence: _Silence) -> bytes:
    data = await reader.read(http1.CHUNK)
    if not data:
        raise ProtocolError("the body ended early")
    silence.broken()
    return data


class _Silence:
    """Cuts a connection on which nothing arrived for so long; one timer, not one a token."""

    def __init__(self, seconds: float, writer: asyncio.StreamWriter) -> None:
        self._seconds = seconds
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._look)

    def broken(self) -> None:
        """Something arrived."""
        self._last = self._loop.time()

    def _look(self) -> None:
        rest = self._last + self._seconds - self._loop.time()
        if rest > 0.001:
            self._timer = self._loop.call_later(rest, self._look)
        else:
            self._writer.transport.abort()

    def stop(self) -> None:
        """Looks no more."""
        self._timer.cancel()
