"""Whose everything is: tags, and what a plan is made of."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from functools import lru_cache

from ops.guardrails.model import WELL_ARCHITECTED, Violation, policy
from ops.plan import Plan


@policy(
    "tagged",
    "mandatory",
    "Everything that can carry tags has one with the stack's name: bills and searches go by it.",
    sources=(
        f"{WELL_ARCHITECTED}/cost-optimization-pillar/cost_monitor_usage_org_information.html",
        "https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",
    ),
)
def tagged(plan: Plan) -> Iterator[Violation]:
    for resource in plan.custom():
        if not taggable(resource.type):
            continue
        tags = resource.inputs.get("tags") or {}
        if plan.stack not in map(str, tags.values()):
            yield Violation(
                resource=resource,
                message=f"tags {sorted(tags)} do not say that it is of stack {plan.stack}"
                if tags
                else "no tags",
                mend="pass tags=args.tags",
            )


@lru_cache(maxsize=512)
def taggable(type_: str) -> bool:
    """Whether a resource type takes ``tags`` as a map, by the SDK's own signature.

    Args:
        type_: token, ``aws:s3/bucket:Bucket``. Types of other packages are not taggable.
    """
    package, _, rest = type_.partition(":")
    module, _, name = rest.partition("/")
    if package != "aws" or not name:
        return False
    python_module = {"lambda": "lambda_"}.get(module.lower(), module.lower())
    class_ = getattr(importlib.import_module(f"pulumi_aws.{python_module}"), name.split(":")[1], None)
    if class_ is None:
        return False
    annotation = inspect.signature(class_._internal_init).parameters.get("tags")
    return annotation is not None and "Mapping" in str(annotation.annotation)
