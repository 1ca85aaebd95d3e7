"""Every input CloudFront has is followed by the edge, warned about, or without meaning on one machine."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pulumi_aws import cloudfront

from ops.local import architecture, shortcomings
from ops.local.architecture import DISTRIBUTION, HEADERS_POLICY, Resource
from ops.local.shortcomings import Shortcoming
from tests.ops.local.running import planned, resources

Table = tuple[Shortcoming, ...]

FOLLOWED: dict[str, set[str]] = {
    "distribution": {
        "aliases", "comment", "customErrorResponses.errorCode", "customErrorResponses.responseCode",
        "customErrorResponses.responsePagePath", "defaultCacheBehavior", "defaultRootObject",
        "orderedCacheBehaviors", "originGroups.originId", "originGroups.members.originId", "origins",
    },
    "behavior": {
        "allowedMethods", "cachePolicyId", "compress", "functionAssociations.functionArn",
        "originRequestPolicyId", "pathPattern", "responseHeadersPolicyId", "targetOriginId",
        "viewerProtocolPolicy",
    },
    "origin": {
        "customHeaders.name", "customHeaders.value", "customOriginConfig.originReadTimeout", "domainName",
        "originAccessControlId", "originId", "originPath", "vpcOriginConfig.originReadTimeout",
    },
    "headers policy": {
        "comment", "name", "corsConfig", "customHeadersConfig", "removeHeadersConfig",
        "securityHeadersConfig",
    },
}  # fmt: skip
"""What the edge does as planned; a name stands for all below it."""

NOTHING: dict[str, dict[str, str]] = {
    "distribution": {
        "anycastIpListId": "an address of AWS",
        "cacheTagConfig": "nothing is cached, which is said",
        "customErrorResponses.errorCachingMinTtl": "nothing is cached, which is said",
        "httpVersion": "no TLS, which is said",
        "isIpv6Enabled": "it listens on 127.0.0.1 alone",
        "priceClass": "where AWS has edges",
        "retainOnDelete": "an option of the provider",
        "tags": "names for people and bills",
        "viewerCertificate": "no TLS, which is said",
        "waitForDeployment": "an option of the provider",
        "loggingConfig.includeCookies": "of the log, which is said",
        "loggingConfig.prefix": "of the log, which is said",
        "originGroups.failoverCriteria": "of the failover, which is said",
        "restrictions.geoRestriction.locations": "of the restriction, which is said",
    },
    "behavior": {
        "cachedMethods": "nothing is cached, which is said",
        "defaultTtl": "nothing is cached, which is said",
        "maxTtl": "nothing is cached, which is said",
        "minTtl": "nothing is cached, which is said",
    },
    "origin": {
        "connectionAttempts": "one machine: a refused connection is refused again",
        "connectionTimeout": "one machine: a connection is made at once or refused",
        "customOriginConfig.httpPort": "the stand-in listens elsewhere",
        "customOriginConfig.httpsPort": "the stand-in listens elsewhere",
        "customOriginConfig.ipAddressType": "the stand-in listens elsewhere",
        "customOriginConfig.originKeepaliveTimeout": "how long an idle connection is kept",
        "customOriginConfig.originProtocolPolicy": "no TLS, which is said",
        "customOriginConfig.originSslProtocols": "no TLS, which is said",
        "originShield.originShieldRegion": "of the shield, which is said",
        "vpcOriginConfig.originKeepaliveTimeout": "how long an idle connection is kept",
        "vpcOriginConfig.ownerAccountId": "who owns what is left out, which is said",
        "vpcOriginConfig.vpcOriginId": "what it stands for is left out, which is said",
    },
    "headers policy": {"serverTimingHeadersConfig.samplingRate": "of the header, which is said"},
}
"""What has no meaning on one machine, and why."""

TABLES: dict[str, tuple[type, Table]] = {
    "distribution": (cloudfront.DistributionArgs, shortcomings.DISTRIBUTION),
    "behavior": (cloudfront.DistributionOrderedCacheBehaviorArgs, shortcomings.BEHAVIOR),
    "origin": (cloudfront.DistributionOriginArgs, shortcomings.ORIGIN),
    "headers policy": (cloudfront.ResponseHeadersPolicyArgs, shortcomings.HEADERS_POLICY),
}


def camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def members(class_: type, path: str = "") -> Iterator[str]:
    """Every input of a class and of the classes inside it, ``originShield.enabled``."""
    for name, parameter in inspect.signature(class_).parameters.items():
        here = f"{path}.{camel(name)}".lstrip(".")
        inner = re.search(r"ForwardRef\('(\w+Args)'", str(parameter.annotation))
        yield from members(getattr(cloudfront, inner[1]), here) if inner else [here]


def covered(path: str, names: set[str]) -> bool:
    """Whether a path or something above it is named."""
    return any(path == name or path.startswith(f"{name}.") for name in names)


@pytest.mark.parametrize("kind", TABLES)
def test_every_input_of_the_sdk_has_its_place(kind: str) -> None:
    # A new input of the provider belongs nowhere until somebody looked at it.
    class_, table = TABLES[kind]
    found = set(members(class_))
    assert len(found) > 8
    places = (FOLLOWED[kind], {one.member for one in table}, set(NOTHING[kind]))
    for path in found:
        assert [covered(path, names) for names in places].count(True) >= 1, f"{kind}: {path}"
    for names in places:
        unknown = {n for n in names if not any(p == n or p.startswith(f"{n}.") for p in found)}
        assert unknown == set()
    assert not FOLLOWED[kind] & set(NOTHING[kind])


ASKING: dict[str, Any] = {
    "restrictions.geoRestriction.restrictionType": "whitelist",
    "enabled": False,
    "originGroups": [],  # has a test of its own
    "functionAssociations": "viewer-response",
}


def warnings_with(kind: str, member: str, value: Any) -> tuple[str, ...]:
    """What is said of the usual plan with one input changed."""
    changed = []
    for resource in resources(waf=False):
        inputs: Any = copy.deepcopy(dict(resource.inputs))
        place = {
            "distribution": inputs if resource.type == DISTRIBUTION else None,
            "behavior": inputs.get("defaultCacheBehavior"),
            "origin": next(iter(inputs.get("origins") or []), None),
            "headers policy": inputs if resource.type == HEADERS_POLICY else None,
        }[kind]
        if place is not None:
            *above, last = member.split(".")
            for part in above:
                place = place.setdefault(part, {})
            if value == "viewer-response":
                value = [{**place[last][0], "eventType": "viewer-response"}]
            place[last] = value
        changed.append(replace(resource, inputs=inputs))
    return architecture.read(changed).warnings


@pytest.mark.parametrize(
    ("kind", "one"),
    [
        pytest.param(kind, one, id=f"{kind}-{one.member}")
        for kind, (_, table) in TABLES.items()
        for one in table
        if ASKING.get(one.member) != []
    ],
)
def test_each_shortcoming_is_said_when_the_plan_asks_for_it(kind: str, one: Shortcoming) -> None:
    usual = set(planned(waf=False).warnings)
    words = re.compile(".+".join(map(re.escape, one.text.split("{where}"))) or re.escape(one.text))
    assert not any(words.fullmatch(said) for said in usual)
    said = set(warnings_with(kind, one.member, ASKING.get(one.member, True))) - usual
    assert len([text for text in said if words.fullmatch(text)]) >= 1
    assert "{" not in "".join(said)


def test_an_origin_group_is_its_first_member() -> None:
    group = {
        "originId": "both",
        "failoverCriteria": {"statusCodes": [500]},
        "members": [{"originId": "site"}, {"originId": "api"}],
    }
    changed = []
    for resource in resources(waf=False):
        inputs: Any = dict(resource.inputs)
        if resource.type == DISTRIBUTION:
            behavior = {**inputs["defaultCacheBehavior"], "targetOriginId": "both"}
            inputs |= {"originGroups": [group], "defaultCacheBehavior": behavior}
        changed.append(Resource(resource.type, resource.name, resource.id, inputs, resource.outputs))
    plan = architecture.read(changed)
    assert plan.site.id == "site"
    assert "origin groups do not fail over: the first member is asked" in plan.warnings


def test_a_sentence_is_said_once() -> None:
    assert len(set(planned().warnings)) == len(planned().warnings)
