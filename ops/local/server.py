"""The listening side: connections, limits of a request's head, responses written as they come."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from ops.local import http1
from ops.local.http1 import Framing, ProtocolError, Request, Response

Handler = Callable[[Request], Awaitable[Response]]

MAX_REQUEST = 20_480
"""Bytes of request line and headers:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html"""
IDLE_S = 65.0
HIGH_WATER = 256 * 1024


class Viewer(asyncio.StreamReaderProtocol):
    """One connection; whoever streams to it is told when it leaves."""

    def __init__(self, server: Server) -> None:
        reader = asyncio.StreamReader(limit=2 * MAX_REQUEST)
        super().__init__(reader, self._begin)
        self._server = server
        self._left: Callable[[], object] | None = None

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._server.connection(self, reader, writer))
        self._server.connections.add(task)
        task.add_done_callback(self._server.connections.discard)

    @contextlib.contextmanager
    def told(self, left: Callable[[], object]):
        """Calls ``left`` if the viewer leaves while the block runs."""
        self._left = left
        try:
            yield
        finally:
            self._left = None

    def eof_received(self) -> bool | None:
        kept_open = super().eof_received()
        if self._left:
            self._left()
        return kept_open

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._left:
            self._left()


class Server:
    """Serves one handler on one port.

    Args:
        handler: answers a request; what it raises becomes a 500.
        on_error: told of what it raised.
    """

    def __init__(
        self, handler: Handler, on_error: Callable[[BaseException], object] = lambda _: None
    ) -> None:
        self._handler = handler
        self._on_error = on_error
        self._server: asyncio.Server | None = None
        self.connections: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, sock: socket.socket) -> None:
        """Accepts connections on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Viewer(self), sock=sock, backlog=1024)
        self.port = sock.getsockname()[1]

    async def stop(self) -> None:
        """Stops listening and ends every connection."""
        if self._server:
            self._server.close()
        for task in list(self.connections):
            task.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)
        if self._server:
            await self._server.wait_closed()

    async def connection(
        self, viewer: Viewer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Requests of one connection, one after the other."""
        writer.transport.set_write_buffer_limits(high=HIGH_WATER)
        sock = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = writer.get_extra_info("peername") or ("127.0.0.1",)
        try:
            while await self._exchange(viewer, reader, writer, peer[0]):
                pass
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            with contextlib.suppress(Exception):
                writer.close()

    async def _exchange(
        self, viewer: Viewer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str
    ) -> bool:
        try:
            async with asyncio.timeout(IDLE_S):
                data = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        except asyncio.LimitOverrunError:
            return await _refuse(writer, 413, "the request's line and headers are too long")
        if len(data) > MAX_REQUEST:
            return await _refuse(writer, 413, "the request's line and headers are too long")
        try:
            head = http1.parse_head(data)
            framing = http1.framing_of(head.headers, default=0)
        except ProtocolError as problem:
            return await _refuse(writer, 400, str(problem))
        method, target, version = head.start
        body = _Body(reader, framing)
        if not framing.empty and (head.get("expect") or "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = Request(
            method, target, version, head.headers, peer,
            body=None if framing.empty else body.iterate(),
            length=framing.length,
        )  # fmt: skip
        task = asyncio.current_task()
        assert task is not None
        with viewer.told(task.cancel):
            try:
                response = await self._handler(request)
            except (ConnectionError, asyncio.CancelledError):
                raise
            except Exception as problem:
                self._on_error(problem)
                response = Response(500, [("Content-Type", "text/plain")], b"The local edge failed.\n", True)
            keep = _keeps(version, head.get("connection")) and not response.close
            keep = await _send(writer, request, response, keep) and keep
        return keep and await body.finish()


class _Body:
    """A request's body, of which a handler may leave a part unread."""

    def __init__(self, reader: asyncio.StreamReader, framing: Framing) -> None:
        self._chunks = http1.read_body(reader, framing)
        self._empty = framing.empty
        self._whole = framing.empty

    async def iterate(self) -> AsyncIterator[bytes]:
        async for data in self._chunks:
            yield data
        self._whole = True

    async def finish(self) -> bool:
        """Reads on to the end, within reason; False: the connection cannot be used any more."""
        if self._whole:
            return True
        left = 1 << 20
        try:
            async for data in self._chunks:
                left -= len(data)
                if left < 0:
                    return False
        except (ProtocolError, RuntimeError):
            return False
        return True


def _keeps(version: str, connection: str | None) -> bool:
    wish = (connection or "").lower()
    return "keep-alive" in wish if version == "HTTP/1.0" else "close" not in wish


async def _refuse(writer: asyncio.StreamWriter, status: int, why: str) -> bool:
    body = f"<!DOCTYPE html><title>{status}</title><p>{why}\n".encode()
    headers = [
        ("Server", "CloudFront"), ("Content-Type", "text/html"), ("Content-Length", str(len(body))),
        ("Connection", "close"), ("X-Cache", "Error from cloudfront"),
    ]  # fmt: skip
    writer.write(http1.response_head(status, headers) + body)
    await writer.drain()
    return False


async def _send(writer: asyncio.StreamWriter, request: Request, response: Response, keep: bool) -> bool:
    """Writes a response; False: it was cut, and the connection with it."""
    headers = response.headers
    body = response.body
    if isinstance(body, bytes):
        if response.get("content-length") is None and response.status not in (204, 304):
            headers = [*headers, ("Content-Length", str(len(body)))]
        headers = [*headers, ("Connection", "keep-alive" if keep else "close")]
        data = http1.response_head(response.status, headers)
        writer.write(data if request.method == "HEAD" or response.status in (204, 304) else data + body)
        await writer.drain()
        return True
    return await _stream(writer, request, response, headers, keep)


async def _stream(
    writer: asyncio.StreamWriter, request: Request, response: Response, headers: http1.Headers, keep: bool
) -> bool:
    body = response.body
    assert not isinstance(body, bytes)
    sized = response.get("content-length") is not None
    chunked = not sized and request.version != "HTTP/1.0"
    if chunked:
        headers = [*headers, ("Transfer-Encoding", "chunked")]
    keep = keep and (sized or chunked)
    headers = [*headers, ("Connection", "keep-alive" if keep else "close")]
    writer.write(http1.response_head(response.status, headers))
    whole = False
    try:
        if request.method != "HEAD":
            async for data in body:
                writer.write(http1.chunk(data) if chunked else data)
                await writer.drain()
        whole = True
    except ProtocolError:
        pass  # the origin broke off: so does this connection, or the viewer would take it for the end
    finally:
        close = getattr(body, "aclose", None)
        if close:
            await close()
    if whole and chunked and request.method != "HEAD":
        writer.write(http1.END)
    return whole and keep
