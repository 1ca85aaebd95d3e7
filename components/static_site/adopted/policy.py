"""Adds statements to a bucket policy and leaves every byte of the existing ones where it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

POLICY_LIMIT = 20_480
"""Bytes of a bucket policy: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html"""


def with_statements(policy: str, added: Sequence[Mapping[str, Any]]) -> str:
    """The policy with more statements at its end.

    A statement that is there already is not added again; a Sid that is taken gets a number.

    Args:
        policy: the document as S3 gave it; "": none.
        added: statements.

    Raises:
        ValueError: the policy is no JSON with statements, or would be too long.
    """
    if not policy:
        return _checked(json.dumps({"Version": "2012-10-17", "Statement": list(added)})) if added else ""
    try:
        existing = json.loads(policy)["Statement"]
    except (json.JSONDecodeError, KeyError, TypeError) as failure:
        raise ValueError(f"the bucket policy has no statements: {failure!r}") from None
    listed = [existing] if isinstance(existing, Mapping) else list(existing)
    sids = {one.get("Sid") for one in listed}
    new = [_named(one, sids) for one in added if not any(_same(one, other) for other in listed)]
    if not new:
        return policy
    begin, end = _statement_span(policy)
    texts = [json.dumps(one) for one in new]
    if isinstance(existing, Mapping):
        return _checked(f"{policy[:begin]}[{policy[begin:end]},{','.join(texts)}]{policy[end:]}")
    before = policy[: end - 1].rstrip()
    comma = "," if listed else ""
    return _checked(f"{before}{comma}{','.join(texts)}{policy[end - 1 :]}")


def statements(policy: str) -> list[Mapping[str, Any]]:
    """The statements of a document; none of ""."""
    if not policy:
        return []
    found = json.loads(policy)["Statement"]
    return [found] if isinstance(found, Mapping) else list(found)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    left, right = dict(one), dict(other)
    left.pop("Sid", None)
    right.pop("Sid", None)
    return left == right


def _named(statement: Mapping[str, Any], sids: set[Any]) -> Mapping[str, Any]:
    sid, number = statement.get("Sid"), 2
    while sid is not None and sid in sids:
        sid, number = f"{statement['Sid']}{number}", number + 1
    sids.add(sid)
    return statement if sid == statement.get("Sid") else {**statement, "Sid": sid}


def _checked(policy: str) -> str:
    size = len(policy.encode())
    if size > POLICY_LIMIT:
        raise ValueError(f"the bucket policy would have {size} bytes, {POLICY_LIMIT} are allowed")
    json.loads(policy)
    return policy


def _statement_span(policy: str) -> tuple[int, int]:
    """Where the value of the top-level ``Statement`` begins and ends."""
    decoder = json.JSONDecoder()
    at = _skip(policy, 0) + 1
    while True:
        at = _skip(policy, at)
        key, at = decoder.raw_decode(policy, at)
        at = _skip(policy, _skip(policy, at) + 1)
        _, end = decoder.raw_decode(policy, at)
        if key == "Statement":
            return at, end
        at = _skip(policy, end) + 1


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at
