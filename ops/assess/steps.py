"""The way from a static site to a site with an API, as a checklist with what is done already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ops.assess.model import Snapshot
from ops.assess.needed import missing
from ops.assess.recommend import BACKENDS
from ops.assess.views import behaviors, config, covers, origins, records, shadows_api, wanted_names

State = Literal["done", "open", "unknown"]
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the checklist.

    Attributes:
        group: heading it stands under.
        title: what is to be done.
        state: ``unknown`` when what would tell could not be read.
        evidence: what was seen.
        command: what does it, or "".
    """

    group: str
    title: str
    state: State
    evidence: str
    command: str


Judge = Callable[[Snapshot], tuple[bool, str]]


def checklist(snapshot: Snapshot) -> tuple[Step, ...]:
    """Every step with its state."""
    stack = snapshot.request.into
    steps = []
    for group, title, needs, judge, command in _STEPS:
        state: State
        missing_facts = [snapshot.unread[fact] for fact in needs if fact in snapshot.unread]
        if missing_facts:
            state, evidence = "unknown", missing_facts[0].text
        else:
            done, evidence = judge(snapshot)
            state = "done" if done else "open"
        steps.append(
            Step(
                group=group,
                title=title,
                state=state,
                evidence=evidence,
                command="" if state == "done" else command.format(stack=stack),
            )
        )
    return tuple(steps)


def _backend(s: Snapshot) -> tuple[bool, str]:
    chosen = s.request.backend
    return chosen in BACKENDS, f"apiBackend {chosen}" if chosen else "not chosen"


def _subdomain(s: Snapshot) -> tuple[bool, str]:
    name = f"{s.request.api_subdomain}.{s.request.domain}"
    if not s.request.domain:
        return False, "no domain"
    found = [kind for kind in ("A", "AAAA", "CNAME") if records(s, name, kind)]
    return bool(found), f"{name}: {', '.join(found) or 'no record'}"


def _certificate(s: Snapshot) -> tuple[bool, str]:
    names = wanted_names(s.request)
    if not names:
        return False, "no domain"
    for one in s["certificates"]:
        covered = one.get("SubjectAlternativeNameSummaries") or [one.get("DomainName", "")]
        if one.get("Status") == "ISSUED" and all(any(covers(n, c) for c in covered) for n in names):
            return True, one["CertificateArn"]
    return False, f"none covers {', '.join(names)}"


def _service(s: Snapshot) -> tuple[bool, str]:
    origin = _api_origin(s)
    return bool(origin), f"/api/* is answered by {origin}" if origin else "nothing answers /api/*"


def _permissions(s: Snapshot) -> tuple[bool, str]:
    lacking = missing(s["simulation"], s.request.backend or "lambda")
    if lacking:
        return False, f"{len(lacking)} actions lacking"
    return True, "the caller may do what the stack needs"


def _api_origin(s: Snapshot) -> str:
    found = config(s)
    for pattern, behavior in list(behaviors(found))[:-1] if found else ():
        if shadows_api(pattern):
            return next(
                (o["DomainName"] for o in origins(found or {}) if o["Id"] == behavior["TargetOriginId"]), ""
            )
    return ""


def _never_cached(s: Snapshot) -> tuple[bool, str]:
    found = config(s)
    for pattern, behavior in list(behaviors(found))[:-1] if found else ():
        if shadows_api(pattern):
            methods = (behavior.get("AllowedMethods") or {}).get("Items", [])
            policy = behavior.get("CachePolicyId", "legacy settings")
            return "POST" in methods and policy == _CACHING_DISABLED, f"{pattern}: cache policy {policy}"
    return False, "no behavior for /api/*"


_CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"


def _api_key(s: Snapshot) -> tuple[bool, str]:
    name = f"{s.request.secret_prefix}/api-key"
    there = any(one["Name"] == name and "DeletedDate" not in one for one in s["secrets"])
    return there, name if there else f"no secret {name}"


def _secret_used(s: Snapshot) -> tuple[bool, str]:
    name = f"{s.request.secret_prefix}/api-key"
    for one in s["secrets"]:
        if one["Name"] == name and one.get("LastAccessedDate"):
            return True, f"last read {one['LastAccessedDate']:%Y-%m-%d}"
    return False, "never read"


def _log_groups(s: Snapshot) -> tuple[bool, str]:
    found = s["log_groups"]
    kept = [one for one in found if one.get("retentionInDays")]
    return bool(found) and len(kept) == len(found), f"{len(kept)} of {len(found)} with a retention"


def _alarms(s: Snapshot) -> tuple[bool, str]:
    acting = [one for one in s["alarms"] if one.get("AlarmActions")]
    return bool(acting), f"{len(acting)} of {len(s['alarms'])} alarms tell somebody"


def _budget(s: Snapshot) -> tuple[bool, str]:
    found = [one["BudgetName"] for one in s["budgets"] if one["BudgetType"] == "COST"]
    return bool(found), ", ".join(found) or "none"


def _deployer(_: Snapshot) -> tuple[bool, str]:
    there = (ROOT / "ops" / "deploy" / "cli.py").is_file()
    return there, "`ops deploy --api` brings up the API, then the site, and checks its health"


_STEPS: tuple[tuple[str, str, tuple[str, ...], Judge, str], ...] = (
    (
        "1. Choose how the API is deployed",
        "lambda, fargate or ec2",
        ("caller",),
        _backend,
        "pulumi config set --stack {stack} apiBackend lambda",
    ),
    (
        "2. Set up the API's infrastructure",
        "API subdomain",
        ("zone_records",),
        _subdomain,
        "make up STACK={stack}",
    ),
    (
        "2. Set up the API's infrastructure",
        "Certificate for all names in us-east-1",
        ("certificates",),
        _certificate,
        "make up STACK={stack}",
    ),
    (
        "2. Set up the API's infrastructure",
        "API service",
        ("distribution",),
        _service,
        "make up STACK={stack}",
    ),
    (
        "2. Set up the API's infrastructure",
        "Permissions to deploy",
        ("simulation",),
        _permissions,
        "python -m ops check --json",
    ),
    (
        "3. Update CloudFront",
        "API origin",
        ("distribution",),
        _service,
        "python -m ops adopt --stack {stack}",
    ),
    (
        "3. Update CloudFront",
        "Behavior for /api/*, all methods, never cached",
        ("distribution",),
        _never_cached,
        "python -m ops adopt --stack {stack}",
    ),
    ("4. Configure secrets", "API keys in Secrets Manager", ("secrets",), _api_key, "make up STACK={stack}"),
    (
        "4. Configure secrets",
        "The application reads them",
        ("secrets",),
        _secret_used,
        "python -m ops keys add NAME --stack {stack}",
    ),
    (
        "5. Set up monitoring",
        "Log groups with a retention",
        ("log_groups",),
        _log_groups,
        "make up STACK={stack}",
    ),
    (
        "5. Set up monitoring",
        "Alarms that tell somebody",
        ("alarms",),
        _alarms,
        "pulumi config set --stack {stack} alarmEmail you@example.com",
    ),
    (
        "5. Set up monitoring",
        "Cost alert",
        ("budgets",),
        _budget,
        "pulumi config set --stack {stack} monthlyBudgetUsd 50",
    ),
    (
        "6. Update the deployment script",
        "Deploys site and API, checks health, rolls back",
        ("caller",),
        _deployer,
        "python -m ops deploy site --stack {stack} --api",
    ),
)
