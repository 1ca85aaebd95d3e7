"""The distribution's neighbours: access controls, functions, web ACL, log delivery, plan, conflicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.assess.collect.locate import Located
from ops.assess.model import CDN_REGION, Request, Unread
from ops.assess.reader import Read, Reader
from ops.assess.views import behaviors, items, list_of, origins, wanted_names

DEFAULT_BEHAVIOR_QUOTA = 75
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html"""

_FACTS = (
    "access_controls",
    "edge_functions",
    "alias_conflicts",
    "behavior_quota",
    "log_sources",
    "pricing_plans",
    "web_acl",
    "web_acl_logging",
)


def collect(reader: Reader, site: Located) -> dict[str, Any]:
    """What stands around the distribution; every fact is None without one."""
    if isinstance(site.distribution, Unread):
        return dict.fromkeys(_FACTS, site.distribution)
    if site.distribution is None:
        return dict.fromkeys(_FACTS)
    arn, config = site.distribution["ARN"], site.distribution["DistributionConfig"]
    reads = {
        "log_sources": Read(
            service="logs",
            operation="DescribeDeliverySources",
            params={"resourceArns": [arn]},
            region=CDN_REGION,
            result="deliverySources",
            pages=True,
        ),
        "pricing_plans": Read(
            service="pricing-plan-manager",
            operation="ListSubscriptions",
            result="subscriptionSummaries",
            pages=True,
        ),
        **_web_acl(config),
        **_quota(config),
    }
    groups = {
        "access_controls": _access_controls(config),
        "edge_functions": _functions(config),
        "alias_conflicts": _conflicts(site.request, site.distribution),
    }
    reads.update(
        {f"{group}/{key}": read for group, several in groups.items() for key, read in several.items()}
    )
    answers = reader.ask_all(reads)
    facts: dict[str, Any] = dict.fromkeys(_FACTS)
    facts.update({name: value for name, value in answers.items() if "/" not in name})
    for group in groups:
        facts[group] = together(
            {name.split("/", 1)[1]: value for name, value in answers.items() if name.startswith(f"{group}/")}
        )
    if not isinstance(facts["log_sources"], Unread):
        # The filter by resource is new; an older endpoint gives the sources of everything.
        facts["log_sources"] = [s for s in facts["log_sources"] if arn in s.get("resourceArns", [])]
    if isinstance(facts["behavior_quota"], list):
        facts["behavior_quota"] = next(
            (
                q["Value"]
                for q in facts["behavior_quota"]
                if q["QuotaName"] == "Cache behaviors per distribution"
            ),
            None,
        )
    return facts


def together(answers: Mapping[str, Any]) -> Any:
    """Several answers as one fact: unread as a whole when one of them is."""
    return next((value for value in answers.values() if isinstance(value, Unread)), dict(answers))


def _web_acl(config: Mapping[str, Any]) -> dict[str, Read]:
    acl = config.get("WebACLId", "")
    if not acl.startswith("arn:"):
        return {}  # none, or an ACL of WAF Classic, which is an id and can be read no more
    return {
        "web_acl": Read(
            service="wafv2", operation="GetWebACL", params={"ARN": acl}, region=CDN_REGION, result="WebACL"
        ),
        "web_acl_logging": Read(
            service="wafv2",
            operation="GetLoggingConfiguration",
            params={"ResourceArn": acl},
            region=CDN_REGION,
            absent=("WAFNonexistentItemException",),
            result="LoggingConfiguration",
        ),
    }


def _quota(config: Mapping[str, Any]) -> dict[str, Read]:
    if len(list_of(config, "CacheBehaviors")) + 1 < DEFAULT_BEHAVIOR_QUOTA:
        return {}  # a quota is never below its default
    return {
        "behavior_quota": Read(
            service="service-quotas",
            operation="ListServiceQuotas",
            params={"ServiceCode": "cloudfront"},
            region=CDN_REGION,
            result="Quotas",
            pages=True,
        )
    }


def _access_controls(config: Mapping[str, Any]) -> dict[str, Read]:
    ids = {origin.get("OriginAccessControlId", "") for origin in origins(config)} - {""}
    return {
        one: Read(
            service="cloudfront",
            operation="GetOriginAccessControl",
            params={"Id": one},
            result="OriginAccessControl",
        )
        for one in sorted(ids)
    }


def _functions(config: Mapping[str, Any]) -> dict[str, Read]:
    names = {
        association["FunctionARN"].rsplit("/", 1)[1]
        for _, behavior in behaviors(config)
        for association in list_of(behavior, "FunctionAssociations")
    }
    return {
        name: Read(
            service="cloudfront",
            operation="DescribeFunction",
            params={"Name": name, "Stage": "LIVE"},
            result="FunctionSummary",
        )
        for name in sorted(names)
    }


def _conflicts(request: Request, distribution: Mapping[str, Any]) -> dict[str, Read]:
    """Who else has the names the stack wants, in any account.

    CloudFront answers only for a distribution with a certificate. One question with a wildcard
    covers all subdomains: https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ListConflictingAliases.html
    """
    config = distribution["DistributionConfig"]
    if (config.get("ViewerCertificate") or {}).get("CloudFrontDefaultCertificate"):
        return {}
    missing = [name for name in wanted_names(request) if name not in items(config.get("Aliases"))]
    aliases = {name if name == request.domain else f"*.{request.domain}" for name in missing}
    return {
        alias: Read(
            service="cloudfront",
            operation="ListConflictingAliases",
            params={"DistributionId": distribution["Id"], "Alias": alias},
            result="ConflictingAliasesList",
        )
        for alias in sorted(aliases)
    }
