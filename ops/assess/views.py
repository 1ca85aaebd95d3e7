"""Small pure views over AWS's own shapes, shared by collectors, checks and adoption."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ops.assess.model import Request, Snapshot

_WEBSITE = re.compile(r"^(?P<bucket>.+)\.s3-website[.-](?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$")
_REST = re.compile(
    r"^(?P<bucket>.+)\.s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(?:\.cn)?$"
)

TLS_FLOORS = ("SSLv3", "TLSv1", "TLSv1_2016", "TLSv1.1_2016", "TLSv1.2_2018", "TLSv1.2_2019")
"""Security policies below TLSv1.2_2021:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html"""


def items(quantity: Mapping[str, Any] | None) -> list[Any]:
    """The list inside CloudFront's ``{Quantity, Items}``; empty when there is none."""
    return list((quantity or {}).get("Items") or [])


def list_of(config: Mapping[str, Any], member: str) -> list[Any]:
    """``items`` of one member."""
    return items(config.get(member))


def is_website_endpoint(host: str) -> bool:
    """Whether an origin's host is a bucket's website endpoint."""
    return bool(_WEBSITE.match(host))


def bucket_of_origin(host: str) -> str:
    """The bucket behind an origin's host, REST or website endpoint; "": none."""
    match = _WEBSITE.match(host) or _REST.match(host)
    return match["bucket"] if match else ""


def is_bucket_origin(origin: Mapping[str, Any]) -> bool:
    """Whether an origin is a bucket's REST endpoint."""
    return "S3OriginConfig" in origin or bool(_REST.match(origin["DomainName"]))


def config(snapshot: Snapshot) -> Mapping[str, Any] | None:
    """The distribution's configuration, or None."""
    distribution = snapshot["distribution"]
    return distribution["DistributionConfig"] if distribution else None


def behaviors(distribution_config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(path pattern, behavior) in the order CloudFront tries them; ``*`` is the default, last."""
    for behavior in list_of(distribution_config, "CacheBehaviors"):
        yield behavior["PathPattern"], behavior
    yield "*", distribution_config["DefaultCacheBehavior"]


def origins(distribution_config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The origins in their order."""
    return list_of(distribution_config, "Origins")


def default_origin(distribution_config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The origin of the default behavior; None for an origin group without that member."""
    target = distribution_config["DefaultCacheBehavior"]["TargetOriginId"]
    for group in list_of(distribution_config, "OriginGroups"):
        if group["Id"] == target:
            target = items(group["Members"])[0]["OriginId"]
    return next((one for one in origins(distribution_config) if one["Id"] == target), None)


def is_single_page(distribution_config: Mapping[str, Any]) -> bool:
    """Whether unknown paths get the app's page with status 200, as a single-page site has it."""
    return any(
        rule["ErrorCode"] in (403, 404)
        and rule.get("ResponseCode") == "200"
        and rule.get("ResponsePagePath") == "/index.html"
        for rule in list_of(distribution_config, "CustomErrorResponses")
    )


def wanted_names(request: Request) -> tuple[str, ...]:
    """The names the stack would put on the distribution, the apex first."""
    if not request.domain:
        return ()
    names = [request.domain]
    if request.www_redirect:
        names.append(f"www.{request.domain}")
    if request.api_subdomain and request.backend != "none":
        names.append(f"{request.api_subdomain}.{request.domain}")
    return tuple(names)


def covers(name: str, pattern: str) -> bool:
    """Whether a certificate name or alias covers a host; ``*`` stands for exactly one label."""
    if not pattern.startswith("*."):
        return name.lower() == pattern.lower()
    head, _, rest = name.lower().partition(".")
    return bool(head) and rest == pattern[2:].lower()


def shadows_api(pattern: str) -> bool:
    """Whether a behavior's pattern catches requests of ``/api/*`` when it stands before it."""
    probes = ("/api/", "/api/v1/health", "/api/v1/chat", "/api/v1/runs/1/stream")
    bare = pattern if pattern.startswith(("/", "*")) else f"/{pattern}"
    # fnmatch's brackets are none of CloudFront's: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html
    return any(fnmatch.fnmatchcase(probe, bare.replace("[", "[[]")) for probe in probes)


def statements(policy: str | None) -> list[Mapping[str, Any]]:
    """The statements of a policy document; a single one may stand without its list."""
    if not policy:
        return []
    found = json.loads(policy).get("Statement", [])
    return [found] if isinstance(found, Mapping) else list(found)


def as_list(value: Any) -> list[Any]:
    """A policy element that may be one value or several."""
    if value is None:
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def principals(statement: Mapping[str, Any]) -> list[str]:
    """Principals as ``*``, ``Service:…``, ``AWS:…``."""
    principal = statement.get("Principal")
    if isinstance(principal, str):
        return [principal]
    return [
        "*" if value == "*" else f"{kind}:{value}"
        for kind, values in (principal or {}).items()
        for value in as_list(values)
    ]


def actions(statement: Mapping[str, Any]) -> list[str]:
    """The actions of a statement."""
    return [str(action) for action in as_list(statement.get("Action"))]


def allows(statement: Mapping[str, Any], action: str) -> bool:
    """Whether an Allow statement names the action, wildcards included."""
    if statement.get("Effect") != "Allow":
        return False
    return any(fnmatch.fnmatchcase(action.lower(), one.lower()) for one in actions(statement))


def denies_plain_http(statement: Mapping[str, Any]) -> bool:
    """Whether a statement denies everyone without TLS."""
    if statement.get("Effect") != "Deny" or "*" not in principals(statement):
        return False
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, value in keys.items():
            if operator == "Bool" and key.lower() == "aws:securetransport":
                return [str(one).lower() for one in as_list(value)] == ["false"]
    return False


def records(snapshot: Snapshot, name: str, kind: str = "") -> list[Mapping[str, Any]]:
    """Records of a host in the zone, of one type or all."""
    want = f"{name.lower()}."
    return [
        record
        for record in snapshot["zone_records"] or []
        if unescape(record["Name"]) == want and (not kind or record["Type"] == kind)
    ]


def unescape(name: str) -> str:
    """Route 53 writes ``*`` as ``\\052``: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html"""
    return re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), name).lower()


def suffixes(domain: str) -> list[str]:
    """``a.b.example.com`` → itself, ``b.example.com``, ``example.com``: where its zone could be."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(len(labels) - 1)]
