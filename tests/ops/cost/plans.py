"""Hand-made plans for the estimator."""

from __future__ import annotations

from typing import Any

from ops.cost import load_usage
from ops.cost.prices import Usage
from ops.plan import Plan, PlannedResource


def res(type_: str, logical: str = "x", /, **inputs: Any) -> PlannedResource:
    """A resource within OrchestratorApi; ``_of`` names another component, ``_after`` URNs it depends on."""
    component = inputs.pop("_of", "OrchestratorApi")
    after = inputs.pop("_after", ())
    outputs = inputs.pop("_outputs", {"name": logical, "bucket": logical})
    return PlannedResource(
        type=type_,
        name=logical,
        urn=f"urn:pulumi:dev::orchestrator::orchestrator:index:{component}${type_}::{logical}",
        inputs=inputs,
        outputs=outputs,
        depends_on=frozenset(r.urn for r in after),
    )


def plan(
    *resources: PlannedResource, region: str = "us-east-1", config: dict[str, str] | None = None
) -> Plan:
    """A plan of these resources."""
    return Plan(stack="dev", region=region, resources=resources, config=config or {})


def usage(requests: float, **changes: float) -> Usage:
    """The usage file's month with other numbers."""
    from dataclasses import replace

    return replace(load_usage()["idle"], name="test", requests=requests, **changes)
