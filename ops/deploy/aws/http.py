"""Sends one request at a time over kept-alive connections, with retries, proxies and the server's clock."""

from __future__ import annotations

import http.client
import os
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from ops.errors import OpsError

ATTEMPTS = 5
TIMEOUT_S = 60.0
_RETRIED = frozenset({429, 500, 502, 503, 504})
_THROTTLES = (
    "Throttl",
    "SlowDown",
    "TooManyRequests",
    "RequestTimeout",
    "PriorRequestNotComplete",
    "RequestLimit",
)
SKEW_LIMIT = timedelta(minutes=5)
"""A signature older than this may be refused: S3 allows 15 minutes, other services 5."""

_XML_CODE = re.compile(rb"<Code>\s*([^<]+?)\s*</Code>")
_XML_MESSAGE = re.compile(rb"<Message>\s*([^<]*?)\s*</Message>")


class AwsError(OpsError):
    """AWS refused a call, or could not be reached (status 0)."""

    def __init__(self, operation: str, status: int, code: str, detail: str) -> None:
        super().__init__(
            f"{operation}: {code}{f' ({status})' if status else ''}{f': {detail}' if detail else ''}"
        )
        self.operation = operation
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Response:
    """An answer with its whole body; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        """The ETag without quotes; "" when there is none."""
        return self.headers.get("etag", "").strip('"')

    @property
    def date(self) -> datetime | None:
        """When the server answered, by its own clock."""
        return http_date(self.headers.get("date", ""))


def http_date(text: str) -> datetime | None:
    """An HTTP date as aware UTC; None when it is none."""
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class ServerClock:
    """The time by the servers' ``Date`` headers: what ages and signatures are reckoned by."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self.offset = timedelta()

    def now(self) -> datetime:
        """UTC, as the servers have it."""
        return self._now() + self.offset

    def learn(self, response: Response) -> timedelta:
        """Takes over the server's clock if it differs by more than a header can say; the offset."""
        if (date := response.date) is not None:
            offset = date - self._now()
            self.offset = offset if abs(offset) > timedelta(seconds=2) else timedelta()
        return self.offset


class Http:
    """A pool of connections.

    Args:
        timeout_s: for connecting and for each read.
        sleep: replaced in tests.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S, sleep: Callable[[float], None] = time.sleep) -> None:
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._tls: Any = None
        self._closed = False

    def close(self) -> None:
        """Closes the idle connections, and those still in use once they are done."""
        with self._lock:
            self._closed = True
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    def send(
        self,
        operation: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        attempts: int = ATTEMPTS,
        prepare: Callable[[], Mapping[str, str]] | None = None,
    ) -> Response:
        """Sends a request and reads the whole answer; what may pass is tried again with full jitter.

        Args:
            operation: name for messages.
            method: HTTP method.
            url: absolute.
            headers: names in lower case.
            body: the whole body.
            attempts: how often at most.
            prepare: gives the headers of each attempt instead (a signature ages).

        Raises:
            AwsError: the server could not be reached (status 0); every answer, 4xx and 5xx too, is returned.
        """
        for attempt in range(1, attempts + 1):
            try:
                response = self._exchange(method, url, prepare() if prepare else headers, body)
            except (OSError, http.client.HTTPException) as failure:
                if attempt == attempts:
                    host = urlsplit(url).netloc
                    raise AwsError(operation, 0, f"{host} cannot be reached", str(failure)) from failure
            else:
                code = error_code(response)
                if attempt == attempts or not (response.status in _RETRIED or code.startswith(_THROTTLES)):
                    return response
            self._sleep(random.uniform(0, min(5.0, 0.1 * 2**attempt)))  # noqa: S311  # jitter, no secret
        raise AssertionError("unreachable")

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        parts = urlsplit(url)
        origin = (parts.scheme, parts.netloc)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with self._lock:
            idle = self._idle.get(origin)
            connection = idle.pop() if idle else None
        if connection is not None:
            try:
                return self._over(connection, origin, method, path, headers, body)
            except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
                connection.close()  # an idle connection the server had closed: the request never arrived
        return self._over(self._connect(parts.scheme, parts.netloc), origin, method, path, headers, body)

    def _over(
        self,
        connection: http.client.HTTPConnection,
        origin: tuple[str, str],
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Response:
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body or method in ("PUT", "POST"):
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            connection.close()
            raise
        response = Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, content)
        with self._lock:
            kept = not (answer.will_close or self._closed)
            if kept:
                self._idle.setdefault(origin, []).append(connection)
        if not kept:
            connection.close()
        return response

    def _connect(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        proxy = _proxy_for(scheme, netloc)
        target = urlsplit(proxy).netloc.rpartition("@")[2] if proxy else netloc
        if scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                target, timeout=self._timeout_s, context=self._tls_context()
            )
        else:
            connection = http.client.HTTPConnection(target, timeout=self._timeout_s)
        if proxy:
            connection.set_tunnel(netloc, headers=_proxy_headers(proxy))
        connection.connect()
        if connection.sock is not None:
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _tls_context(self) -> Any:
        import ssl

        with self._lock:
            if self._tls is None:
                self._tls = ssl.create_default_context(cafile=ca_bundle() or None)
            return self._tls


def ca_bundle() -> str:
    """A file of certificate authorities the operator names; "": the system's."""
    return os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or ""


def error_code(response: Response) -> str:
    """AWS's error code of an answer; "" for one that is no error."""
    if response.status < 400:
        return ""
    if kind := response.headers.get("x-amzn-errortype"):
        return kind.split(":")[0].split("#")[-1]
    if match := _XML_CODE.search(response.body):
        return match.group(1).decode("utf-8", "replace")
    if b'"__type"' in response.body:
        return str(_json(response.body).get("__type", "")).split("#")[-1]
    return {403: "AccessDenied", 404: "NotFound", 412: "PreconditionFailed"}.get(response.status, "Error")


def failure(operation: str, response: Response) -> AwsError:
    """The error that an answer of 300 and more stands for."""
    match = _XML_MESSAGE.search(response.body)
    detail = match.group(1).decode("utf-8", "replace") if match else ""
    if not detail and response.body[:1] == b"{":
        document = _json(response.body)
        detail = str(document.get("Message") or document.get("message") or "")
    return AwsError(operation, response.status, error_code(response) or "Error", detail)


def _json(body: bytes) -> dict[str, Any]:
    import json

    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _proxy_for(scheme: str, netloc: str) -> str:
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    from urllib.request import getproxies, proxy_bypass

    return "" if proxy_bypass(netloc) else getproxies().get(scheme, "")


def _proxy_headers(proxy: str) -> dict[str, str]:
    user, at, _ = urlsplit(proxy).netloc.rpartition("@")
    if not at:
        return {}
    import base64

    return {"Proxy-Authorization": f"Basic {base64.b64encode(unquote(user).encode()).decode()}"}
