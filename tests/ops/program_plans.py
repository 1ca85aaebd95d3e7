"""Plans of the project's own stacks, each made once for the tests of the program, guardrails and cost."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ops.cost.cli import planned
from ops.plan import Plan

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/api@sha256:" + "a" * 64


def plan_of(stack: str, settings: Mapping[str, str]) -> Plan:
    """The plan of a stack with settings over its own; Lambda is what it has without any."""
    return _made(
        stack, tuple(sorted((k, v) for k, v in settings.items() if (k, v) != ("apiBackend", "lambda")))
    )


@cache
def _made(stack: str, settings: tuple[tuple[str, str], ...]) -> Plan:
    return planned(stack, dict(settings))
