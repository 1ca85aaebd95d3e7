"""HTTP/1.1 on asyncio streams: heads, framed bodies, and how both are written.

https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

Headers = list[tuple[str, str]]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"[!-~\x80-\xff]+")
_VALUE = re.compile(r"[^\x00\r\n]*")
CHUNK = 64 * 1024
END = b"0\r\n\r\n"


def names(text: str) -> frozenset[str]:
    """A set of header names from words separated by spaces."""
    return frozenset(text.split())


class ProtocolError(Exception):
    """What arrived is not HTTP/1.1 as this module reads it."""


@dataclass(slots=True)
class Head:
    """The first lines of a message: ``start`` is its three parts, headers in order of arrival."""

    start: tuple[str, str, str]
    headers: Headers

    def get(self, name: str) -> str | None:
        """The first header of this name (lower case)."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None


@dataclass(slots=True)
class Framing:
    """How a body ends: after ``length`` bytes, in chunks, or with the connection (both unset)."""

    length: int | None = None
    chunked: bool = False

    @property
    def empty(self) -> bool:
        """There is no body."""
        return self.length == 0


def parse_head(data: bytes, *, response: bool = False) -> Head:
    """Reads a head including its final empty line.

    Raises:
        ProtocolError: it is malformed.
    """
    lines = data[:-4].decode("latin-1").split("\r\n")
    while lines and not lines[0] and not response:
        lines.pop(0)  # RFC 9112 2.2: an empty line before a request is passed over
    parts = lines[0].split(" ", 2) if lines else []
    if response and len(parts) == 2:
        parts.append("")
    if len(parts) != 3:
        raise ProtocolError("the first line has not three parts")
    if response:
        if not parts[0].startswith("HTTP/1.") or not (parts[1].isdigit() and len(parts[1]) == 3):
            raise ProtocolError("no status line")
    elif not (
        _TOKEN.fullmatch(parts[0]) and _TARGET.fullmatch(parts[1]) and parts[2] in ("HTTP/1.1", "HTTP/1.0")
    ):
        raise ProtocolError("no request line")
    headers: Headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ProtocolError("a malformed header line")
        headers.append((name, value.strip(" \t")))
    return Head((parts[0], parts[1], parts[2]), headers)


def framing_of(headers: Iterable[tuple[str, str]], *, default: int | None) -> Framing:
    """How the body of a message with these headers ends.

    Args:
        headers: of the message.
        default: the length without any framing header: 0 for requests, None (until the end) for responses.

    Raises:
        ProtocolError: lengths that contradict each other, or an unknown transfer coding.
    """
    lengths: set[str] = set()
    coding = ""
    for name, value in headers:
        lower = name.lower()
        if lower == "content-length":
            lengths.update(part.strip() for part in value.split(","))
        elif lower == "transfer-encoding":
            coding = f"{coding},{value}".strip(",").strip().lower()
    if coding:
        if coding != "chunked" or lengths:
            raise ProtocolError("a transfer coding other than chunked, or one beside a length")
        return Framing(chunked=True)
    if not lengths:
        return Framing(length=default)
    if len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,15}", next(iter(lengths))):
        raise ProtocolError("a malformed content-length")
    return Framing(length=int(lengths.pop()))


async def read_body(reader: asyncio.StreamReader, framing: Framing) -> AsyncIterator[bytes]:
    """The body's bytes as they arrive, chunk framing taken off.

    Raises:
        ProtocolError: it ends early or its chunks are malformed.
    """
    if framing.chunked:
        async for data in _read_chunks(reader):
            yield data
        return
    left = framing.length
    while left is None or left > 0:
        data = await reader.read(CHUNK if left is None else min(CHUNK, left))
        if not data:
            if left is None:
                return
            raise ProtocolError("the body ended early")
        if left is not None:
            left -= len(data)
        yield data


async def _read_chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        line = await _line(reader)
        size_text = line.split(b";", 1)[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", size_text):
            raise ProtocolError("a malformed chunk size")
        left = int(size_text, 16)
        if left == 0:
            while await _line(reader):
                pass  # trailers are dropped, as CloudFront drops them
            return
        while left:
            data = await reader.read(min(CHUNK, left))
            if not data:
                raise ProtocolError("the body ended early")
            left -= len(data)
            yield data
        if await _line(reader):
            raise ProtocolError("a chunk without its end")


class ChunkDecoder:
    """Takes the framing off a chunked body as it arrives, without waiting for the end of a chunk."""

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0
        self._state = "size"
        self.done = False

    def feed(self, data: bytes) -> bytes:
        """The body's bytes in what arrived; ``done`` once the last chunk and the trailers were seen.

        Raises:
            ProtocolError: the framing is malformed, or something follows the end.
        """
        buffer = self._buffer + data if self._buffer else data
        parts: list[bytes] = []
        place = 0
        while not self.done:
            if self._state == "data":
                part = buffer[place : place + self._left]
                place += len(part)
                self._left -= len(part)
                if part:
                    parts.append(part)
                if self._left:
                    break
                self._state = "end"
            end = buffer.find(b"\r\n", place)
            if end < 0:
                if len(buffer) - place > 4096:
                    raise ProtocolError("a chunk line without an end")
                break
            self._take(buffer[place:end])
            place = end + 2
        self._buffer = buffer[place:]
        if self.done and self._buffer:
            raise ProtocolError("something follows the end of the body")
        return b"".join(parts)

    def _take(self, line: bytes) -> None:
        if self._state == "end":
            if line:
                raise ProtocolError("a chunk without its end")
            self._state = "size"
        elif self._state == "trailers":
            self.done = not line
        else:
            size = line.split(b";", 1)[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", size):
                raise ProtocolError("a malformed chunk size")
            self._left = int(size, 16)
            self._state = "data" if self._left else "trailers"


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return (await reader.readuntil(b"\r\n"))[:-2]
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as problem:
        raise ProtocolError("a chunk line without an end") from problem


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


_REASONS = {status.value: status.phrase for status in HTTPStatus}


def response_head(status: int, headers: Headers) -> bytes:
    """Status line and headers, with the empty line."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def request_head(method: str, target: str, headers: Headers) -> bytes:
    """Request line and headers, with the empty line."""
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


@dataclass(slots=True)
class Request:
    """A viewer's request.

    Attributes:
        method, target: of the request line.
        version: ``HTTP/1.1`` or ``HTTP/1.0``.
        headers: in order of arrival.
        viewer: the peer's address.
        body: its bytes as they arrive; None: there is none.
        length: of the body; None when it comes in chunks.
    """

    method: str
    target: str
    version: str
    headers: Headers
    viewer: str
    body: AsyncIterator[bytes] | None = None
    length: int | None = 0

    def get(self, name: str) -> str | None:
        """The first header of this name (lower case)."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None


@dataclass(slots=True)
class Response:
    """What a viewer gets.

    Attributes:
        status: code.
        headers: without framing headers, unless the length is known though there are no bytes (HEAD).
        body: bytes, or an iterator of bytes that is passed on as they come.
        close: the connection ends with this response.
    """

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] = b""
    close: bool = False

    def get(self, name: str) -> str | None:
        """The first header of this name (lower case)."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def without(self, *names: str) -> Headers:
        """The headers less those of these names (lower case)."""
        return [(key, value) for key, value in self.headers if key.lower() not in names]
