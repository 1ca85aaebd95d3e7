"""The prices of the project's own stacks: nothing unpriced, and the bars that were set."""

from __future__ import annotations

from functools import cache

import pytest

from ops.cost import estimate, load_usage, monthly_line
from ops.cost.compare import Column, compare
from ops.plan import Plan
from tests.ops.program_plans import IMAGE, plan_of

ADDRESSES = {"apiBackend": "fargate", "egress": "public-ip", "apiMinTasks": "2"}
CASES: dict[str, tuple[str, dict[str, str]]] = {
    "dev": ("dev", {}),
    "prod": ("prod", {}),
    "fargate": ("dev", ADDRESSES),
    "ec2": ("dev", {"apiBackend": "ec2", "egress": "nat-instance"}),
    "fargate with endpoints": ("prod", {"apiBackend": "fargate", "egress": "endpoints", "apiImage": IMAGE}),
    "prod on ec2": ("prod", {"apiBackend": "ec2", "egress": "nat-instance"}),
    "prod on fargate": ("prod", {"apiBackend": "fargate"}),
}
THOROUGH = {"fargate with endpoints", "prod on ec2", "prod on fargate"}


def planned(case: str) -> Plan:
    return plan_of(*CASES[case])


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.slow) if c in THOROUGH else c for c in CASES]
)
def test_every_planned_type_is_priced_or_named(case: str):
    found = estimate(planned(case))
    assert found.missing == ()
    assert dict(found.unpriced) == {}


@pytest.mark.slow
@pytest.mark.parametrize(("case", "limit"), [("dev", 3), ("prod", 25)])
def test_idle_price(case: str, limit: float):
    assert 0.5 < estimate(planned(case)).total < limit, monthly_line(planned(case))


@pytest.mark.slow
def test_the_load_of_the_first_estimate_costs_what_lambda_and_api_gateway_cost():
    usage = load_usage()["1 million"]
    services = estimate(planned("dev"), usage, count_free=False).by("service")
    assert services["API Gateway"] == pytest.approx(3.50)
    # 0.445 s at the memory of the function: by time, not by the request alone.
    assert services["Lambda"] > 0.20


@cache
def columns() -> dict[str, Column]:
    found = compare(lambda settings: plan_of("dev", settings), load_usage())
    return {column.variant.title: column for column in found}


@pytest.mark.slow
@pytest.mark.parametrize("title", ["Fargate, public-ip", "Fargate, nat", "EC2, nat-instance"])
def test_a_backend_keeps_its_limit_against_the_first_estimate(title: str):
    column = columns()[title]
    assert column.within is True, f"{column.share:.0%} of {column.variant.expected_usd} USD"
    # Far below would mean that something is not priced.
    assert column.backend("1 million") > 0.3 * column.variant.expected_usd


@pytest.mark.slow
def test_what_the_api_has_on_every_backend_costs_the_same_on_each():
    at_load = {title: round(column.common("1 million"), 2) for title, column in columns().items()}
    assert len(set(at_load.values())) == 1, at_load
    assert min(at_load.values()) > 2


@pytest.mark.slow
def test_lambda_is_the_cheapest_when_idle_and_the_dearest_at_ten_million():
    idle = {title: column.backend("idle") for title, column in columns().items()}
    busy = {title: column.backend("10 million") for title, column in columns().items()}
    assert min(idle, key=idle.__getitem__) == "Lambda"
    assert max(busy, key=busy.__getitem__) == "Lambda"
