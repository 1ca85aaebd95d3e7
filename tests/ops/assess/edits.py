"""Small changes to what was read of an account, from which cases are made."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.ops.assess.aws_shapes import ACCOUNT, ALL_METHODS, behavior

Facts = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One change.

    Attributes:
        change: edits the facts in place.
        evidence: what the finding must say.
        severity: what it must be; "": the check's own.
        request: fields of the request that differ.
    """

    change: Callable[[Facts], object]
    evidence: str
    severity: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)


def put(fact: str, value: Any) -> Callable[[Facts], object]:
    """Replaces a fact."""
    return lambda facts: facts.update({fact: value})


def config(**changes: Any) -> Callable[[Facts], object]:
    """Replaces members of the DistributionConfig."""
    return lambda facts: facts["distribution"]["DistributionConfig"].update(changes)


def default_behavior(**changes: Any) -> Callable[[Facts], object]:
    """Replaces members of the default behavior."""
    return lambda facts: facts["distribution"]["DistributionConfig"]["DefaultCacheBehavior"].update(changes)


def origin(number: int, **changes: Any) -> Callable[[Facts], object]:
    """Replaces members of an origin."""
    return lambda facts: facts["distribution"]["DistributionConfig"]["Origins"]["Items"][number].update(
        changes
    )


def viewer(**changes: Any) -> Callable[[Facts], object]:
    """Replaces members of the viewer certificate."""
    return lambda facts: facts["distribution"]["DistributionConfig"]["ViewerCertificate"].update(changes)


def statement(**changes: Any) -> Callable[[Facts], object]:
    """Replaces members of the bucket policy's first statement."""

    def change(facts: Facts) -> None:
        policy = json.loads(facts["bucket_policy"])
        policy["Statement"][0].update(changes)
        facts["bucket_policy"] = json.dumps(policy)

    return change


def records(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[Facts], object]:
    """Replaces the zone's records."""
    return lambda facts: facts.update(zone_records=change(facts["zone_records"]))


def without(name: str, *kinds: str) -> Callable[[Facts], object]:
    """Takes records away."""
    return records(lambda rows: [r for r in rows if not (r["Name"] == f"{name}." and r["Type"] in kinds)])


def instead(name: str, kind: str, new: dict[str, Any]) -> Callable[[Facts], object]:
    """One record for another."""
    return records(lambda rows: [new if (r["Name"], r["Type"]) == (f"{name}.", kind) else r for r in rows])


def both(*changes: Callable[[Facts], object]) -> Callable[[Facts], object]:
    """Several changes in turn."""
    return lambda facts: [change(facts) for change in changes]


def caller(arn: str) -> Callable[[Facts], object]:
    """Another caller."""
    return put("caller", {"UserId": "X", "Account": ACCOUNT, "Arn": arn})


def certificate(**changes: Any) -> Callable[[Facts], object]:
    """Replaces members of the certificate."""
    return lambda facts: facts["certificate"].update(changes)


def no_certificate(facts: Facts) -> None:
    """A distribution on CloudFront's own certificate."""
    facts["certificate"] = None
    facts["certificates"] = []


def web_acl_rules(
    change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
) -> Callable[[Facts], object]:
    """Replaces the rules of the web ACL."""
    return lambda facts: facts["web_acl"].update(Rules=change(facts["web_acl"]["Rules"]))


def blocking_common_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The core rule set as the console adds it."""
    return [rules[0], {**rules[1], "OverrideAction": {"None": {}}}]


def error_page(code: int, answer: str) -> dict[str, Any]:
    """A custom error response."""
    return {
        "ErrorCode": code,
        "ResponsePagePath": "/index.html",
        "ResponseCode": answer,
        "ErrorCachingMinTTL": 10,
    }


def path(pattern: str) -> dict[str, Any]:
    """A behavior for a pattern."""
    return {"PathPattern": pattern, **behavior("api", methods=ALL_METHODS)}


def secret(name: str, **more: Any) -> dict[str, Any]:
    """An entry of ListSecrets."""
    arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}-AbCdEf"
    return {"ARN": arn, "Name": name, "RotationEnabled": True, **more}


def access(**changes: Any) -> Callable[[Facts], object]:
    """Replaces members of the first model's availability."""
    return lambda facts: next(iter(facts["model_access"].values())).update(changes)
