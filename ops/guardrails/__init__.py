"""Guardrails: small pure policies over the planned resources, run in every preview and in CI.

A mandatory finding fails the preview, an advisory one is printed. What a policy
finds and the program means stands in ``exceptions.toml`` with its reason. The
list of policies with their sources is in docs/security.md.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ops.guardrails import exceptions, model
from ops.guardrails.exceptions import Exemption
from ops.guardrails.model import POLICIES, Finding, Policy
from ops.guardrails.policies import MODULES
from ops.plan import Plan

for _module in MODULES:
    importlib.import_module(f"ops.guardrails.policies.{_module}")

__all__ = ["POLICIES", "Exemption", "Finding", "Policy", "check", "mandatory", "to_json", "unused_everywhere"]


def check(plan: Plan, exemptions: Iterable[Exemption] | None = None) -> list[Finding]:
    """Every policy over every planned resource.

    Args:
        plan: of a rehearsal, where every output has a value.
        exemptions: instead of the exceptions file.

    Returns:
        Findings that no exception excuses, mandatory ones first, then by policy and resource;
        an exception that excuses nothing where it should is one of them.

    Raises:
        ValueError: the exceptions file is wrong.
    """
    findings = [finding for item in POLICIES.values() for finding in model.run(item, plan)]
    entries = exceptions.load() if exemptions is None else exemptions
    remaining, _ = exceptions.apply(plan, findings, entries)
    return sorted(remaining, key=lambda f: (f.severity != "mandatory", f.policy, f.resource, f.message))


def mandatory(findings: Iterable[Finding]) -> list[Finding]:
    """Those that fail a preview."""
    return [f for f in findings if f.severity == "mandatory"]


def unused_everywhere(plans: Iterable[Plan]) -> list[str]:
    """Ids of exceptions that excuse nothing in any of these plans: a misspelt resource, a mended one."""
    entries = exceptions.load()
    used: set[str] = set()
    for plan in plans:
        findings = [finding for item in POLICIES.values() for finding in model.run(item, plan)]
        used |= exceptions.apply(plan, findings, entries)[1]
    return [entry.id for entry in entries if entry.id not in used]


def to_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as plain data, for ``preview --json`` and CI."""
    return [{**asdict(f), "subjects": list(f.subjects)} for f in findings]
