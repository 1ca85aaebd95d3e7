"""What stands in the way of an adoption, found before the engine runs, with what to do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import ops.assess.checks  # noqa: F401  # registers
from ops.assess.model import CHECKS, Snapshot, judge

BLOCKING = (
    "cloudfront-missing",
    "cloudfront-disabled",
    "cloudfront-in-progress",
    "cloudfront-alias-conflict",
    "cloudfront-api-behavior",
    "cloudfront-quota",
    "cloudfront-managed",
    "cloudfront-continuous-deployment",
    "cloudfront-plan",
    "s3-bucket-missing",
    "s3-managed",
    "acm-status",
    "acm-region",
    "dns-zone-twice",
)
"""Checks whose findings stop an adoption unless they are accepted by name."""

UNACCEPTABLE = ("cloudfront-missing", "s3-bucket-missing")
"""Those of them that cannot be accepted: without the two there is nothing to take over."""

NOTED = (
    "cloudfront-error-pages",
    "cloudfront-web-acl-prompts",
    "acm-names",
    "acm-expiry",
    "acm-validation-record",
    "dns-zone-missing",
    "dns-api-taken",
    "dns-delegation",
    "dns-caa",
    "s3-other-region",
    "s3-encryption-kms",
)
"""Checks whose findings are told with an adoption and do not stop it."""

HARMLESS = {"cloudfront-continuous-deployment": "medium"}
"""Findings of these severities are only told: the policy's id is kept with the distribution."""

MUST_BE_READ = (
    "caller",
    "distribution",
    "bucket",
    "bucket_policy",
    "distribution_tags",
    "bucket_tags",
    "certificate",
    "zone_records",
)
"""Facts without which something would be lost or overwritten."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """One thing to decide.

    Attributes:
        check: id of the check, for ``--accept``; "": it cannot be accepted.
        text: what is there.
        mend: what to do.
        command: shell command, or "".
        setting: configuration key and value, or "".
    """

    check: str
    text: str
    mend: str
    command: str = ""
    setting: str = ""


def conflicts(snapshot: Snapshot, accepted: Collection[str]) -> tuple[list[Conflict], list[Conflict]]:
    """(what stops the adoption, what should be known).

    Args:
        snapshot: what was read.
        accepted: ids of checks whose findings are to be told only; none of ``UNACCEPTABLE``.
    """
    stopping = [
        Conflict(check="", text=f"{fact.replace('_', ' ')} could not be read", mend=f"it {unread.text}.")
        for fact, unread in snapshot.unread.items()
        if fact in MUST_BE_READ
    ]
    told: list[Conflict] = []
    verdict = judge(snapshot, {id_: CHECKS[id_] for id_ in (*BLOCKING, *NOTED)})
    for finding in verdict.findings:
        conflict = Conflict(
            check="" if finding.check in UNACCEPTABLE else finding.check,
            text=f"{finding.title}: {finding.resource}, {finding.evidence}",
            mend=finding.mend,
            command=finding.command,
            setting=finding.setting,
        )
        harmless = HARMLESS.get(finding.check) == finding.severity
        stops = finding.check in BLOCKING and finding.check not in accepted and not harmless
        (stopping if stops else told).append(conflict)
    return stopping, told
