"""Cache, origin-request and response-headers policies: AWS's managed ones and the program's own.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Selection:
    """Which of the viewer's headers, cookies or query strings go along.

    Attributes:
        kind: ``none``, ``all``, ``some`` (only ``names``) or ``except`` (all but ``names``).
        names: header names in lower case; cookie and query names as they are.
    """

    kind: str = "none"
    names: frozenset[str] = frozenset()

    def takes(self, name: str) -> bool:
        """Whether this one goes along."""
        if self.kind in ("none", "all"):
            return self.kind == "all"
        return (name in self.names) == (self.kind == "some")


NONE, ALL = Selection("none"), Selection("all")


def some(*names: str) -> Selection:
    """Only these."""
    return Selection("some", frozenset(names))


@dataclass(frozen=True, kw_only=True)
class Forwarding:
    """A cache policy or an origin request policy: what it adds to the request for the origin.

    Attributes:
        name: for people.
        headers, cookies, queries: what goes along.
        gzip, brotli: cache policies: whether Accept-Encoding is normalized and answers may be compressed.
        cloudfront_headers: CloudFront's own headers that are asked for, lower case.
        caches: a cache policy that keeps answers.
    """

    name: str
    headers: Selection = NONE
    cookies: Selection = NONE
    queries: Selection = NONE
    gzip: bool = False
    brotli: bool = False
    cloudfront_headers: frozenset[str] = frozenset()
    caches: bool = True


@dataclass(frozen=True)
class HeadersPolicy:
    """A response-headers policy.

    Attributes:
        name: for people.
        sets: header, value, and whether it replaces the origin's.
        removes: headers that are taken away, lower case.
        cors: the CORS block, camelCase as planned; None: there is none.
    """

    name: str
    sets: tuple[tuple[str, str, bool], ...] = ()
    removes: frozenset[str] = frozenset()
    cors: Mapping[str, Any] | None = field(default=None, hash=False)


CACHE_POLICIES = {
    "658327ea-f89d-4fab-a63d-7e88639e58f6": Forwarding(name="CachingOptimized", gzip=True, brotli=True),
    "b2884449-e4de-46a7-ac36-70bc7f1ddd6d": Forwarding(name="CachingOptimizedForUncompressedObjects"),
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": Forwarding(name="CachingDisabled", caches=False),
    "83da9c7e-98b4-4e11-a168-04f0df8e2c65": Forwarding(
        name="UseOriginCacheControlHeaders",
        headers=some("host", "origin", "x-http-method-override", "x-http-method", "x-method-override"),
        cookies=ALL, gzip=True, brotli=True,
    ),
    "4cc15a8a-d715-48a4-82b8-cc0b614638fe": Forwarding(
        name="UseOriginCacheControlHeaders-QueryStrings",
        headers=some("host", "origin", "x-http-method-override", "x-http-method", "x-method-override"),
        cookies=ALL, queries=ALL, gzip=True, brotli=True,
    ),
}  # fmt: skip

_CORS_S3 = ("origin", "access-control-request-headers", "access-control-request-method")
REQUEST_POLICIES = {
    "216adef6-5c7f-47e4-b989-5492eafa07d3": Forwarding(
        name="AllViewer", headers=ALL, cookies=ALL, queries=ALL
    ),
    "b689b0a8-53d0-40ab-baf2-68738e2966ac": Forwarding(
        name="AllViewerExceptHostHeader",
        headers=Selection("except", frozenset({"host"})), cookies=ALL, queries=ALL,
    ),
    "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf": Forwarding(name="CORS-S3Origin", headers=some(*_CORS_S3)),
    "59781a5b-3903-41f3-afcb-af62929ccde1": Forwarding(name="CORS-CustomOrigin", headers=some("origin")),
    "acba4595-bd28-49b8-b9fe-13317c0390fa": Forwarding(
        name="UserAgentRefererHeaders", headers=some("user-agent", "referer")
    ),
    "bf0718e1-ba1e-49d1-88b1-f726733018ae": Forwarding(name="HostHeaderOnly", headers=some("host")),
}  # fmt: skip

_SECURITY = (
    ("Strict-Transport-Security", "max-age=31536000", False),
    ("X-Content-Type-Options", "nosniff", True),
    ("X-Frame-Options", "SAMEORIGIN", False),
    ("X-XSS-Protection", "1; mode=block", False),
    ("Referrer-Policy", "strict-origin-when-cross-origin", False),
)
HEADERS_POLICIES = {
    "67f7725c-6f97-4210-82d7-5512b31e9d03": HeadersPolicy("SecurityHeadersPolicy", _SECURITY),
}

_KINDS = {"none": "none", "all": "all", "whitelist": "some", "allExcept": "except", "allViewer": "all"}


def cache_policy(inputs: Mapping[str, Any]) -> Forwarding:
    """One of the program's own cache policies, from its planned inputs."""
    key = inputs.get("parametersInCacheKeyAndForwardedToOrigin") or {}
    headers = key.get("headersConfig") or {}
    cookies = key.get("cookiesConfig") or {}
    queries = key.get("queryStringsConfig") or {}
    return Forwarding(
        name=str(inputs.get("name") or inputs.get("comment") or "a cache policy"),
        headers=_selection(headers.get("headerBehavior"), headers.get("headers"), lower=True),
        cookies=_selection(cookies.get("cookieBehavior"), cookies.get("cookies")),
        queries=_selection(queries.get("queryStringBehavior"), queries.get("queryStrings")),
        gzip=bool(key.get("enableAcceptEncodingGzip")),
        brotli=bool(key.get("enableAcceptEncodingBrotli")),
        caches=inputs.get("maxTtl") != 0,
    )


def request_policy(inputs: Mapping[str, Any]) -> Forwarding:
    """One of the program's own origin request policies, from its planned inputs."""
    headers = inputs.get("headersConfig") or {}
    cookies = inputs.get("cookiesConfig") or {}
    queries = inputs.get("queryStringsConfig") or {}
    behavior = str(headers.get("headerBehavior") or "none")
    wanted = _names(headers.get("headers"), lower=True)
    own = frozenset(name for name in wanted if name.startswith("cloudfront-"))
    if behavior == "allViewerAndWhitelistCloudFront":
        chosen = ALL
    else:
        chosen = _selection(behavior, headers.get("headers"), lower=True)
    return Forwarding(
        name=str(inputs.get("name") or inputs.get("comment") or "an origin request policy"),
        headers=chosen,
        cookies=_selection(cookies.get("cookieBehavior"), cookies.get("cookies")),
        queries=_selection(queries.get("queryStringBehavior"), queries.get("queryStrings")),
        cloudfront_headers=own,
    )


def headers_policy(inputs: Mapping[str, Any]) -> HeadersPolicy:
    """One of the program's own response-headers policies, from its planned inputs."""
    sets: list[tuple[str, str, bool]] = []
    security = inputs.get("securityHeadersConfig") or {}
    for key, (header, value_of) in _SECURITY_FIELDS.items():
        block = security.get(key)
        if block:
            sets.append((header, value_of(block), bool(block.get("override"))))
    for item in (inputs.get("customHeadersConfig") or {}).get("items") or []:
        sets.append((str(item["header"]), str(item["value"]), bool(item.get("override"))))
    removes = (inputs.get("removeHeadersConfig") or {}).get("items") or []
    return HeadersPolicy(
        str(inputs.get("name") or inputs.get("comment") or "a response-headers policy"),
        tuple(sets),
        frozenset(str(item["header"]).lower() for item in removes),
        inputs.get("corsConfig") or None,
    )


def _hsts(block: Mapping[str, Any]) -> str:
    value = f"max-age={block.get('accessControlMaxAgeSec', 0)}"
    if block.get("includeSubdomains"):
        value += "; includeSubDomains"
    return value + ("; preload" if block.get("preload") else "")


def _xss(block: Mapping[str, Any]) -> str:
    if not block.get("protection"):
        return "0"
    if block.get("modeBlock"):
        return "1; mode=block"
    return f"1; report={block['reportUri']}" if block.get("reportUri") else "1"


_SECURITY_FIELDS = {
    "strictTransportSecurity": ("Strict-Transport-Security", _hsts),
    "contentTypeOptions": ("X-Content-Type-Options", lambda _: "nosniff"),
    "frameOptions": ("X-Frame-Options", lambda block: str(block.get("frameOption"))),
    "referrerPolicy": ("Referrer-Policy", lambda block: str(block.get("referrerPolicy"))),
    "xssProtection": ("X-XSS-Protection", _xss),
    "contentSecurityPolicy": (
        "Content-Security-Policy", lambda block: str(block.get("contentSecurityPolicy")),
    ),
}  # fmt: skip


def _names(block: Any, *, lower: bool = False) -> frozenset[str]:
    items = (block or {}).get("items") or []
    return frozenset(str(item).lower() if lower else str(item) for item in items)


def _selection(kind: Any, block: Any, *, lower: bool = False) -> Selection:
    return Selection(_KINDS.get(str(kind or "none"), "none"), _names(block, lower=lower))
