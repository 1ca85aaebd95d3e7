"""What a plan can ask of CloudFront and the local edge does not do: a sentence each, said at every start.

A test holds these tables, with what the edge follows and what means nothing on one machine, to every
input a distribution and its policies have in the SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shortcoming:
    """One input that is not imitated.

    Attributes:
        member: the input, camelCase, ``.`` between levels.
        text: what is said; ``{where}`` is the behavior's pattern, the origin's id or the policy's name.
        wanted: whether a value asks for it at all.
    """

    member: str
    text: str
    wanted: Callable[[Any], bool] = bool


ALWAYS = (
    "nothing is cached: every request is a miss and reaches the origin",
    "HTTP/1.1 without TLS: no HTTP/2, HTTP/3, certificate or minimum TLS version",
    "compression is gzip only; CloudFront prefers Brotli",
)
"""Said of every plan."""

DISTRIBUTION = (
    Shortcoming("webAclId", "the firewall (web ACL) judges nothing here"),
    Shortcoming(
        "restrictions.geoRestriction.restrictionType",
        "geographic restrictions are not applied",
        lambda kind: kind not in (None, "none"),
    ),
    Shortcoming("originGroups", "origin groups do not fail over: the first member is asked"),
    Shortcoming("loggingConfig.bucket", "no access log is written to a bucket"),
    Shortcoming(
        "enabled", "the distribution is disabled: here it answers all the same", lambda on: on is False
    ),
    Shortcoming(
        "continuousDeploymentPolicyId", "continuous deployment sends nobody to the staging distribution"
    ),
    Shortcoming("staging", "this is a staging distribution: here it answers every request"),
    Shortcoming("viewerMtlsConfig", "client certificates are not asked for"),
    Shortcoming("connectionFunctionAssociation", "the connection function is not run"),
)
BEHAVIOR = (
    Shortcoming(
        "functionAssociations",
        "the viewer-response function on {where} is not run",
        lambda all_: any(one.get("eventType") == "viewer-response" for one in all_ or ()),
    ),
    Shortcoming("lambdaFunctionAssociations", "Lambda@Edge on {where} is not run"),
    Shortcoming(
        "forwardedValues", "legacy forwarded values on {where} are not followed: nothing is forwarded"
    ),
    Shortcoming("trustedKeyGroups", "signed URLs and cookies on {where} are not checked"),
    Shortcoming("trustedSigners", "signed URLs and cookies on {where} are not checked"),
    Shortcoming("fieldLevelEncryptionId", "fields of forms on {where} are not encrypted"),
    Shortcoming("grpcConfig.enabled", "gRPC on {where} is not spoken: it needs HTTP/2"),
    Shortcoming("smoothStreaming", "Smooth Streaming on {where} is not imitated"),
    Shortcoming("realtimeLogConfigArn", "no real-time log of {where} is written"),
)
ORIGIN = (
    Shortcoming("originShield.enabled", "origin shield of {where} is not imitated"),
    Shortcoming("responseCompletionTimeout", "the response completion timeout of {where} is not kept"),
    Shortcoming(
        "s3OriginConfig.originAccessIdentity",
        "the origin access identity of {where} is not imitated: the bucket is asked as by anybody",
    ),
    Shortcoming("customOriginConfig.originMtlsConfig", "no client certificate is shown to {where}"),
)
HEADERS_POLICY = (
    Shortcoming("serverTimingHeadersConfig.enabled", "{where} adds no Server-Timing header here"),
)


def of(table: tuple[Shortcoming, ...], planned: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """The sentences for what is planned."""
    for one in table:
        if one.wanted(_value(planned, one.member)):
            yield one.text.format(where=where)


def _value(planned: Mapping[str, Any], member: str) -> Any:
    found: Any = planned
    for part in member.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
