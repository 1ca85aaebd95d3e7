"""What would stop the stack from adding its route and names to the distribution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.assess.collect.edge import DEFAULT_BEHAVIOR_QUOTA
from ops.assess.model import Found, Snapshot, check
from ops.assess.owner import is_ours, managed_by
from ops.assess.views import behaviors, config, covers, items, list_of, origins, shadows_api, wanted_names

_CF = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide"


@check(
    "cloudfront-error-pages",
    "high",
    "Error pages would replace the API's answers",
    why="Custom error responses hold for every behavior: a JSON error of the API becomes an HTML page, "
    "often with "
    "status 200, and clients cannot tell.",
    source=f"{_CF}/GeneratingCustomErrorResponses.html",
    needs=("distribution",),
)
def error_pages(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    for rule in masking_error_pages(found) if found else ():
        yield Found(
            resource=f"{s['distribution']['Id']} error {rule['ErrorCode']}",
            evidence=f"{rule['ErrorCode']} becomes {rule['ResponseCode']} {rule['ResponsePagePath']}",
            mend="Move the page choice to the edge function first, then drop the rule; the API's path comes "
            "after that.",
            upgrades=("edge-function", "error-pages"),
        )


def masking_error_pages(distribution_config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Rules that turn an API answer into a page. 403 → 404 page is none: the API never answers 403."""
    rules = list_of(distribution_config, "CustomErrorResponses")
    return [
        rule
        for rule in rules
        if rule.get("ResponsePagePath")
        and not (rule["ErrorCode"] == 403 and rule.get("ResponseCode") == "404")
    ]


@check(
    "cloudfront-api-behavior",
    "high",
    "A behavior already answers the API's paths",
    why="CloudFront takes the first pattern that matches; the API would never be asked, or what is there "
    "would go.",
    source=f"{_CF}/DownloadDistValuesCacheBehavior.html#DownloadDistValuesPathPattern",
    needs=("distribution", "distribution_tags"),
)
def api_behavior(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if is_ours(s["distribution_tags"] or {}):
        return
    for pattern, behavior in list(behaviors(found))[:-1] if found else ():
        if shadows_api(pattern):
            yield Found(
                resource=f"{s['distribution']['Id']} behavior {pattern}",
                evidence=f"{pattern} goes to origin {behavior['TargetOriginId']}",
                mend="Decide which of the two keeps the path: move the old API to another one first, or "
                "take it "
                "over as the API's origin.",
            )


@check(
    "cloudfront-quota",
    "high",
    "The distribution has no room for one more behavior",
    why="CreateDistribution and UpdateDistribution fail with TooManyCacheBehaviors.",
    source=f"{_CF}/cloudfront-limits.html#limits-web-distributions",
    needs=("distribution", "behavior_quota"),
)
def quota(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if not found:
        return
    # The default behavior counts, and so does the one for the API.
    would_be = len(list(behaviors(found))) + 1
    allowed = int(s["behavior_quota"] or DEFAULT_BEHAVIOR_QUOTA)
    if would_be > allowed:
        yield Found(
            resource=s["distribution"]["Id"],
            evidence=f"{would_be} behaviors with the API, {allowed} allowed",
            mend="Ask for a higher quota (Cache behaviors per distribution), or merge patterns.",
            command="aws service-quotas list-service-quotas --service-code cloudfront --region us-east-1",
        )


@check(
    "cloudfront-plan",
    "high",
    "A flat-rate plan forbids part of what the stack adds",
    why="Under a plan the web ACL cannot be replaced or removed, legacy cache settings, Lambda@Edge and "
    "continuous "
    "deployment are refused, and the change fails half-way.",
    source=f"{_CF}/flat-rate-pricing-plan.html",
    needs=("distribution", "pricing_plans"),
)
def plan(s: Snapshot) -> Iterator[Found]:
    if not s["distribution"]:
        return
    for subscription in s["pricing_plans"] or []:
        if s["distribution"]["ARN"] in subscription["resourceArns"]:
            tier = subscription["planTier"]
            yield Found(
                resource=s["distribution"]["Id"],
                evidence=f"plan {tier}, {subscription['status']}; web ACL {config_acl(s) or 'none'}",
                mend="Keep the plan's web ACL (adopting does) and leave the stack's own firewall off.",
                setting="orchestrator:waf false",
            )


def config_acl(s: Snapshot) -> str:
    """The web ACL of the distribution, or ""."""
    return (config(s) or {}).get("WebACLId", "")


@check(
    "cloudfront-managed",
    "high",
    "Another tool manages the distribution",
    why="Two owners undo one another: its next run takes the API's behavior away again.",
    source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import.html",
    needs=("distribution", "distribution_tags"),
)
def managed(s: Snapshot) -> Iterator[Found]:
    owner = managed_by(s["distribution_tags"] or {}, stack=s.request.stack)
    if s["distribution"] and owner:
        yield Found(
            resource=s["distribution"]["Id"],
            evidence=f"tags of {owner}",
            mend="Let that tool give it up without deleting it (retain, state rm), then adopt it here.",
        )


@check(
    "s3-managed",
    "medium",
    "Another tool manages the bucket",
    why="Its next run puts its own policy back, and the site stops.",
    source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import.html",
    needs=("bucket", "bucket_tags"),
)
def bucket_managed(s: Snapshot) -> Iterator[Found]:
    owner = managed_by(s["bucket_tags"] or {}, stack=s.request.stack)
    if s["bucket"] and owner:
        yield Found(
            resource=s["bucket"]["Name"],
            evidence=f"tags of {owner}",
            mend="Let that tool give it up without deleting it (retain, state rm), then adopt it here.",
        )


@check(
    "cloudfront-alias-conflict",
    "high",
    "A wanted name is on another distribution",
    why="A name can be on one distribution only, in all of AWS; the change fails with CNAMEAlreadyExists.",
    source=f"{_CF}/alternate-domain-names-move.html",
    needs=("distribution", "distributions", "alias_conflicts"),
)
def alias_conflict(s: Snapshot) -> Iterator[Found]:
    own = s["distribution"]["Id"] if s["distribution"] else ""
    wanted = [name for name in wanted_names(s.request) if name not in _aliases(s)]
    seen: set[str] = set()
    for other in s["distributions"] or []:
        for name in wanted:
            if other["Id"] != own and name in list_of(other, "Aliases"):
                seen.add(name)
                yield _conflict(name, f"{other['Id']} of this account has it", other["Id"])
    for conflicts in (s["alias_conflicts"] or {}).values():
        for one in items(conflicts):
            # A wildcard elsewhere does not hinder a more exact name in the same account.
            if one["Alias"] in wanted and one["Alias"] not in seen:
                yield _conflict(
                    one["Alias"], f"{one['DistributionId']} of account {one['AccountId']} has it", ""
                )


def _aliases(s: Snapshot) -> list[str]:
    return items((config(s) or {}).get("Aliases"))


def _conflict(name: str, evidence: str, other: str) -> Found:
    return Found(
        resource=name,
        evidence=evidence,
        mend="Move the name with associate-alias, or do without it "
        "(orchestrator:apiSubdomain '' or orchestrator:wwwRedirect false).",
        command=f"aws cloudfront get-distribution --id {other}" if other else "",
    )


@check(
    "cloudfront-continuous-deployment",
    "high",
    "The distribution is part of a continuous deployment",
    why="A production distribution with a staging one cannot be changed in every way while both run, and "
    "HTTP/3 "
    "must be off.",
    source=f"{_CF}/continuous-deployment.html",
    needs=("distribution",),
)
def continuous_deployment(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if not found:
        return
    if found.get("Staging"):
        yield Found(
            resource=s["distribution"]["Id"],
            evidence="this is the staging distribution",
            mend="Name the production distribution with --distribution-id.",
        )
    elif found.get("ContinuousDeploymentPolicyId"):
        yield Found(
            resource=s["distribution"]["Id"],
            evidence=f"continuous deployment policy {found['ContinuousDeploymentPolicyId']}",
            mend="Promote or end the staging configuration first; adopting keeps the policy's id.",
            severity="medium",
        )


@check(
    "cloudfront-api-route",
    "info",
    "The distribution has no route to an API",
    why="This is what the stack adds: one origin and one behavior for /api/*, before all others.",
    source=f"{_CF}/DownloadDistValuesCacheBehavior.html",
    needs=("distribution",),
)
def api_route(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if found and not any(shadows_api(pattern) for pattern, _ in list(behaviors(found))[:-1]):
        yield Found(
            resource=s["distribution"]["Id"],
            evidence=f"{len(origins(found))} origins, {len(list(behaviors(found)))} behaviors, none for "
            "/api/*",
            mend="Adopt the distribution, choose a backend and bring the stack up.",
            command=f"python -m ops adopt --stack {s.request.into} "
            f"--distribution-id {s['distribution']['Id']}",
            setting=f"orchestrator:apiBackend {s.request.backend or 'lambda'}",
        )


@check(
    "cloudfront-aliases",
    "info",
    "The distribution lacks a name the stack would add",
    why="A name without the alias answers 403 even when its record points here.",
    source=f"{_CF}/CNAMEs.html",
    needs=("distribution",),
)
def aliases(s: Snapshot) -> Iterator[Found]:
    if not s["distribution"]:
        return
    for name in wanted_names(s.request):
        if not any(covers(name, alias) for alias in _aliases(s)):
            yield Found(
                resource=s["distribution"]["Id"],
                evidence=f"{name} is not among {', '.join(_aliases(s)) or 'its aliases (none)'}",
                mend="Adopting adds it if the certificate covers it.",
            )
