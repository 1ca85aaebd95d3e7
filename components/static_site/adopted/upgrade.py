"""The changes that are made only when asked, as pure functions over planned inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.static_site.behaviors import NOT_FOUND_PAGE, NOT_FOUND_TTL_S

Inputs = dict[str, Any]

TLS_FLOOR = "TLSv1.2_2021"
_BELOW = ("SSLv3", "TLSv1", "TLSv1_2016", "TLSv1.1_2016", "TLSv1.2_2018", "TLSv1.2_2019")
_WEBSITE = re.compile(r"^(?P<bucket>.+)\.s3-website[.-][a-z0-9-]+\.amazonaws\.com$")
_REST = re.compile(r"^(?P<bucket>.+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com$")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What upgrades refer to; a part is None unless its upgrade is asked for.

    Attributes:
        regional_host: REST endpoint of the bucket.
        access_control_id: the stack's origin access control.
        site_headers_id: the stack's response headers policy.
        edge_function_arn: the stack's viewer-request function.
        cache_policy_ids: place of a behavior to the cache policy that replaces its legacy settings.
    """

    regional_host: Any = None
    access_control_id: Any = None
    site_headers_id: Any = None
    edge_function_arn: Any = None
    cache_policy_ids: Mapping[str, Any] | None = None


def is_website(host: str) -> bool:
    """Whether a host is a bucket's website endpoint."""
    return bool(_WEBSITE.match(host))


def bucket_of(host: str) -> str:
    """The bucket behind an origin's host; "": none."""
    match = _WEBSITE.match(host) or _REST.match(host)
    return match["bucket"] if match else ""


def behaviors(inputs: Mapping[str, Any]) -> Iterator[tuple[str, Inputs]]:
    """(pattern, behavior), the default one as ``*`` and last."""
    for one in inputs.get("ordered_cache_behaviors", []):
        yield one["path_pattern"], one
    yield "*", inputs["default_cache_behavior"]


def bucket_origins(inputs: Mapping[str, Any], bucket: str) -> list[Inputs]:
    """The origins that are this bucket, under either endpoint."""
    return [one for one in inputs["origins"] if bucket and bucket_of(one["domain_name"]) == bucket]


def upgraded(inputs: Inputs, names: frozenset[str], bucket: str, parts: Parts) -> Inputs:
    """The inputs with every upgrade that was asked for; the given ones are changed in place."""
    for name, change in UPGRADES.items():
        if name in names:
            change(inputs, bucket, parts)
    return inputs


def _edge_function(inputs: Inputs, bucket: str, parts: Parts) -> None:
    behavior = inputs["default_cache_behavior"]
    behavior["function_associations"] = [
        *behavior.get("function_associations", []),
        {"event_type": "viewer-request", "function_arn": parts.edge_function_arn},
    ]


def _oac(inputs: Inputs, bucket: str, parts: Parts) -> None:
    for origin in bucket_origins(inputs, bucket):
        origin.pop("s3_origin_config", None)
        origin.pop("custom_origin_config", None)
        origin["domain_name"] = parts.regional_host
        origin["origin_access_control_id"] = parts.access_control_id
    inputs.setdefault("default_root_object", "index.html")


def _https(inputs: Inputs, bucket: str, parts: Parts) -> None:
    for _, behavior in behaviors(inputs):
        if behavior["viewer_protocol_policy"] == "allow-all":
            behavior["viewer_protocol_policy"] = "redirect-to-https"


def _tls(inputs: Inputs, bucket: str, parts: Parts) -> None:
    certificate = inputs["viewer_certificate"]
    if certificate.get("minimum_protocol_version") in _BELOW:
        certificate["minimum_protocol_version"] = TLS_FLOOR
        if certificate.get("ssl_support_method") == "vip":
            certificate["ssl_support_method"] = "sni-only"


def _http3(inputs: Inputs, bucket: str, parts: Parts) -> None:
    inputs["http_version"] = "http2and3"


def _ipv6(inputs: Inputs, bucket: str, parts: Parts) -> None:
    inputs["is_ipv6_enabled"] = True


def _compress(inputs: Inputs, bucket: str, parts: Parts) -> None:
    inputs["default_cache_behavior"]["compress"] = True


def _headers(inputs: Inputs, bucket: str, parts: Parts) -> None:
    inputs["default_cache_behavior"].setdefault("response_headers_policy_id", parts.site_headers_id)


def _cache_policies(inputs: Inputs, bucket: str, parts: Parts) -> None:
    for pattern, behavior in behaviors(inputs):
        if pattern in (parts.cache_policy_ids or {}):
            for legacy in ("forwarded_values", "min_ttl", "default_ttl", "max_ttl"):
                behavior.pop(legacy, None)
            behavior["cache_policy_id"] = (parts.cache_policy_ids or {})[pattern]


def _error_pages(inputs: Inputs, bucket: str, parts: Parts) -> None:
    kept = [one for one in inputs.get("custom_error_responses", []) if "response_page_path" not in one]
    page = {
        "error_code": 403,
        "response_code": 404,
        "response_page_path": NOT_FOUND_PAGE,
        "error_caching_min_ttl": NOT_FOUND_TTL_S,
    }
    inputs["custom_error_responses"] = [page, *(one for one in kept if one["error_code"] != 403)]


def _logging(inputs: Inputs, bucket: str, parts: Parts) -> None:
    """The delivery is a resource beside the distribution; the distribution does not change."""


UPGRADES: Mapping[str, Callable[[Inputs, str, Parts], None]] = {
    "edge-function": _edge_function,
    "oac": _oac,
    "https": _https,
    "tls": _tls,
    "http3": _http3,
    "ipv6": _ipv6,
    "headers": _headers,
    "compress": _compress,
    "cache-policies": _cache_policies,
    "error-pages": _error_pages,
    "logging": _logging,
}
"""Every upgrade, in the order in which they are made."""


def legacy_settings(inputs: Mapping[str, Any]) -> dict[str, Inputs]:
    """Pattern to the legacy cache settings a cache policy can express.

    Not those that make every header part of the key (``*``), nor those that send every query string
    on but keep only some in the key: no policy says that.
    """
    found = {}
    for pattern, behavior in behaviors(inputs):
        forwarded = behavior.get("forwarded_values")
        if (
            forwarded is None
            or "*" in forwarded.get("headers", [])
            or forwarded.get("query_string_cache_keys")
        ):
            continue
        found[pattern] = behavior
    return found


def requirements(inputs: Mapping[str, Any], names: frozenset[str], bucket: str) -> list[str]:
    """What must be there for the upgrades that were asked for, one sentence each."""
    found = []
    default = inputs["default_cache_behavior"]
    taken = [
        one["event_type"]
        for kind in ("function_associations", "lambda_function_associations")
        for one in default.get(kind, [])
        if one["event_type"] == "viewer-request"
    ]
    if "edge-function" in names and taken:
        found.append(
            "upgrade 'edge-function' needs the default behavior's viewer-request event, which has a function "
            "already: take that one's work into the site first, or leave the upgrade out"
        )
    origins = bucket_origins(inputs, bucket)
    if "oac" in names and not origins:
        found.append("upgrade 'oac' needs a bucket of this account among the origins; there is none")
    if "oac" in names and "edge-function" not in names and any(is_website(o["domain_name"]) for o in origins):
        found.append(
            "upgrade 'oac' takes the website endpoint away, and with it the index of folders: ask for "
            "'edge-function' too, which gives it"
        )
    if "error-pages" in names and "edge-function" not in names:
        found.append(
            "upgrade 'error-pages' takes away what answers unknown paths: ask for 'edge-function' too, "
            "or bring the stack up with it before"
        )
    if "error-pages" in names:
        found += [
            f"upgrade 'error-pages' takes away that {rule['error_code']} is answered with "
            f"{rule['response_page_path']} and 200; the edge function answers unknown paths with /index.html "
            "alone (siteMode spa): give the app that name first"
            for rule in inputs.get("custom_error_responses", [])
            if rule.get("response_code") == 200 and rule["response_page_path"] != "/index.html"
        ]
    return found
