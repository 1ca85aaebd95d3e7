"""Whether a bucket policy lets a request of the distribution through.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

CLOUDFRONT = "cloudfront.amazonaws.com"


@lru_cache(maxsize=512)
def _like(pattern: str) -> re.Pattern[str]:
    return re.compile(
        "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern), re.DOTALL
    )


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def allowed(
    policy: Mapping[str, Any] | None, action: str, resource: str, facts: Mapping[str, str], *, signed: bool
) -> bool:
    """Evaluates a bucket policy for a request that CloudFront makes.

    Args:
        policy: the bucket's; None: it has none, and nobody but its account gets in.
        action: ``s3:GetObject``.
        resource: ARN of the object or the bucket.
        facts: condition keys in lower case to values, ``aws:sourcearn``.
        signed: whether an origin access control signs the request; unsigned ones are anonymous.
    """
    granted = False
    for statement in _several((policy or {}).get("Statement") or []):
        if not _names_caller(statement, signed):
            continue
        if not any(
            _like(str(a).lower()).fullmatch(action.lower()) for a in _several(statement.get("Action", []))
        ):
            continue
        if not any(_like(str(r)).fullmatch(resource) for r in _several(statement.get("Resource", []))):
            continue
        deny = statement.get("Effect") == "Deny"
        if not _holds(statement.get("Condition") or {}, facts, unknown=deny):
            continue
        if deny:
            return False
        granted = True
    return granted


def _names_caller(statement: Mapping[str, Any], signed: bool) -> bool:
    principal = statement.get("Principal")
    if principal == "*" or (isinstance(principal, Mapping) and "*" in _several(principal.get("AWS", []))):
        return True
    return signed and isinstance(principal, Mapping) and CLOUDFRONT in _several(principal.get("Service", []))


def _holds(conditions: Mapping[str, Any], facts: Mapping[str, str], *, unknown: bool) -> bool:
    """Whether all conditions hold; one that is not understood counts as ``unknown``: to the stricter side."""
    for operator, block in conditions.items():
        for key, wanted in block.items():
            fact = facts.get(key.lower())
            values = [str(value) for value in _several(wanted)]
            if not _one(operator, fact, values, unknown):
                return False
    return True


def _one(operator: str, fact: str | None, values: Sequence[str], unknown: bool) -> bool:
    if operator in ("StringEquals", "ArnEquals"):
        return fact in values
    if operator in ("StringLike", "ArnLike"):
        return fact is not None and any(_like(value).fullmatch(fact) for value in values)
    if operator in ("StringNotEquals", "ArnNotEquals"):
        return fact not in values
    if operator == "Bool":
        return fact is not None and fact.lower() in [value.lower() for value in values]
    return unknown
