"""Requests and responses over ASGI, without a framework."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from api_handler.errors import ApiError, ClientGone, invalid
from api_handler.jsontext import dumps, loads

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
T = TypeVar("T")

MAX_BODY = 1024 * 1024
BODY_TIMEOUT_S = 20.0
SEND_TIMEOUT_S = 30.0

SCOPE_DEADLINE = "orchestrator.deadline"
"""Scope key: seconds since the epoch at which the platform ends this request (Lambda)."""

SCOPE_TRACE = "orchestrator.trace_id"
"""Scope key: trace id the platform gave, when the request carries no ``X-Amzn-Trace-Id``."""


class Request:
    """One HTTP request.

    Attributes:
        method: upper-case method.
        path: the path as it was sent, still percent-encoded, without the query.
        peer: address of the other end of the connection, ``""`` when unknown.
        request_id: 32 hexadecimal digits, made here.
        trace_id: value of ``X-Amzn-Trace-Id``, or None.
        deadline: epoch seconds at which the platform ends the request, or None.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive = receive
        self.method: str = scope["method"].upper()
        raw = scope.get("raw_path") or scope["path"].encode()
        self.path: str = raw.split(b"?", 1)[0].decode("latin-1")
        client = scope.get("client")
        self.peer: str = client[0] if client else ""
        self.request_id = os.urandom(16).hex()
        self._headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            self._headers.setdefault(name.decode("latin-1").lower(), []).append(
                value.decode("latin-1").strip()
            )
        trace = self.header("x-amzn-trace-id") or scope.get(SCOPE_TRACE)
        self.trace_id: str | None = trace[:256] if trace and trace.isprintable() else None
        self.deadline: float | None = scope.get(SCOPE_DEADLINE)
        self._gone: asyncio.Task[None] | None = None

    def header(self, name: str) -> str | None:
        """The value of a header sent exactly once; None when it is absent or repeated."""
        values = self._headers.get(name)
        return values[0] if values and len(values) == 1 else None

    def header_values(self, name: str) -> list[str]:
        """Every value of a header, in the order sent."""
        return self._headers.get(name, [])

    def query(self) -> dict[str, str]:
        """Query parameters; raises 422 when one is repeated or is not UTF-8."""
        raw: bytes = self.scope.get("query_string", b"")
        try:
            pairs = parse_qsl(
                raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100
            )
        except (UnicodeDecodeError, ValueError):
            raise invalid(
                [("query", "is not a readable query string of at most 100 fields in UTF-8")]
            ) from None
        values: dict[str, str] = {}
        problems = []
        for name, value in pairs:
            if name in values:
                problems.append((name[:100], "is given more than once"))
            values[name] = value
        if problems:
            raise invalid(problems)
        return values

    async def json_object(self) -> dict[str, Any]:
        """The body as a JSON object, after content type, encoding and size are checked.

        Raises:
            ApiError: 415 for another content type or any content encoding, 413 over
                1 MiB, 400 when it is no JSON object or does not arrive in time.
            ClientGone: the connection closed before the body was complete.
        """
        self._check_content_type()
        value = loads(await self._body())
        if not isinstance(value, dict):
            raise ApiError(400, "malformed_json", "The body must be a JSON object.")
        return value

    def _check_content_type(self) -> None:
        kinds = self.header_values("content-type")
        media, _, parameters = (kinds[0] if len(kinds) == 1 else "").partition(";")
        charset = parameters.strip().lower().replace('"', "")
        if media.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
            raise ApiError(
                415, "unsupported_media_type", "The content type must be application/json in UTF-8."
            )
        if self.header_values("content-encoding"):
            raise ApiError(415, "unsupported_media_type", "The body must be sent without a content encoding.")

    async def _body(self) -> bytes:
        length = self.header("content-length")
        if length is not None and length.isdigit() and int(length[:20]) > MAX_BODY:
            raise _too_large()
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while True:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    chunk: bytes = message.get("body", b"")
                    size += len(chunk)
                    if size > MAX_BODY:
                        raise _too_large()
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        except TimeoutError:
            raise ApiError(
                400,
                "body_timeout",
                f"The body did not arrive within {BODY_TIMEOUT_S:.0f} seconds.",
                headers=[("Connection", "close")],
            ) from None

    async def gone(self) -> None:
        """Return when the client has left; call it only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _too_large() -> ApiError:
    return ApiError(
        413,
        "body_too_large",
        "The body is larger than 1 MiB.",
        details={"max_bytes": MAX_BODY},
    )


class Response:
    """An answer: a complete body, or a stream of byte chunks.

    Args:
        status: HTTP status.
        body: the complete body, or an asynchronous iterator of chunks.
        headers: header pairs beyond the ones every answer carries.
        content_type: None for an answer without a body.
    """

    def __init__(
        self,
        status: int,
        body: bytes | AsyncGenerator[bytes] = b"",
        *,
        headers: Iterable[tuple[str, str]] = (),
        content_type: str | None = "application/json",
    ) -> None:
        self.status = status
        self.body = body
        self.headers = list(headers)
        self.content_type = content_type

    @classmethod
    def json(cls, status: int, value: Any, *, headers: Iterable[tuple[str, str]] = ()) -> Response:
        """A JSON answer."""
        return cls(status, dumps(value), headers=headers)

    async def send(self, request: Request, send: Send) -> None:
        """Send it; a client that takes nothing for 30 seconds counts as gone.

        Raises:
            ClientGone: the client stopped reading.
        """
        headers = [(b"x-request-id", request.request_id.encode()), (b"x-content-type-options", b"nosniff")]
        if not any(name.lower() == "cache-control" for name, _ in self.headers):
            headers.append((b"cache-control", b"no-store"))
        if self.content_type is not None:
            headers.append((b"content-type", self.content_type.encode()))
        headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        if isinstance(self.body, bytes):
            if self.content_type is not None:
                headers.append((b"content-length", str(len(self.body)).encode()))
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else self.body})
            return
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if request.method != "HEAD":
            # Closed here and now when the client is gone, not whenever it is collected.
            async with contextlib.aclosing(self.body) as chunks:
                async for chunk in chunks:
                    try:
                        async with asyncio.timeout(SEND_TIMEOUT_S):
                            await send({"type": "http.response.body", "body": chunk, "more_body": True})
                    except (TimeoutError, OSError):
                        raise ClientGone from None
        await send({"type": "http.response.body", "body": b""})


async def until_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do work unless the client leaves; then cancel it and wait for its end.

    Raises:
        ClientGone: the client left.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(request.gone())
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone
    finally:
        for item in (task, watch):
            item.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)
