"""The project's own stacks: every exception is needed somewhere, and nothing is found that has none."""

from __future__ import annotations

import pytest

import ops.guardrails as guardrails
from ops.plan import Plan
from tests.ops.program_plans import IMAGE, plan_of

ADDRESSES = {"apiBackend": "fargate", "egress": "public-ip", "apiMinTasks": "2"}
QUICK: dict[str, tuple[str, dict[str, str]]] = {
    "lambda, dev": ("dev", {}),
    "lambda, prod": ("prod", {}),
    "fargate, addresses": ("dev", ADDRESSES),
    "ec2, dev": ("dev", {"apiBackend": "ec2", "egress": "nat-instance"}),
}
THOROUGH: dict[str, tuple[str, dict[str, str]]] = {
    "lambda, Europe": ("prod", {"aws:region": "eu-central-1"}),
    "fargate, dev": ("dev", {"apiBackend": "fargate"}),
    "fargate, prod": ("prod", {"apiBackend": "fargate"}),
    "fargate, endpoints": ("prod", {"apiBackend": "fargate", "egress": "endpoints", "apiImage": IMAGE}),
    "ec2, prod": ("prod", {"apiBackend": "ec2", "egress": "nat-instance"}),
}
CASES = {**QUICK, **THOROUGH}

every_case = pytest.mark.parametrize(
    "case", [*QUICK, *(pytest.param(case, marks=pytest.mark.slow) for case in THOROUGH)]
)


def planned(case: str) -> Plan:
    return plan_of(*CASES[case])


@every_case
def test_the_guardrails_are_silent(case: str):
    found = guardrails.check(planned(case))
    assert [f"{f.policy}: {f.resource}: {f.message}" for f in found] == []


@every_case
def test_without_exceptions_they_are_not_silent(case: str):
    """What is excused is really found: the silence above is not that of policies that read nothing."""
    assert len(guardrails.check(planned(case), exemptions=())) >= 2


@pytest.mark.slow
def test_every_exception_is_needed_somewhere():
    assert guardrails.unused_everywhere(planned(case) for case in CASES) == []
