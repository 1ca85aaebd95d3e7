"""HTTP/1.1: what is read, what is refused, and bodies however they arrive."""

from __future__ import annotations

import asyncio

import pytest

from ops.local import http1
from ops.local.http1 import Framing, ProtocolError


def test_a_head_keeps_order_and_repetition() -> None:
    head = http1.parse_head(b"GET /a?b HTTP/1.1\r\nHost: x\r\nA: 1\r\na:  2 \r\n\r\n")
    assert head.start == ("GET", "/a?b", "HTTP/1.1")
    assert head.headers == [("Host", "x"), ("A", "1"), ("a", "2")]
    assert head.get("a") == "1"


@pytest.mark.parametrize(
    "data",
    [
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"G@T / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\nB: 2\r\n\r\n",
    ],
)
def test_malformed_heads(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        http1.parse_head(data)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Framing(length=0)),
        ([("Content-Length", "5")], Framing(length=5)),
        ([("Content-Length", "5"), ("content-length", "5")], Framing(length=5)),
        ([("Transfer-Encoding", "Chunked")], Framing(chunked=True)),
    ],
)
def test_framing(headers: http1.Headers, expected: Framing) -> None:
    assert http1.framing_of(headers, default=0) == expected


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Length", "5"), ("Content-Length", "6")],
        [("Content-Length", "-5")],
        [("Content-Length", "5x")],
        [("Transfer-Encoding", "gzip, chunked")],
        [("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
    ],
)
def test_framing_that_contradicts_itself(headers: http1.Headers) -> None:
    with pytest.raises(ProtocolError):
        http1.framing_of(headers, default=0)


def _body(data: bytes, framing: Framing, step: int) -> bytes:
    async def read() -> bytes:
        reader = asyncio.StreamReader()
        body = b""

        async def feed() -> None:
            for start in range(0, len(data), step):
                reader.feed_data(data[start : start + step])
                await asyncio.sleep(0)
            reader.feed_eof()

        feeding = asyncio.ensure_future(feed())
        try:
            async for part in http1.read_body(reader, framing):
                body += part
        finally:
            await feeding
        return body

    return asyncio.run(read())


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_chunked_bodies_however_they_arrive(step: int) -> None:
    data = http1.chunk(b"hello ") + b"A;ext=1\r\n0123456789\r\n" + b"0\r\nTrailer: 1\r\n\r\n"
    assert _body(data, Framing(chunked=True), step) == b"hello 0123456789"


@pytest.mark.parametrize("data", [b"5\r\nhel", b"x\r\nhello\r\n", b"2\r\nhello\r\n0\r\n\r\n", b"-1\r\n\r\n"])
def test_broken_chunks(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        _body(data, Framing(chunked=True), 100)


def test_a_sized_body_that_ends_early() -> None:
    with pytest.raises(ProtocolError):
        _body(b"hel", Framing(length=5), 100)
    assert _body(b"hello more", Framing(length=5), 100) == b"hello"
    assert _body(b"all of it", Framing(), 4) == b"all of it"


def _decoded(data: bytes, step: int) -> tuple[bytes, bool]:
    decoder = http1.ChunkDecoder()
    body = b"".join(decoder.feed(data[start : start + step]) for start in range(0, len(data), step))
    return body, decoder.done


@pytest.mark.parametrize("step", [1, 2, 3, 5, 1000])
def test_the_decoder_agrees_however_it_is_fed(step: int) -> None:
    data = http1.chunk(b"hello ") + b"A;ext=1\r\n0123456789\r\n" + b"0\r\nTrailer: 1\r\n\r\n"
    assert _decoded(data, step) == (b"hello 0123456789", True)
    assert _decoded(data[:-2], step) == (b"hello 0123456789", False)


def test_the_decoder_gives_a_part_of_a_chunk_at_once() -> None:
    decoder = http1.ChunkDecoder()
    assert decoder.feed(b"A\r\n0123") == b"0123"
    assert decoder.feed(b"456789\r\n1\r\nx") == b"456789x"
    assert decoder.done is False


@pytest.mark.parametrize(
    "data", [b"x\r\n", b"2\r\nhello\r\n", b"-1\r\n", b"0\r\n\r\nHTTP/1.1 200", b"1" * 5000]
)
def test_what_the_decoder_refuses(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        http1.ChunkDecoder().feed(data)
