"""Which alarms a stack gets: by what its telemetry holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.interfaces import SecretsTelemetry
from components.monitoring.alarms import every_alarm
from tests.components.monitoring.support import ec2_api, fargate_api, lambda_api, site
from tests.components.monitoring.test_loads import watched


def keys(**changed: Any) -> set[str]:
    """Keys of the alarms of a production stack in which some telemetry differs."""
    base = watched("lambda")
    path = changed["site"].health_path if "site" in changed else "/api/v1/health"
    return {
        spec.key
        for spec in every_alarm(replace(base, **{"health_checks": {path or "/": "check"}, **changed}))
    }


@pytest.mark.parametrize("backend", ["lambda", "fargate", "ec2"])
def test_a_backends_name_decides_nothing(backend: str) -> None:
    plain = watched(backend)
    assert plain.api is not None
    for kind in ("lambda", "fargate", "ec2", ""):
        assert every_alarm(replace(plain, api=replace(plain.api, kind=kind))) == every_alarm(plain)


def test_each_facet_brings_its_own_alarms() -> None:
    none = keys(api=None, site=site(health_path=None))
    bare = keys(api=lambda_api(function=None, rest_api=None, table_name=None, models=()))
    assert none == {
        "site-errors-fast", "site-errors", "site-not-found", "firewall-spike", "certificate-expiry",
        "health-check-site", "rotation-failed",
    }  # fmt: skip
    own = {
        "api-errors-fast", "api-errors", "api-latency", "spend", "unauthorized-storm", "not-found-storm",
        "rate-limited-storm", "locked-out",
    }  # fmt: skip
    assert bare == none - {"health-check-site"} | {"health-check-api"} | own
    function = keys(api=lambda_api(rest_api=None, table_name=None, models=()))
    assert function - bare == {
        "function-throttles", "background-work-lost", "failure-queue", "function-concurrency",
    }  # fmt: skip
    gateway = keys(api=lambda_api(function=None, table_name=None, models=()))
    assert (gateway - bare, bare - gateway) == (
        {"gateway-errors-fast", "gateway-errors"},
        {"api-errors-fast"},
    )
    balancer = keys(api=fargate_api(service=None, table_name=None, models=()))
    assert balancer - bare == {
        "balancer-errors-fast", "balancer-errors", "no-healthy-target", "unhealthy-target",
    }  # fmt: skip
    service = keys(api=fargate_api(load_balancer=None, table_name=None, models=()))
    assert service - bare == {"tasks-missing", "task-memory"}
    instance = keys(api=ec2_api(table_name=None, models=()))
    assert instance - bare == {"instance-down", "disk-full", "instance-memory"}
    table = keys(api=lambda_api(function=None, rest_api=None, models=()))
    assert table - bare == {"table-throttles"}
    model = keys(api=lambda_api(function=None, rest_api=None, table_name=None, models=("a.b:0",)))
    assert model - bare == {"bedrock-errors-a-b-0", "bedrock-throttles-a-b-0"}
    no_acl = keys(site=site(web_acl_name=None, certificate_arn=None), secrets=SecretsTelemetry())
    assert keys() - no_acl == {"firewall-spike", "certificate-expiry", "rotation-failed"}
