"""Requests and responses as functions see them, and what functions may change about them.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/edge-function-restrictions-all.html
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from ops.local.http1 import Headers, Response, names
from ops.local.javascript import RefusedError

DISALLOWED = names(
    "connection expect keep-alive proxy-authenticate proxy-authorization proxy-connection trailer upgrade "
    "x-accel-buffering x-accel-charset x-accel-limit-rate x-accel-redirect x-amzn-auth x-amzn-cf-billing "
    "x-amzn-cf-id x-amzn-cf-xff x-amzn-errortype x-amzn-fle-profile x-amzn-header-count x-amzn-header-order "
    "x-amzn-lambda-integration-tag x-amzn-requestid x-cache x-forwarded-proto x-real-ip"
)
READ_ONLY = frozenset({"cdn-loop", "content-length", "host", "transfer-encoding", "via"})
MAX_URI = 8192


def disallowed(name: str) -> bool:
    """Whether functions neither see nor set this header (lower case)."""
    return name in DISALLOWED or name.startswith(("x-amz-cf-", "x-edge-"))


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    grouped: dict[str, Any] = {}
    for name, value in pairs:
        entry = grouped.get(name)
        if entry is None:
            grouped[name] = {"value": value}
        else:
            entry.setdefault("multiValue", [{"value": entry["value"]}]).append({"value": value})
    return grouped


def _queries(query: str | None) -> list[tuple[str, str]]:
    if not query:
        return []
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(name, value) for name, _, value in pairs]


def _cookies(headers: Headers) -> list[tuple[str, str]]:
    found = []
    for name, value in headers:
        if name.lower() == "cookie":
            for part in value.split(";"):
                key, equals, text = part.strip().partition("=")
                if equals:
                    found.append((key, text))
    return found


def _visible(headers: Headers) -> list[tuple[str, str]]:
    lowered = [(name.lower(), value) for name, value in headers]
    return [(name, value) for name, value in lowered if name != "cookie" and not disallowed(name)]


def request_event(
    method: str, path: str, query: str | None, headers: Headers, viewer: str, context: Mapping[str, str]
) -> dict[str, Any]:
    """The event of a viewer request; ``__raw`` becomes ``rawQueryString()``."""
    return {
        "version": "1.0",
        "context": {**context, "eventType": "viewer-request"},
        "viewer": {"ip": viewer},
        "request": {
            "method": method,
            "uri": path,
            "querystring": _grouped(_queries(query)),
            "headers": _grouped(_visible(headers)),
            "cookies": _grouped(_cookies(headers)),
        },
        "__raw": query,
    }


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise RefusedError(f"{what} is no string")
    return value


def _pairs(grouped: Any, what: str) -> list[tuple[str, str]]:
    if not isinstance(grouped, Mapping):
        raise RefusedError(f"{what} is no object")
    pairs: list[tuple[str, str]] = []
    for name, entry in grouped.items():
        if not isinstance(entry, Mapping):
            raise RefusedError(f"{what}.{name} is no object with a value")
        many = entry.get("multiValue")
        for item in many if isinstance(many, list) and many else [entry]:
            pairs.append((name, _text(item.get("value", ""), f"{what}.{name}.value")))
    return pairs


def changed_request(
    event: Mapping[str, Any], returned: Mapping[str, Any], headers: Headers, query: str | None
) -> tuple[str, str | None, Headers]:
    """Path, query and headers after the function.

    Args:
        event: what the function got.
        returned: the request it gave.
        headers: the viewer's.
        query: the viewer's, kept as it came when the function leaves it alone.

    Raises:
        RefusedError: it changed what it must not, or gave something malformed (502).
    """
    before = event["request"]
    if returned.get("method", before["method"]) != before["method"]:
        raise RefusedError("it changed the method")
    uri = _text(returned.get("uri"), "request.uri")
    if not uri.startswith("/") or re.search(r"[\x00-\x20#]", uri):
        raise RefusedError(f"request.uri {uri[:80]!r} is no path")
    if returned.get("querystring") != before["querystring"]:
        after = returned.get("querystring")
        pairs = _pairs(after, "request.querystring") if not isinstance(after, str) else None
        query = after if isinstance(after, str) else "&".join(f"{k}={v}" if v else k for k, v in pairs or [])
    if len(uri) + len(query or "") + 1 >= MAX_URI:
        raise RefusedError("the URI is too long")
    if returned.get("headers") != before["headers"]:
        headers = _changed_headers(before["headers"], returned.get("headers"), headers)
    if returned.get("cookies") != before["cookies"]:
        cookies = _pairs(returned.get("cookies"), "request.cookies")
        headers = [(n, v) for n, v in headers if n.lower() != "cookie"]
        if cookies:
            headers.append(("cookie", "; ".join(f"{k}={v}" for k, v in cookies)))
    return uri, query, headers


def _changed_headers(before: Mapping[str, Any], after: Any, headers: Headers) -> Headers:
    pairs = _pairs(after, "request.headers")
    for name, _ in pairs:
        if name != name.lower():
            raise RefusedError(f"header {name!r} is not in lower case")
        if disallowed(name):
            raise RefusedError(f"header {name!r} is not allowed")
    for name in READ_ONLY:
        if before.get(name) != after.get(name):
            raise RefusedError(f"header {name!r} is read-only")
    kept = [(n, v) for n, v in headers if n.lower() == "cookie" or disallowed(n.lower())]
    return [*kept, *pairs]


def made_response(returned: Mapping[str, Any]) -> Response:
    """The response a viewer-request function made.

    Raises:
        RefusedError: it is malformed (502).
    """
    status = returned.get("statusCode")
    if not isinstance(status, int | float) or not 200 <= status <= 599:
        raise RefusedError(f"statusCode {status!r} is none from 200 to 599")
    headers = _pairs(returned.get("headers") or {}, "response.headers")
    for name, _ in headers:
        if disallowed(name.lower()):
            raise RefusedError(f"header {name!r} is not allowed")
    for name, entry in (returned.get("cookies") or {}).items():
        attributes = entry.get("attributes")
        headers.append(
            ("set-cookie", f"{name}={entry.get('value', '')}" + (f"; {attributes}" if attributes else ""))
        )
    body = returned.get("body", b"")
    if isinstance(body, Mapping):
        data = str(body.get("data", ""))
        body = base64.b64decode(data) if body.get("encoding") == "base64" else data.encode()
    elif isinstance(body, str):
        body = body.encode()
    return Response(int(status), headers, bytes(body or b""))
