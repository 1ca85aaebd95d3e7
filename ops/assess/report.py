"""The assessment as one plain object: what the terminal, the page and ``--json`` all show."""

from __future__ import annotations

import dataclasses
from typing import Any

from ops.assess.checks.compute import existing
from ops.assess.model import AREAS, CHECKS, SEVERITIES, Snapshot, Unread, judge
from ops.assess.recommend import recommend
from ops.assess.steps import checklist
from ops.assess.views import config, items, origins

SCHEMA = 1
"""Raised when a field goes or changes its meaning; new fields do not raise it."""


def build(snapshot: Snapshot, *, truncated: tuple[str, ...] = ()) -> dict[str, Any]:
    """The whole report; documented field by field in docs/assess.md.

    Args:
        snapshot: what was read.
        truncated: listings that were longer than what was read.
    """
    verdict = judge(snapshot)
    request = snapshot.request
    caller = snapshot["caller"] or {}
    return {
        "schema": SCHEMA,
        "at": snapshot.at.isoformat(timespec="seconds"),
        "account": caller.get("Account", ""),
        "caller": caller.get("Arn", ""),
        "region": request.region,
        "stack": request.stack,
        "domain": request.domain,
        "bucket": request.bucket,
        "distribution_id": request.distribution_id,
        "summary": {
            **{severity: sum(f.severity == severity for f in verdict.findings) for severity in SEVERITIES},
            "passed": len(verdict.passed),
            "not_checked": len(verdict.not_checked),
            "checks": len(CHECKS),
        },
        "seen": _seen(snapshot),
        "findings": [dataclasses.asdict(one) for one in verdict.findings],
        "not_checked": [
            {**dataclasses.asdict(one), "reasons": list(one.reasons)} for one in verdict.not_checked
        ],
        "passed": [
            {"check": id_, "area": CHECKS[id_].area, "title": CHECKS[id_].title} for id_ in verdict.passed
        ],
        "recommendation": _recommendation(snapshot),
        "steps": [dataclasses.asdict(step) for step in checklist(snapshot)],
        "costs": [
            {"service": name, "usd": usd}
            for name, usd in sorted((snapshot["costs"] or {}).items(), key=lambda pair: -pair[1])
        ],
        "truncated": list(truncated),
        "calls": snapshot.calls,
        "seconds": round(snapshot.seconds, 2),
    }


def has_high(report: dict[str, Any]) -> bool:
    """Whether anything of high severity was found: the command then ends with 1."""
    return bool(report["summary"]["high"])


def _recommendation(snapshot: Snapshot) -> dict[str, Any]:
    found = recommend(snapshot)
    return {
        "backend": found.backend,
        "reasons": list(found.reasons),
        "options": [
            {
                "backend": option.backend,
                "resting_usd": option.resting_usd,
                "pros": list(option.pros),
                "cons": list(option.cons),
                "blockers": list(option.blockers),
            }
            for option in found.options
        ],
    }


def _seen(s: Snapshot) -> list[dict[str, str]]:
    """What is there, area by area, in a few words."""
    rows: list[tuple[str, str, str]] = []

    def row(area: str, what: str, fact: str, text: str) -> None:
        unread = s.unread.get(fact)
        rows.append((area, what, unread.text if isinstance(unread, Unread) else text))

    row("s3", "Bucket", "bucket", _bucket(s))
    found = config(s)
    row(
        "cloudfront",
        "Distribution",
        "distribution",
        s["distribution"]["Id"] if s["distribution"] else "none",
    )
    if found:
        row("cloudfront", "Host", "distribution", s["distribution"]["DomainName"])
        row("cloudfront", "Aliases", "distribution", ", ".join(items(found.get("Aliases"))) or "none")
        row("cloudfront", "Origins", "distribution", ", ".join(o["DomainName"] for o in origins(found)))
        row("cloudfront", "Behaviors", "distribution", str(1 + len(items(found.get("CacheBehaviors")))))
        row("cloudfront", "Firewall", "distribution", found.get("WebACLId") or "none")
    certificate = s["certificate"]
    row("acm", "Certificate", "certificate", certificate["CertificateArn"] if certificate else "none")
    zones = [zone["Name"].rstrip(".") for zone in s["zones"] or []]
    row("dns", "Zone", "zones", ", ".join(zones) or "none")
    row("secrets", "Secrets", "secrets", ", ".join(one["Name"] for one in s["secrets"] or []) or "none")
    for what, names in existing(s).items():
        row("compute", what[0].upper() + what[1:], _COMPUTE_FACTS[what], str(len(names)))
    row("monitoring", "Alarms in us-east-1", "alarms", str(len(s["alarms"] or [])))
    row("monitoring", "Budgets", "budgets", str(len(s["budgets"] or [])))
    return [{"area": AREAS[area], "what": what, "value": value} for area, what, value in rows]


_COMPUTE_FACTS = {
    "Lambda functions": "lambda_functions",
    "REST APIs": "rest_apis",
    "HTTP APIs": "http_apis",
    "ECS clusters": "clusters",
    "load balancers": "load_balancers",
    "instances": "instances",
}


def _bucket(s: Snapshot) -> str:
    bucket = s["bucket"]
    return f"{bucket['Name']} ({bucket.get('BucketRegion', '?')})" if bucket else "none in this account"
