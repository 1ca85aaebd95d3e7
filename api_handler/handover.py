"""Reading a stream on the event loop instead of a thread, once botocore has opened it.

botocore does what it is good at: endpoint, signature, retries, the answer's head.
A thread for the rest of each stream would wake up for every token and fight the
event loop for the interpreter; with 64 streams that made /health five to ten
times slower (docs/benchmarks/api.md). So the socket is handed to the loop, and
back to the pool of connections when the stream is complete.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api_handler.model import ModelError

READ = 65_536
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True)
class Opened:
    """An opened answer whose body is read from its socket.

    Attributes:
        raw: urllib3's response.
        sock: the connection's socket, not blocking any more.
        held: bytes of the body that were read ahead.
    """

    raw: Any
    sock: socket.socket
    held: bytes

    def give_back(self) -> None:
        """Return the connection to its pool: the answer was read to its end."""
        with contextlib.suppress(OSError):
            self.sock.settimeout(self.raw._connection.timeout)
        self.raw._fp.close()
        self.raw.release_conn()

    def drop(self) -> None:
        """Close the connection."""
        self.raw.close()


def take_over(raw: Any) -> Opened | None:
    """Take the socket of an answer whose head was read; None where that is not possible.

    It is not through a proxy with TLS within TLS, and for an answer of another
    framing than chunks; then a thread reads on.
    """
    sock = getattr(getattr(raw, "_connection", None), "sock", None)
    reader = getattr(getattr(raw, "_fp", None), "fp", None)
    if not isinstance(sock, socket.socket) or reader is None or not getattr(raw, "chunked", False):
        return None
    sock.setblocking(False)
    try:
        held = reader.peek(1)
    except _NOT_NOW:
        held = b""
    return Opened(raw, sock, held)


class Chunks:
    """Decodes a chunked body (RFC 9112, section 7.1)."""

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0
        self.complete = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they come; returns the body's bytes in them; raises ModelError."""
        buffer = self._buffer + data if self._buffer else data
        parts: list[bytes] = []
        place = 0
        while not self.complete and place < len(buffer):
            if self._left:
                part = buffer[place : place + self._left]
                parts.append(part)
                place += len(part)
                self._left -= len(part)
                continue
            # The line end behind a chunk's data is taken as an empty line before the next size.
            end = buffer.find(b"\r\n", place)
            if end < 0:
                break
            line, following = buffer[place:end], end + 2
            if line:
                size = self._size(line)
                if size == 0:
                    # Behind the last chunk: trailers, which are not used, and an empty line.
                    if buffer[following : following + 2] == b"\r\n":
                        self.complete = True
                    elif (last := buffer.find(b"\r\n\r\n", following)) >= 0:
                        self.complete = last >= 0
                    else:
                        break
                self._left = size
            place = following
        self._buffer = b"" if self.complete else buffer[place:]
        if len(self._buffer) > READ:
            raise ModelError("broken", "ChunkSize")
        return b"".join(parts)

    @staticmethod
    def _size(line: bytes) -> int:
        text = line.partition(b";")[0].strip()
        if not text or len(text) > 8 or text.strip(b"0123456789abcdefABCDEF"):
            raise ModelError("broken", "ChunkSize")
        return int(text, 16)


class SocketReader:
    """Reads an opened answer on the event loop.

    Args:
        loop: the loop.
        opened: the answer.
        take: given the body's bytes as they come; may raise ModelError.
        end: told once how it ended: None when it was complete.
        gap_s: seconds of silence after which it counts as broken.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        opened: Opened,
        take: Callable[[bytes], None],
        end: Callable[[ModelError | None], None],
        gap_s: float,
    ) -> None:
        self._loop = loop
        self._opened = opened
        self._take = take
        self._end = end
        self._gap_s = gap_s
        self._chunks = Chunks()
        self._done = False
        self._heard = loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to read."""
        self._timer = self._loop.call_later(self._gap_s, self._silence)
        self._loop.add_reader(self._opened.sock.fileno(), self._readable)
        if self._opened.held:
            self._feed(self._opened.held)
        if not self._done:
            # TLS may hold bytes that the socket will never announce.
            self._readable()

    def stop(self) -> None:
        """Read no more and close the connection: whoever listened has left."""
        if not self._done:
            self._finish()
            self._opened.drop()

    def _readable(self) -> None:
        try:
            data = self._opened.sock.recv(READ)
            while isinstance(self._opened.sock, ssl.SSLSocket) and (pending := self._opened.sock.pending()):
                data += self._opened.sock.recv(pending)
        except _NOT_NOW:
            return
        except OSError as error:
            self._broken(ModelError("broken", type(error).__name__))
            return
        if not data:
            self._broken(ModelError("broken", "ConnectionClosed"))
            return
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        self._heard = self._loop.time()
        try:
            body = self._chunks.feed(data)
            if body:
                self._take(body)
        except ModelError as error:
            self._broken(error)
            return
        if self._chunks.complete:
            self._finish()
            self._end(None)
            self._opened.give_back()

    def _broken(self, error: ModelError) -> None:
        self._finish()
        self._opened.drop()
        self._end(error)

    def _finish(self) -> None:
        self._done = True
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._opened.sock.fileno())

    def _silence(self) -> None:
        rest = self._heard + self._gap_s - self._loop.time()
        if rest <= 0:
            self._broken(ModelError("timeout", "ReadTimeoutError"))
        else:
            self._timer = self._loop.call_later(rest, self._silence)
