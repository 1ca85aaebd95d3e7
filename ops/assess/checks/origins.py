"""How the distribution's origins are guarded and spoken to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.assess.model import Found, Snapshot, check
from ops.assess.views import config, is_bucket_origin, is_website_endpoint, items, origins

_CF = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide"
_OAC = f"{_CF}/private-content-restricting-access-to-s3.html"
_OLD_TLS = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})


def _all(s: Snapshot) -> list[Mapping[str, Any]]:
    found = config(s)
    return origins(found) if found else []


def _label(s: Snapshot, origin: Mapping[str, Any]) -> str:
    return f"{s['distribution']['Id']} origin {origin['Id']}"


@check(
    "cloudfront-origin-unguarded",
    "high",
    "A bucket origin has neither access control nor identity",
    why="CloudFront asks the bucket as an anonymous visitor, so the bucket must be public for the site to "
    "work.",
    source=_OAC,
    needs=("distribution",),
)
def unguarded(s: Snapshot) -> Iterator[Found]:
    for origin in _all(s):
        identity = origin.get("S3OriginConfig", {}).get("OriginAccessIdentity")
        if is_bucket_origin(origin) and not identity and not origin.get("OriginAccessControlId"):
            yield Found(
                resource=_label(s, origin),
                evidence=f"{origin['DomainName']} without OriginAccessControlId and OriginAccessIdentity",
                mend="Give it an origin access control and a bucket policy for it.",
                upgrades=("oac",),
            )


@check(
    "cloudfront-origin-identity",
    "low",
    "A bucket origin uses an origin access identity",
    why="Identities are legacy: no SSE-KMS, no Regions opened since 2022, no pinning to one distribution, "
    "and no flat-rate plan.",
    source=f"{_OAC}#migrate-from-oai-to-oac",
    needs=("distribution",),
)
def identity(s: Snapshot) -> Iterator[Found]:
    for origin in _all(s):
        found = origin.get("S3OriginConfig", {}).get("OriginAccessIdentity")
        if found and not origin.get("OriginAccessControlId"):
            yield Found(
                resource=_label(s, origin),
                evidence=found,
                mend="Move to an origin access control: the policy first lets both in, then the origin "
                "changes.",
                upgrades=("oac",),
            )


@check(
    "cloudfront-origin-website",
    "medium",
    "An origin is a bucket's website endpoint",
    why="CloudFront speaks plain HTTP to it and the bucket must be public.",
    source=f"{_CF}/DownloadDistS3AndCustomOrigins.html",
    needs=("distribution",),
)
def website(s: Snapshot) -> Iterator[Found]:
    for origin in _all(s):
        if is_website_endpoint(origin["DomainName"]):
            yield Found(
                resource=_label(s, origin),
                evidence=origin["DomainName"],
                mend="Move to the REST endpoint with an origin access control; directory index and "
                "redirects go to the edge function.",
                upgrades=("edge-function", "oac"),
            )


@check(
    "cloudfront-oac-unsigned",
    "high",
    "An origin access control does not sign every request",
    why="With 'never' or 'no-override' the bucket sees requests it must let in without CloudFront's "
    "signature.",
    source=f"{_OAC}#oac-advanced-settings-s3",
    needs=("distribution", "access_controls"),
)
def unsigned(s: Snapshot) -> Iterator[Found]:
    for id_, control in (s["access_controls"] or {}).items():
        behavior = control["OriginAccessControlConfig"]["SigningBehavior"]
        if behavior != "always":
            yield Found(
                resource=f"origin access control {id_}",
                evidence=f"signing behavior {behavior}",
                mend="Set it to always.",
                command=f"aws cloudfront get-origin-access-control-config --id {id_}",
            )


@check(
    "cloudfront-origin-http",
    "medium",
    "CloudFront speaks plain HTTP to a public origin",
    why="What visitors send over TLS goes on unencrypted through the internet.",
    source=f"{_CF}/using-https-cloudfront-to-custom-origin.html",
    needs=("distribution",),
)
def plain_http(s: Snapshot) -> Iterator[Found]:
    for origin in _all(s):
        custom = origin.get("CustomOriginConfig")
        if not custom or is_website_endpoint(origin["DomainName"]):
            continue
        if custom["OriginProtocolPolicy"] != "https-only":
            yield Found(
                resource=_label(s, origin),
                evidence=f"{origin['DomainName']}: {custom['OriginProtocolPolicy']}",
                mend="Set https-only once the origin has a certificate.",
            )


@check(
    "cloudfront-origin-tls",
    "medium",
    "CloudFront accepts old TLS from an origin",
    why="SSLv3, TLS 1.0 and 1.1 are broken or retired (RFC 8996).",
    source=f"{_CF}/DownloadDistValuesOrigin.html#DownloadDistValuesOriginSSLProtocols",
    needs=("distribution",),
)
def old_tls(s: Snapshot) -> Iterator[Found]:
    for origin in _all(s):
        custom = origin.get("CustomOriginConfig") or {}
        old = sorted(_OLD_TLS & set(items(custom.get("OriginSslProtocols"))))
        if old and custom.get("OriginProtocolPolicy") != "http-only":
            yield Found(
                resource=_label(s, origin),
                evidence=f"{origin['DomainName']}: {', '.join(old)}",
                mend="Leave TLSv1.2 alone.",
            )
