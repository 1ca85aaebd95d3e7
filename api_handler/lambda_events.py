"""Lambda proxy events as ASGI scopes: REST APIs (payload 1.0), HTTP APIs and Function URLs (2.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from api_handler.http import SCOPE_DEADLINE, SCOPE_TRACE, Scope

WORKER_EVENT = "orchestrator.run"
"""``source`` of the event by which the function lets itself work on a run."""


class NotHttp(ValueError):
    """The event is no HTTP request."""


def to_scope(event: Any, *, deadline: float, trace_id: str | None) -> tuple[Scope, bytes]:
    """An event as an ASGI scope and a body.

    Args:
        event: the parsed event.
        deadline: epoch seconds at which Lambda ends the invocation.
        trace_id: Lambda's trace id.

    Raises:
        NotHttp: the event is something else, or not whole.
    """
    if not isinstance(event, dict):
        raise NotHttp("the event is not an object")
    try:
        context = event["requestContext"]
        if event.get("version") == "2.0" and "http" in context:
            method, path, query, headers, peer = _payload_2(event, context)
        elif "httpMethod" in event and "elb" not in context:
            method, path, query, headers, peer = _payload_1(event, context)
        else:
            raise NotHttp("the event is no HTTP request")
        body = _body(event)
        pairs = [
            (name.lower().encode("latin-1", "replace"), value.encode("utf-8")) for name, value in headers
        ]
    except NotHttp:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:  # base64 and UTF-8 among them
        raise NotHttp(f"the event is not a whole HTTP request ({type(error).__name__})") from None
    if body and not any(name == b"content-length" for name, _ in pairs):
        pairs.append((b"content-length", str(len(body)).encode()))
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode("ascii", "replace"),
        "root_path": "",
        "headers": pairs,
        "client": (peer, 0) if peer else None,
        "server": None,
        SCOPE_DEADLINE: deadline,
        SCOPE_TRACE: trace_id,
    }
    return scope, body


def _payload_1(event: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[str, str, str, list[Any], str]:
    many = event.get("multiValueHeaders")
    if many:
        headers = [(name, str(value)) for name, values in many.items() for value in values]
    else:
        headers = [(name, str(value)) for name, value in (event.get("headers") or {}).items()]
    parameters = event.get("multiValueQueryStringParameters")
    if parameters is None:
        parameters = {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}
    # Decoded by API Gateway in this payload, so encoded again here.
    query = urlencode([(name, value) for name, values in parameters.items() for value in values])
    peer = str((context.get("identity") or {}).get("sourceIp") or "")
    return str(event["httpMethod"]), quote(str(event["path"]), safe="/%:@!$&'()*+,;=~"), query, headers, peer


def _payload_2(event: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[str, str, str, list[Any], str]:
    headers = [(name, str(value)) for name, value in (event.get("headers") or {}).items()]
    cookies = event.get("cookies")
    if cookies:
        headers.append(("cookie", "; ".join(str(cookie) for cookie in cookies)))
    path = str(event["rawPath"])
    stage = context.get("stage", "$default")
    if stage != "$default" and path.startswith(f"/{stage}/"):
        path = path.removeprefix(f"/{stage}")
    http = context["http"]
    return (
        str(http["method"]),
        path,
        str(event.get("rawQueryString") or ""),
        headers,
        str(http.get("sourceIp") or ""),
    )


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body")
    if body is None:
        return b""
    if event.get("isBase64Encoded"):
        return base64.b64decode(body, validate=True)
    return body.encode("utf-8", "surrogatepass")
