"""The web ACL before the distribution, and whether it would let prompts through."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ops.assess.model import Found, Snapshot, check
from ops.assess.views import config

_WAF = "https://docs.aws.amazon.com/waf/latest/developerguide"
BODY_RULES = ("SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericLFI_BODY", "GenericRFI_BODY")
"""Rules of the core set that read the body, where prompts are:
https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html"""


@check(
    "cloudfront-web-acl",
    "medium",
    "No firewall stands before the distribution",
    why="An API that spends money on every request wants a rate limit before it.",
    source="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-web-awswaf.html",
    needs=("distribution",),
)
def web_acl(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if found and not found.get("WebACLId"):
        yield Found(
            resource=s["distribution"]["Id"],
            evidence="WebACLId is empty",
            mend="Let the stack add one.",
            setting="orchestrator:waf true",
            monthly_usd=9.0,
            cost="5 USD for the ACL, 1 USD for each of four rules, 0.60 USD per million requests",
        )


@check(
    "cloudfront-web-acl-classic",
    "high",
    "The firewall is WAF Classic",
    why="WAF Classic is at its end of life; its rules cannot be changed any more.",
    source=f"{_WAF}/classic-waf-chapter.html",
    needs=("distribution",),
)
def classic(s: Snapshot) -> Iterator[Found]:
    acl = (config(s) or {}).get("WebACLId", "")
    if acl and not acl.startswith("arn:"):
        yield Found(
            resource=s["distribution"]["Id"],
            evidence=f"WebACLId {acl}",
            mend="Migrate it to AWS WAF, or let the stack make a new one.",
            setting="orchestrator:waf true",
        )


@check(
    "cloudfront-web-acl-prompts",
    "high",
    "The firewall would block prompts",
    why="Rules of the core set look for paths, markup and long bodies; ordinary prompts and code have all "
    "of these, "
    "and the visitor gets 403.",
    source=f"{_WAF}/aws-managed-rule-groups-baseline.html",
    needs=("web_acl",),
)
def prompts(s: Snapshot) -> Iterator[Found]:
    acl = s["web_acl"]
    for rule in (acl or {}).get("Rules", []):
        group = rule["Statement"].get("ManagedRuleGroupStatement")
        if not group or group["Name"] != "AWSManagedRulesCommonRuleSet" or _counts(rule, group):
            continue
        spared = {
            one["Name"] for one in group.get("RuleActionOverrides", []) if "Count" in one["ActionToUse"]
        }
        spared |= {one["Name"] for one in group.get("ExcludedRules", [])}
        blocking = [name for name in BODY_RULES if name not in spared]
        if blocking and "/api" not in json.dumps(group.get("ScopeDownStatement", {}), default=str):
            yield Found(
                resource=f"web ACL {acl['Name']} rule {rule['Name']}",
                evidence=f"blocks with {', '.join(blocking)} on every path",
                mend="Let these rules count on /api/* and block elsewhere, as the stack's own firewall does.",
            )


def _counts(rule: Mapping[str, Any], group: Mapping[str, Any]) -> bool:
    # OverrideAction Count on the rule lets the whole group count.
    return "Count" in rule.get("OverrideAction", {}) or not group.get("Name")


@check(
    "cloudfront-web-acl-rate",
    "medium",
    "The firewall has no rate limit",
    why="One address can run up the bill for the model as fast as it can send.",
    source=f"{_WAF}/waf-rule-statement-type-rate-based.html",
    needs=("web_acl",),
)
def rate(s: Snapshot) -> Iterator[Found]:
    acl = s["web_acl"]
    if acl and not any("RateBasedStatement" in rule["Statement"] for rule in acl.get("Rules", [])):
        yield Found(
            resource=f"web ACL {acl['Name']}",
            evidence=f"{len(acl.get('Rules', []))} rules, none rate-based",
            mend="Add a rate-based rule for /api/*.",
            setting="orchestrator:wafRateLimit 1000",
            monthly_usd=1.0,
            cost="1 USD for a rule",
        )


@check(
    "cloudfront-web-acl-logging",
    "low",
    "The firewall logs nothing",
    why="A visitor who is blocked by mistake cannot be helped without the rule's name.",
    source=f"{_WAF}/logging.html",
    needs=("web_acl", "web_acl_logging"),
)
def logging(s: Snapshot) -> Iterator[Found]:
    if s["web_acl"] and not s["web_acl_logging"]:
        yield Found(
            resource=f"web ACL {s['web_acl']['Name']}",
            evidence="no logging configuration",
            mend="Log to a group named aws-waf-logs-… with authorization, cookie and x-api-key redacted.",
            monthly_usd=None,
            cost="0.50 USD per GB of logs",
        )
