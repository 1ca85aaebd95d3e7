"""Alarms on what stands in front of the API: an API Gateway stage, a load balancer and its targets."""

from __future__ import annotations

from components.monitoring.metrics import metric
from components.monitoring.spec import ANY_PERCENT, MINUTE, AlarmSpec, Watched, rate


def alarms(watched: Watched) -> list[AlarmSpec]:
    """Server errors seen from in front of the API, fast and slow; targets that are not healthy."""
    api = watched.api
    if api is None:
        return []
    found: list[AlarmSpec] = []
    if api.rest_api is not None:
        # The average of 5XXError is the error rate: API Gateway writes 0 or 1 for each request.
        errors = metric(
            "AWS/ApiGateway",
            "5XXError",
            "Average",
            {"ApiName": api.rest_api.api_name, "Stage": api.rest_api.stage_name},
        )
        found += [
            AlarmSpec(
                key="gateway-errors-fast",
                title="Half of all API requests end in a server error",
                meaning="API Gateway answered 5xx to at least half of the requests in 4 of 5 minutes.",
                metrics={"m": errors},
                period_s=MINUTE,
                periods=5,
                datapoints=4,
                threshold=0.5,
                severity="page",
                page="gateway-errors",
            ),
            AlarmSpec(
                key="gateway-errors",
                title="API requests keep ending in server errors",
                meaning="API Gateway answered 5xx to at least 1 % of the requests in four of eight "
                "five-minute periods.",
                metrics={"m": errors},
                periods=8,
                datapoints=4,
                threshold=ANY_PERCENT / 100,
                severity="page",
            ),
        ]
    if api.load_balancer is not None:
        balancer = {"LoadBalancer": api.load_balancer.load_balancer}
        targets = {**balancer, "TargetGroup": api.load_balancer.target_group}
        # RequestCount leaves out what never reached a target, so the balancer's own errors are added to both.
        errors = {
            "requests": metric("AWS/ApplicationELB", "RequestCount", "Sum", balancer),
            "target": metric("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum", balancer),
            "balancer": metric("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum", balancer),
        }
        expression = rate(["target", "balancer"], ["requests", "balancer"])
        pauses = api.service is not None and api.service.pauses
        found += [
            AlarmSpec(
                key="balancer-errors-fast",
                title="Half of all API requests end in a server error",
                meaning="The load balancer answered 5xx to at least half of the requests in 4 of 5 minutes.",
                metrics=errors,
                expression=expression,
                period_s=MINUTE,
                periods=5,
                datapoints=4,
                threshold=50,
                severity="page",
                page="balancer-errors",
            ),
            AlarmSpec(
                key="balancer-errors",
                title="API requests keep ending in server errors",
                meaning="The load balancer answered 5xx to at least 1 % of the requests in four of eight "
                "five-minute periods.",
                metrics=errors,
                expression=expression,
                periods=8,
                datapoints=4,
                threshold=ANY_PERCENT,
                severity="page",
            ),
            # A target group without targets reports nothing at all: that is not health, so missing breaches,
            # but where having none is meant. There the last target drains for five minutes and its task has
            # one more to stop, which must not ring either.
            AlarmSpec(
                key="no-healthy-target",
                title="No target of the load balancer is healthy",
                meaning="No task or instance answers the health check, or there is none.",
                metrics={"m": metric("AWS/ApplicationELB", "HealthyHostCount", "Minimum", targets)},
                period_s=MINUTE,
                periods=10 if pauses else 3,
                datapoints=10 if pauses else 3,
                comparison="<",
                threshold=1,
                missing="notBreaching" if pauses else "breaching",
                severity="page",
            ),
            AlarmSpec(
                key="unhealthy-target",
                title="A target of the load balancer stays unhealthy",
                meaning="At least one target failed its health check in 10 of 15 minutes: capacity is "
                "missing.",
                metrics={"m": metric("AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", targets)},
                period_s=MINUTE,
                periods=15,
                datapoints=10,
                threshold=1,
                production_only=True,
            ),
        ]
    return found
