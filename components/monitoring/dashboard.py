"""The dashboard: what an operator looks at first, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.interfaces import ApiTelemetry, SiteTelemetry
from components.monitoring.metrics import AGENT_NAMESPACE, API_NAMESPACE, Metric, metric, model_dimension
from components.monitoring.policies import EDGE_REGION
from components.monitoring.spec import ANY_PERCENT
from components.monitoring.widgets import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    RED,
    Line,
    Panel,
    alarm_list,
    graph,
    layout,
    log_table,
    text,
)


def dashboard_body(
    *,
    site: SiteTelemetry,
    api: ApiTelemetry | None,
    region: str,
    title: str,
    alarm_arns: Mapping[str, Sequence[pulumi.Input[str]]],
    log_retention_days: int,
    spend_limit: float,
) -> dict[str, Any]:
    """The whole dashboard, ready for ``pulumi.Output.json_dumps``.

    Args:
        site, api: what there is to show.
        region: the stack's Region; the edge is always us-east-1.
        title: heading.
        alarm_arns: title to ARNs.
        log_retention_days: told in the heading.
        spend_limit: USD an hour, drawn into the graph of the money.
    """
    rows: list[list[Panel]] = [
        [
            text(
                pulumi.Output.concat(
                    f"# {title}\n[https://",
                    site.host,
                    "](https://",
                    site.host,
                    ")  \n"
                    "What each alarm means and what to do: docs/operations.md. Logs are kept "
                    f"{log_retention_days} days. "
                    "Metrics of the edge arrive some minutes late.",
                ),  # type: ignore[arg-type]
                3,
            )
        ],
        [alarm_list(name, arns) for name, arns in alarm_arns.items() if arns],
        site_row(site),
    ]
    if api is not None:
        rows += [api_row(api, region), money_row(api, region, spend_limit), compute_row(api, region)]
    if site.web_acl_name is not None:
        rows.append(firewall_row(site.web_acl_name))
    if api is not None:
        rows.append(log_row(api, region))
    return {"start": "-PT3H", "periodOverride": "inherit", "widgets": layout(rows)}


def site_row(site: SiteTelemetry) -> list[Panel]:
    """Traffic and error rates of the distribution."""
    dimensions = {"DistributionId": site.distribution_id, "Region": "Global"}

    def line(name: str, stat: str, label: str, color: str) -> Line:
        return Line(metric=metric("AWS/CloudFront", name, stat, dimensions), label=label, color=color)

    return [
        graph("Site: requests", [line("Requests", "Sum", "requests", BLUE)], EDGE_REGION, unit="per 5 min"),
        graph(
            "Site: errors",
            [line("4xxErrorRate", "Average", "4xx", AMBER), line("5xxErrorRate", "Average", "5xx", RED)],
            EDGE_REGION,
            unit="% of requests",
            limit=ANY_PERCENT,
        ),
        graph("Site: bytes out", [line("BytesDownloaded", "Sum", "bytes", GREY)], EDGE_REGION, unit="bytes"),
    ]


def api_row(api: ApiTelemetry, region: str) -> list[Panel]:
    """What the API says of itself: requests by what became of them, and how long they took."""

    def own(name: str, stat: str) -> Metric:
        return metric(API_NAMESPACE, name, stat, {}, namespace=api.metric_namespace)

    return [
        graph(
            "API: requests",
            [
                Line(metric=own("Requests", "Sum"), label="all", color=BLUE),
                Line(metric=own("Errors", "Sum"), label="5xx", color=RED),
            ],
            region,
            unit="per 5 min",
        ),
        graph(
            "API: refused",
            [
                Line(metric=own(counter, "Sum"), label=label, color=color)
                for counter, label, color in (
                    ("Unauthorized", "401 no valid key", AMBER),
                    ("NotFound", "404 not found", GREY),
                    ("RateLimited", "429 over a limit", RED),
                )
            ],
            region,
            unit="per 5 min",
        ),
        graph(
            "API: time to the end of the answer",
            [
                Line(metric=own("Latency", stat), label=stat, color=color)
                for stat, color in (("p50", GREEN), ("p95", AMBER), ("p99", RED))
            ],
            region,
            unit="ms",
        ),
    ]


def money_row(api: ApiTelemetry, region: str, spend_limit: float) -> list[Panel]:
    """Tokens, money, and what Bedrock says of the calls."""

    def own(name: str) -> Metric:
        return metric(API_NAMESPACE, name, "Sum", {}, namespace=api.metric_namespace)

    panels = [
        graph(
            "Models: USD an hour",
            [Line(metric=own("Usd"), label="USD", color=AMBER)],
            region,
            unit="USD",
            period_s=3600,
            limit=spend_limit,
        ),
        graph(
            "Models: tokens",
            [
                Line(metric=own("InputTokens"), label="in", color=BLUE),
                Line(metric=own("OutputTokens"), label="out", color=GREEN),
            ],
            region,
            unit="per 5 min",
            stacked=True,
        ),
    ]
    lines = [
        Line(metric=metric("AWS/Bedrock", name, "Sum", {"ModelId": model}), label=f"{model} {what}")
        for model in list(dict.fromkeys(map(model_dimension, api.models)))[:3]
        for name, what in (
            ("Invocations", "answered"),
            ("InvocationClientErrors", "client errors"),
            ("InvocationServerErrors", "server errors"),
            ("InvocationThrottles", "throttled"),
        )
    ]
    if lines:
        panels.append(graph("Bedrock: calls", lines, region, unit="per 5 min"))
    return panels


def compute_row(api: ApiTelemetry, region: str) -> list[Panel]:
    """What runs the API and what stands in front of it."""
    panels: list[Panel] = []
    if api.rest_api is not None:
        stage = {"ApiName": api.rest_api.api_name, "Stage": api.rest_api.stage_name}
        panels.append(
            graph(
                "API Gateway: errors",
                [
                    Line(metric=metric("AWS/ApiGateway", "4XXError", "Sum", stage), label="4xx", color=AMBER),
                    Line(metric=metric("AWS/ApiGateway", "5XXError", "Sum", stage), label="5xx", color=RED),
                ],
                region,
                unit="per 5 min",
            )
        )
    if api.function is not None:
        function = {"FunctionName": api.function.function_name}
        panels.append(
            graph(
                "Lambda: at once, throttled",
                [
                    Line(
                        metric=metric("AWS/Lambda", "ConcurrentExecutions", "Maximum", function),
                        label="at once",
                        color=BLUE,
                    ),
                    Line(
                        metric=metric("AWS/Lambda", "Throttles", "Sum", function),
                        label="throttled",
                        color=AMBER,
                    ),
                    Line(metric=metric("AWS/Lambda", "Errors", "Sum", function), label="errors", color=RED),
                ],
                region,
                unit="executions",
            )
        )
    if api.load_balancer is not None:
        targets = {
            "LoadBalancer": api.load_balancer.load_balancer,
            "TargetGroup": api.load_balancer.target_group,
        }
        panels.append(
            graph(
                "Load balancer: targets",
                [
                    Line(
                        metric=metric("AWS/ApplicationELB", "HealthyHostCount", "Minimum", targets),
                        label="healthy",
                        color=GREEN,
                    ),
                    Line(
                        metric=metric("AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", targets),
                        label="unhealthy",
                        color=RED,
                    ),
                ],
                region,
                unit="targets",
                period_s=60,
            )
        )
    used: list[Line] = []
    if api.service is not None:
        service = {"ClusterName": api.service.cluster_name, "ServiceName": api.service.service_name}
        used += [
            Line(
                metric=metric("AWS/ECS", "CPUUtilization", "Average", service), label="tasks CPU", color=BLUE
            ),
            Line(
                metric=metric("AWS/ECS", "MemoryUtilization", "Average", service),
                label="tasks memory",
                color=GREEN,
            ),
        ]
    if api.instance is not None:
        instance = {"InstanceId": api.instance.instance_id}
        used.append(
            Line(
                metric=metric("AWS/EC2", "CPUUtilization", "Average", instance),
                label="instance CPU",
                color=BLUE,
            )
        )
        used += [
            Line(
                metric=metric(AGENT_NAMESPACE, name, "Maximum", instance, namespace=api.instance.namespace),
                label=label,
                color=color,
            )
            for name, label, color in (
                ("disk_used_percent", "instance disk", AMBER),
                ("mem_used_percent", "instance memory", GREEN),
            )
        ]
    if used:
        panels.append(graph("Compute: used", used, region, unit="%", limit=90))
    return panels


def firewall_row(web_acl_name: pulumi.Input[str]) -> list[Panel]:
    """What the web ACL let through and what it did not."""
    acl = {"WebACL": web_acl_name, "Rule": "ALL"}

    def line(name: str, label: str, color: str) -> Line:
        return Line(metric=metric("AWS/WAFV2", name, "Sum", acl), label=label, color=color)

    return [
        graph(
            "Firewall: allowed", [line("AllowedRequests", "allowed", GREEN)], EDGE_REGION, unit="per 5 min"
        ),
        graph(
            "Firewall: blocked",
            [line("BlockedRequests", "blocked", RED), line("CountedRequests", "counted", AMBER)],
            EDGE_REGION,
            unit="per 5 min",
        ),
    ]


def log_row(api: ApiTelemetry, region: str) -> list[Panel]:
    """The latest failures in each log group; at most three groups."""
    query = (
        "fields @timestamp, @message "
        '| filter status >= 500 or level = "ERROR" or @message like /Task timed out|Traceback/ '
        "| sort @timestamp desc | limit 50"
    )
    return [
        log_table(f"Failures: {title}", group, query, region)
        for title, group in sorted(api.log_groups.items())[:3]
    ]
