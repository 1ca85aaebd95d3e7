"""A local Bedrock that speaks the real binary event stream, for tests and the benchmark.

It answers ``ConverseStream`` as scripted: events, pauses, silence, exceptions in
the stream, errors instead of one, broken frames and cut connections; and it keeps
what was asked, what was produced, and when a client left.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

import asyncio
import json
import ssl
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ops.bench.loop_server import LoopServer

Step = tuple[Any, ...]
"""``("event", type, payload)``, ``("exception", type, payload)``, ``("sleep", s)``, ``("raw", bytes)``,
``("reset",)``, ``("close",)``, ``("silence",)``; first of all perhaps ``("status", code, error type)``."""

Script = Callable[[dict[str, Any], int], Iterable[Step]]


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of the event stream: lengths, CRC of both, headers, payload, CRC of all."""
    packed = b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + b"\x07"
        + struct.pack("!H", len(value))
        + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return message + struct.pack("!I", zlib.crc32(message))


def event_frame(kind: str, payload: dict[str, Any]) -> bytes:
    """An event such as ``contentBlockDelta``."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(payload).encode())


def exception_frame(kind: str, payload: dict[str, Any]) -> bytes:
    """An exception within the stream such as ``throttlingException``."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps(payload).encode())


def text_reply(
    text: str,
    *,
    words: bool = True,
    gap_s: float = 0.0,
    usage: tuple[int, int] = (10, 5),
    stop: str = "end_turn",
) -> Iterator[Step]:
    """An answer of text, a word an event."""
    yield "event", "messageStart", {"role": "assistant"}
    pieces = [piece + " " for piece in text.split(" ")] if words else [text]
    pieces[-1] = pieces[-1].removesuffix(" ") if words else pieces[-1]
    for piece in pieces:
        if gap_s:
            yield "sleep", gap_s
        yield "event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}
    yield "event", "contentBlockStop", {"contentBlockIndex": 0}
    yield from ending(stop, usage)


def tool_reply(
    *calls: tuple[str, str, str], text: str = "", usage: tuple[int, int] = (10, 5), stop: str = "tool_use"
) -> Iterator[Step]:
    """An answer that uses tools: ``(id, name, arguments as JSON text)`` each, sent in two pieces."""
    yield "event", "messageStart", {"role": "assistant"}
    first = 0
    if text:
        yield "event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}
        yield "event", "contentBlockStop", {"contentBlockIndex": 0}
        first = 1
    for index, (use_id, name, arguments) in enumerate(calls, first):
        start = {"toolUse": {"toolUseId": use_id, "name": name}}
        yield "event", "contentBlockStart", {"contentBlockIndex": index, "start": start}
        half = len(arguments) // 2
        for piece in (arguments[:half], arguments[half:]):
            delta = {"toolUse": {"input": piece}}
            yield "event", "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}
        yield "event", "contentBlockStop", {"contentBlockIndex": index}
    yield from ending(stop, usage)


def ending(stop: str, usage: tuple[int, int]) -> Iterator[Step]:
    """The last two events of an answer."""
    yield "event", "messageStop", {"stopReason": stop}
    figures = {"inputTokens": usage[0], "outputTokens": usage[1], "totalTokens": sum(usage)}
    yield "event", "metadata", {"usage": figures, "metrics": {"latencyMs": 1}}


@dataclass
class Call:
    """One call that the server got.

    Attributes:
        model: model id of the path.
        body: the request.
        produced: events sent, by the time of each.
        left_at: when the client was seen to have left, or None.
        done: whether the answer was sent to its end.
    """

    model: str
    body: dict[str, Any]
    produced: list[float] = field(default_factory=list)
    left_at: float | None = None
    done: bool = False


class LocalBedrock(LoopServer):
    """The server, in a thread with an event loop of its own; use it as a context.

    Args:
        script: given the request and its number from 0 on, the steps of the answer.
        tls: serve over TLS with this context.
    """

    def __init__(self, script: Script | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.script: Script = script or (lambda body, number: text_reply("Hello from the model"))
        self.calls: list[Call] = []
        self.connections = 0

    @property
    def url(self) -> str:
        """Value for ``AWS_ENDPOINT_URL_BEDROCK_RUNTIME``."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> LocalBedrock:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            # TLS would wait for the other side's good-bye.
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line = await reader.readline()
        if not line:
            return False
        length = 0
        while (header := await reader.readline()) not in (b"\r\n", b""):
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        path = unquote(line.split(b" ")[1].decode())
        body = json.loads(await reader.readexactly(length) or b"{}")
        call = Call(path.removeprefix("/model/").rsplit("/", 1)[0], body)
        self.calls.append(call)
        steps = iter(self.script(body, len(self.calls) - 1))
        watch = asyncio.ensure_future(reader.read(1))
        try:
            return await self._answer(steps, writer, call, watch)
        except OSError:
            call.left_at = call.left_at or time.monotonic()
            return False
        finally:
            watch.cancel()
            # Not suppressed: a cancel of this very task, which ends the server, is none of the watch's.
            await asyncio.gather(watch, return_exceptions=True)

    async def _answer(
        self, steps: Iterator[Step], writer: asyncio.StreamWriter, call: Call, watch: asyncio.Future[bytes]
    ) -> bool:
        begun = False
        for kind, *arguments in steps:
            if watch.done():
                call.left_at = time.monotonic()
                return False
            if kind == "status":
                code, error = arguments
                text = json.dumps({"message": "quoted prompt: " + json.dumps(call.body)[:200]}).encode()
                writer.write(
                    f"HTTP/1.1 {code} Error\r\nx-amzn-ErrorType: {error}\r\nContent-Type: application/json\r\n"  # noqa: E501
                    f"Content-Length: {len(text)}\r\n\r\n".encode()
                    + text
                )
                await writer.drain()
                return True
            if kind in ("sleep", "silence"):
                # The first bytes go out before a pause, as the real service does.
                await asyncio.wait({watch}, timeout=arguments[0] if arguments else None)
                continue
            if kind == "reset":
                writer.transport.abort()
                return False
            if kind == "close":
                return False
            if not begun:
                begun = True
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n"
                )
            if kind == "raw":
                data = arguments[0]
            else:
                data = (event_frame if kind == "event" else exception_frame)(*arguments)
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()
            call.produced.append(time.monotonic())
        if watch.done():
            call.left_at = time.monotonic()
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        call.done = True
        return True
