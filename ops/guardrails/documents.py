"""The policy documents of a plan as uniform statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ops.guardrails.facts import as_list, parsed
from ops.plan import UNKNOWN, Plan, PlannedResource

Kind = Literal["identity", "trust", "resource", "endpoint"]

WHERE: Mapping[str, tuple[Kind, str]] = {
    "aws:iam/rolePolicy:RolePolicy": ("identity", "policy"),
    "aws:iam/policy:Policy": ("identity", "policy"),
    "aws:iam/userPolicy:UserPolicy": ("identity", "policy"),
    "aws:iam/groupPolicy:GroupPolicy": ("identity", "policy"),
    "aws:iam/role:Role": ("trust", "assumeRolePolicy"),
    "aws:s3/bucketPolicy:BucketPolicy": ("resource", "policy"),
    "aws:sqs/queuePolicy:QueuePolicy": ("resource", "policy"),
    "aws:sqs/queue:Queue": ("resource", "policy"),
    "aws:sns/topicPolicy:TopicPolicy": ("resource", "policy"),
    "aws:sns/topic:Topic": ("resource", "policy"),
    "aws:kms/key:Key": ("resource", "policy"),
    "aws:kms/keyPolicy:KeyPolicy": ("resource", "policy"),
    "aws:secretsmanager/secretPolicy:SecretPolicy": ("resource", "policy"),
    "aws:secretsmanager/secret:Secret": ("resource", "policy"),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": ("resource", "policyDocument"),
    "aws:apigateway/restApi:RestApi": ("resource", "policy"),
    "aws:apigateway/restApiPolicy:RestApiPolicy": ("resource", "policy"),
    "aws:dynamodb/resourcePolicy:ResourcePolicy": ("resource", "policy"),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": ("resource", "policy"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("endpoint", "policy"),
    "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy": ("endpoint", "policyDocument"),
}
"""Type to (kind of document, input that holds it)."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy document, every value as a list.

    Attributes:
        resource: the planned resource that carries the document.
        kind: what the document is attached to.
        allow: effect.
        actions, not_actions, resources, not_resources: as written.
        principals: (kind, value), ``("Service", "lambda.amazonaws.com")``; ``("*", "*")`` for everybody.
        not_principal: whether the statement says who it is not for.
        conditions: (operator, condition key in lower case, values).
    """

    resource: PlannedResource
    kind: Kind
    allow: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    not_principal: bool
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]

    def condition_keys(self) -> set[str]:
        """The condition keys used, in lower case."""
        return {key for _, key, _ in self.conditions}


def statements(plan: Plan, *kinds: Kind) -> Iterator[Statement]:
    """Every statement of every document of these kinds, in the order of the plan."""
    for resource in plan.custom():
        kind, key = WHERE.get(resource.type, (None, ""))
        if kind is None or kind not in kinds:
            continue
        document = parsed(resource.inputs.get(key))
        if isinstance(document, Mapping):
            for raw in as_list(document.get("Statement")):
                yield _statement(resource, kind, raw)


def unreadable(plan: Plan) -> Iterator[tuple[PlannedResource, str]]:
    """Documents that are there but unknown or no JSON: nothing can be said of them."""
    for resource in plan.custom():
        _, key = WHERE.get(resource.type, (None, ""))
        value = resource.inputs.get(key) if key else None
        if value is not None and not isinstance(parsed(value), Mapping):
            yield resource, "unknown before the deployment" if UNKNOWN in str(value) else "not JSON"


def _statement(resource: PlannedResource, kind: Kind, raw: Mapping[str, Any]) -> Statement:
    principal = raw.get("Principal", raw.get("NotPrincipal"))
    if isinstance(principal, Mapping):
        principals = tuple((k, str(v)) for k, values in principal.items() for v in as_list(values))
    else:
        principals = tuple(("*", str(v)) for v in as_list(principal))
    conditions = tuple(
        (operator, key.lower(), tuple(map(str, as_list(values))))
        for operator, block in (raw.get("Condition") or {}).items()
        for key, values in block.items()
    )
    return Statement(
        resource=resource,
        kind=kind,
        allow=raw.get("Effect") == "Allow",
        actions=_strings(raw, "Action"),
        not_actions=_strings(raw, "NotAction"),
        resources=_strings(raw, "Resource"),
        not_resources=_strings(raw, "NotResource"),
        principals=principals,
        not_principal="NotPrincipal" in raw,
        conditions=conditions,
    )


def _strings(raw: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(map(str, as_list(raw.get(key))))
