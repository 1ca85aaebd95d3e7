"""Questions that several policies ask of a plan: settings, embedded JSON, references between resources."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ops.plan import UNKNOWN, Plan, PlannedResource

NAMESPACE = "orchestrator"


def setting(plan: Plan, key: str, default: str = "") -> str:
    """A setting of the stack as text; ``key`` without namespace."""
    value = plan.config.get(f"{NAMESPACE}:{key}", plan.config.get(key, default))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def switched_on(plan: Plan, key: str, *, prod: bool) -> bool:
    """A boolean setting; left out, it is off, but for ``prod`` (its default there) in the stack ``prod``."""
    default = "true" if prod and plan.stack == "prod" else "false"
    return setting(plan, key, default).strip().lower() == "true"


def protects_data(plan: Plan) -> bool:
    """Whether the stack holds data that must outlive it (``protectData``)."""
    return switched_on(plan, "protectData", prod=True)


def own_keys(plan: Plan) -> bool:
    """Whether the stack encrypts with a customer-managed key (``customerKey``)."""
    return switched_on(plan, "customerKey", prod=True)


def as_list(value: Any) -> list[Any]:
    """IAM and CloudFormation shapes write one value without its list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def parsed(value: Any) -> Any:
    """Embedded JSON as data; None for what is absent, unknown or no JSON."""
    if isinstance(value, Mapping | list):
        return value
    if not isinstance(value, str) or UNKNOWN in value:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested inputs with its path, ``origins[0].domainName``."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def identities(resource: PlannedResource) -> set[str]:
    """The strings by which others refer to a resource: id, ARN, name, URL ... and its own bare names."""
    found = {v for _, v in leaves(resource.outputs) if isinstance(v, str) and v}
    for key in ("name", "bucket", "functionName", "stageName", "alarmName", "dashboardName", "family"):
        value = resource.inputs.get(key)
        if isinstance(value, str) and value:
            found.add(value)
    found.discard(UNKNOWN)
    return found


def names(resource: PlannedResource) -> set[str]:
    """Id and name only: enough to tell which bucket, function or stage another resource means."""
    keys = ("id", "arn", "name", "bucket", "functionName", "url")
    found = {source.get(k) for source in (resource.outputs, resource.inputs) for k in keys}
    return {v for v in found if isinstance(v, str) and v and v != UNKNOWN}


def attached(resource: PlannedResource, others: Iterable[PlannedResource], key: str) -> list[PlannedResource]:
    """Those of ``others`` whose input ``key`` means ``resource`` (a bucket's public access block, ...)."""
    mine = names(resource)
    return [o for o in others if o.inputs.get(key) in mine or _depends_only_on(o, resource, key)]


def _depends_only_on(other: PlannedResource, resource: PlannedResource, key: str) -> bool:
    # An unknown id: the engine still says whose it is.
    return other.inputs.get(key) == UNKNOWN and resource.urn in other.depends_on


def known_strings(plan: Plan) -> frozenset[str]:
    """Every string that a resource other than an alarm or dashboard has, and every setting.

    What an alarm watches must be among them: a dimension with a typing error
    makes an alarm that never fires.
    """
    found: set[str] = set()
    for resource in plan.custom():
        if resource.type.startswith(("aws:cloudwatch/metricAlarm", "aws:cloudwatch/dashboard")):
            continue
        for source in (resource.inputs, resource.outputs):
            for _, value in leaves(source):
                if isinstance(value, str):
                    found.add(value)
                    data = parsed(value) if value[:1] in "[{" else None
                    found.update(str(v) for _, v in leaves(data) if isinstance(v, str | int))
    for value in plan.config.values():
        data = parsed(value)
        found.update(str(v) for _, v in leaves(value if data is None else data))
    return frozenset(found)


def get(value: Any, *path: str | int) -> Any:
    """A nested value, or None where a step is missing: ``get(inputs, "origins", 0, "domainName")``."""
    for step in path:
        if isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list | tuple) and step < len(value):
            value = value[step]
        else:
            return None
    return value
