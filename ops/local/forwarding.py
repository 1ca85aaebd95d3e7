"""The request CloudFront makes of the viewer's: what goes along to the origin and what does not.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html#request-custom-headers-behavior
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/controlling-origin-requests.html
"""

from __future__ import annotations

from collections.abc import Iterable

from ops.local.architecture import Behavior, Origin
from ops.local.http1 import Headers, names

ALWAYS = names(
    "cache-control content-type content-md5 date from if-match if-modified-since if-none-match if-range "
    "if-unmodified-since max-forwards pragma range request-range warning"
)
"""Headers of the viewer that go along whatever the policies say. For a body: its type."""

NEVER = names(
    "connection proxy-connection keep-alive te trailer transfer-encoding upgrade expect content-length "
    "proxy-authenticate proxy-authorization x-forwarded-proto x-real-ip x-amz-cf-id via x-forwarded-for "
    "cookie host user-agent accept-encoding"
)
"""Headers that are dropped, or that are put together anew below."""

DROPPED_FROM_ANSWERS = names(
    "connection proxy-connection keep-alive trailer transfer-encoding upgrade date via x-cache x-amz-cf-pop "
    "x-amz-cf-id x-amz-id-2 x-amz-request-id"
)


def query_for(behavior: Behavior, query: str | None) -> str | None:
    """The query string that goes along."""
    if query is None:
        return None
    selections = [p.queries for p in (behavior.cache, behavior.request) if p is not None]
    if any(s.kind == "all" for s in selections):
        return query
    kept = [part for part in query.split("&") if any(s.takes(part.partition("=")[0]) for s in selections)]
    return "&".join(kept) or None


def accept_encoding_for(behavior: Behavior, value: str | None) -> str | None:
    """Accept-Encoding as it goes along: normalized when the cache policy compresses."""
    if behavior.cache.gzip or behavior.cache.brotli:
        codings = [part.partition(";")[0].strip() for part in (value or "").lower().split(",")]
        kept = [
            c
            for c, on in (("br", behavior.cache.brotli), ("gzip", behavior.cache.gzip))
            if on and c in codings
        ]
        return ",".join(kept) or None
    return value if _takes(behavior, "accept-encoding") else None


def _takes(behavior: Behavior, name: str) -> bool:
    return any(p.headers.takes(name) for p in (behavior.cache, behavior.request) if p is not None)


def headers_for(
    behavior: Behavior,
    origin: Origin,
    headers: Headers,
    *,
    host: str,
    viewer: str,
    request_id: str,
    own: Headers,
) -> Headers:
    """The headers of the request for the origin.

    Args:
        behavior: whose policies decide.
        origin: whose custom headers replace the viewer's of the same name.
        headers: the viewer's, after the function.
        host: the name the viewer asked.
        viewer: the viewer's address.
        request_id: of this request.
        own: CloudFront's own headers (``CloudFront-Viewer-Address``), of which policies choose.
    """
    values = {name.lower(): value for name, value in headers}
    replaced = {name.lower() for name, _ in origin.headers}
    made: Headers = [("Host", host if _takes(behavior, "host") and not origin.bucket else origin.domain)]
    for name, value in headers:
        lower = name.lower()
        if lower in NEVER or lower in replaced or lower.startswith("x-edge-"):
            continue
        if lower in ALWAYS or _takes(behavior, lower):
            made.append((name, value))
    agent = values.get("user-agent") if _takes(behavior, "user-agent") else None
    made.append(("User-Agent", agent or "Amazon CloudFront"))
    encoding = accept_encoding_for(behavior, values.get("accept-encoding"))
    if encoding:
        made.append(("Accept-Encoding", encoding))
    cookies = _cookies(behavior, (value for name, value in headers if name.lower() == "cookie"))
    if cookies:
        made.append(("Cookie", cookies))
    before = values.get("x-forwarded-for")
    made.append(("X-Forwarded-For", f"{before}, {viewer}" if before else viewer))
    made.append(("Via", _via(request_id)))
    made.append(("X-Amz-Cf-Id", request_id))
    wanted = behavior.request.cloudfront_headers if behavior.request else frozenset()
    made += [(name, value) for name, value in own if name.lower() in wanted]
    return [*made, *origin.headers]


def _cookies(behavior: Behavior, values: Iterable[str]) -> str:
    selections = [p.cookies for p in (behavior.cache, behavior.request) if p is not None]
    kept = []
    for value in values:
        for part in value.split(";"):
            part = part.strip()
            if part and any(s.takes(part.partition("=")[0]) for s in selections):
                kept.append(part)
    return "; ".join(kept)


def _via(request_id: str) -> str:
    return f"1.1 {request_id[:32].lower()}.cloudfront.net (CloudFront)"


def answer_headers(headers: Headers, behavior: Behavior, request_id: str, cache: str) -> Headers:
    """The origin's headers as the viewer gets them."""
    cookies = any(p.cookies.kind != "none" for p in (behavior.cache, behavior.request) if p is not None)
    made: Headers = []
    for name, value in headers:
        lower = name.lower()
        if lower in DROPPED_FROM_ANSWERS or (lower == "set-cookie" and not cookies):
            continue
        made.append((name, value))
    return [*made, *edge_headers(request_id, cache)]


def edge_headers(request_id: str, cache: str) -> Headers:
    """What CloudFront adds to every answer."""
    return [
        ("X-Cache", f"{cache} from cloudfront"), ("Via", _via(request_id)),
        ("X-Amz-Cf-Pop", "LOCAL"), ("X-Amz-Cf-Id", request_id),
    ]  # fmt: skip
