"""Every alarm, as data. To add one: put it into the list of the module that owns its subject,
give it a heading in docs/operations.md, and a case in tests/components/monitoring/test_loads.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from components.interfaces import (
    ApiTelemetry,
    EcsServiceTelemetry,
    InstanceTelemetry,
    LambdaTelemetry,
    LoadBalancerTelemetry,
    RestApiTelemetry,
    SecretsTelemetry,
    SiteTelemetry,
)
from components.monitoring.alarms import access, compute, data, edge, frontdoor, models, service
from components.monitoring.spec import AlarmSpec, Watched

SOURCES: tuple[Callable[[Watched], list[AlarmSpec]], ...] = (
    edge.alarms,
    frontdoor.alarms,
    service.alarms,
    access.alarms,
    models.alarms,
    compute.alarms,
    data.alarms,
)


def every_alarm(watched: Watched) -> tuple[AlarmSpec, ...]:
    """The alarms of a stack, by what there is to watch.

    Args:
        watched: telemetry of the components.

    Returns:
        In reading order. Outside production without those that only production gets.

    Raises:
        ValueError: two alarms have one key.
    """
    specs = [spec for source in SOURCES for spec in source(watched)]
    keys = [spec.key for spec in specs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"two alarms have the key {', '.join(twice)}")
    return tuple(spec for spec in specs if watched.production or not spec.production_only)


# pulumi.Output values are plain strings here: nothing but the names of the alarms is read from it.
EVERYTHING = Watched(
    site=SiteTelemetry(
        distribution_id="E0", web_acl_name="acl", certificate_arn="arn", host="host", health_path="/health"
    ),
    api=ApiTelemetry(
        kind="all",
        log_groups={},
        metric_namespace="api",
        table_name="table",
        models=("model",),
        function=LambdaTelemetry(
            function_name="f", alias_name="live", failure_queue_name="q", reserved_concurrency=10
        ),
        rest_api=RestApiTelemetry(api_name="a", stage_name="s"),
        load_balancer=LoadBalancerTelemetry(load_balancer="lb", target_group="tg"),
        service=EcsServiceTelemetry(cluster_name="c", service_name="s", min_tasks=1),
        instance=InstanceTelemetry(instance_id="i", namespace="n", association_name="a"),
    ),
    secrets=SecretsTelemetry(rotation_function_name=cast(Any, "f")),
    health_checks={"/": "h", "/health": "h"},
    monthly_budget_usd=50.0,
    production=True,
)
"""A stack with all there can be, from which the names of all alarms follow."""

RUNBOOKS: tuple[str, ...] = tuple(dict.fromkeys(spec.runbook for spec in every_alarm(EVERYTHING)))
"""The headings of docs/operations.md, which are the names of the alarms in the component's transforms."""
