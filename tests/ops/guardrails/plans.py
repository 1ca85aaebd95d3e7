"""Hand-made plans, small enough to see what a policy reads."""

from __future__ import annotations

import json
from typing import Any

from ops.plan import Plan, PlannedResource

ACCOUNT = "123456789012"
PROTECT = {"orchestrator:protectData": "true"}
OWN_KEY = {"orchestrator:customerKey": "true"}


def res(type_: str, logical: str = "x", /, **inputs: Any) -> PlannedResource:
    """A resource with id, arn and name as a provider would give them.

    ``_protect``, ``_secret`` (paths) and ``_outputs`` set what is not an input.
    """
    protect = inputs.pop("_protect", False)
    secret = inputs.pop("_secret", ())
    outputs = {
        "id": f"{logical}-id",
        "arn": f"arn:aws:x:us-east-1:{ACCOUNT}:{logical}",
        "name": inputs.get("name", f"{logical}-name"),
    }
    outputs.update(inputs.pop("_outputs", {}))
    return PlannedResource(
        type=type_,
        name=logical,
        urn=f"urn:pulumi:dev::orchestrator::{type_}::{logical}",
        inputs=inputs,
        outputs=outputs,
        protect=protect,
        retain_on_delete=protect,
        secret_paths=frozenset(secret),
    )


def plan(*resources: PlannedResource, stack: str = "dev", config: dict[str, Any] | None = None) -> Plan:
    """A plan of these resources."""
    return Plan(stack=stack, region="us-east-1", resources=tuple(resources), config=config or {})


def document(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(
    actions: Any, resources: Any = None, principal: Any = None, condition: Any = None
) -> dict[str, Any]:
    """An Allow statement without empty parts."""
    parts = {"Effect": "Allow", "Action": actions, "Resource": resources, "Principal": principal}
    return {k: v for k, v in {**parts, "Condition": condition}.items() if v is not None}


def container(**inputs: Any) -> str:
    """Container definitions of one container in which nothing is wrong but what is given."""
    good = {"name": "api", "user": "1000", "readonlyRootFilesystem": True}
    return json.dumps([{**good, **inputs}])


SOURCE = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
GROUP = res("aws:cloudwatch/logGroup:LogGroup", "logs", retentionInDays=30)
FUNCTION = "aws:lambda/function:Function"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
