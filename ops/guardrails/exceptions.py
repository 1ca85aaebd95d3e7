"""The exceptions file: what a policy finds and this program means, each with its reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ops.guardrails.facts import as_list, setting
from ops.guardrails.model import POLICIES, Finding, label
from ops.plan import Plan

FILE = Path(__file__).with_name("exceptions.toml")
UNUSED = "exception-unused"
_KEYS = {"id", "policy", "resource", "subjects", "when", "beside", "reason", "source"}


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """One entry of the exceptions file.

    Attributes:
        id: stable name.
        policy: the policy it excuses from.
        resource: pattern on ``type::name`` (shell wildcards).
        subjects: patterns; every subject of the finding must fit one; empty: any finding of the policy.
        when: settings under which the entry counts, key to allowed values; ``stack`` and ``region`` too;
            ``!value``: any but this one.
        beside: patterns of other resources that must be planned too; ``!pattern``: must not be.
        reason: why it is right.
        source: AWS page that shows it cannot be done otherwise, or "".
    """

    id: str
    policy: str
    resource: str
    reason: str
    subjects: tuple[str, ...] = ()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    source: str = ""

    def excuses(self, finding: Finding) -> bool:
        """Whether this entry covers the finding."""
        return (
            finding.policy == self.policy
            and fnmatchcase(finding.resource, self.resource)
            and (
                not self.subjects
                or (
                    bool(finding.subjects)
                    and all(any(fnmatchcase(s, p) for p in self.subjects) for s in finding.subjects)
                )
            )
        )

    def counts_in(self, plan: Plan) -> bool:
        """Whether settings and neighbours are those the entry is for, and its resource is planned."""
        settings_fit = all(_fits(_value(plan, key), values) for key, values in self.when.items())
        labels = [label(r) for r in plan.custom()]

        def planned(pattern: str) -> bool:
            return any(fnmatchcase(name, pattern) for name in labels)

        beside = all(not planned(p[1:]) if p.startswith("!") else planned(p) for p in self.beside)
        return settings_fit and beside and planned(self.resource)


def _fits(value: str, allowed: tuple[str, ...]) -> bool:
    return any(value != one[1:] if one.startswith("!") else value == one for one in allowed)


def _value(plan: Plan, key: str) -> str:
    return {"stack": plan.stack, "region": plan.region}.get(key) or setting(plan, key)


def load(path: Path = FILE) -> tuple[Exemption, ...]:
    """Reads the exceptions file.

    Raises:
        ValueError: with every problem of every entry in one message.
    """
    entries = tomllib.loads(path.read_text("utf-8")).get("exception", [])
    problems: list[str] = []
    seen: set[str] = set()
    result = []
    for number, entry in enumerate(entries, 1):
        name = f"exception {entry.get('id') or f'no. {number}'}"
        problems += [
            f"{name}: unknown key {key!r}; known: {', '.join(sorted(_KEYS))}" for key in entry.keys() - _KEYS
        ]
        for key in ("id", "policy", "resource", "reason"):
            if not isinstance(entry.get(key), str) or not entry.get(key, "").strip():
                problems.append(f"{name}: {key} must be a text")
        if entry.get("policy") not in POLICIES and isinstance(entry.get("policy"), str):
            problems.append(f"{name}: there is no policy {entry['policy']!r}")
        if entry.get("id") in seen:
            problems.append(f"{name}: the id is used twice")
        seen.add(entry.get("id"))
        if not problems:
            result.append(_entry(entry))
    if problems:
        raise ValueError(f"{path.name}:\n" + "\n".join(f"  {p}" for p in problems))
    return tuple(result)


def _entry(raw: Mapping[str, Any]) -> Exemption:
    return Exemption(
        id=raw["id"],
        policy=raw["policy"],
        resource=raw["resource"],
        reason=raw["reason"],
        subjects=tuple(raw.get("subjects", ())),
        when={k: tuple(map(_text, as_list(v))) for k, v in raw.get("when", {}).items()},
        beside=tuple(as_list(raw.get("beside"))),
        source=raw.get("source", ""),
    )


def _text(value: Any) -> str:
    """A setting as ``facts.setting`` gives it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def apply(
    plan: Plan, findings: Iterable[Finding], exemptions: Iterable[Exemption]
) -> tuple[list[Finding], set[str]]:
    """Takes the excused findings out and adds one for each entry that excuses nothing where it should.

    Returns:
        The findings that remain, and the ids of the entries that were used.
    """
    exemptions = tuple(exemptions)
    used: set[str] = set()
    remaining = []
    for finding in findings:
        excuse = next((e for e in exemptions if e.excuses(finding) and e.counts_in(plan)), None)
        if excuse is None:
            remaining.append(finding)
        else:
            used.add(excuse.id)
    for exemption in exemptions:
        if exemption.id not in used and exemption.counts_in(plan):
            remaining.append(
                Finding(
                    policy=UNUSED,
                    severity="advisory",
                    resource=exemption.resource,
                    message=f"exception {exemption.id} excuses nothing here",
                    mend="remove the entry, or name the settings it is for under 'when'",
                    source=f"ops/guardrails/{FILE.name}",
                    subjects=(exemption.id,),
                )
            )
    return remaining, used
