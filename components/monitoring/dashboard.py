"""The dashboard: what an operator looks at first, as plain data.

Syntax: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.interfaces import ApiTelemetry, SiteTelemetry
from components.monitoring.metrics import AGENT_NAMESPACE, API_NAMESPACE, Metric, metric, model_dimension
from components.monitoring.policies import EDGE_REGION
from components.monitoring.spec import ANY_PERCENT

COLUMNS = 24
HEIGHT = 6
FREE_METRICS = 50
"""A dashboard of at most so many metrics is free, three of them an account (CloudWatch pricing)."""

GREEN, AMBER, RED, BLUE, GREY = "#2ca02c", "#ff9900", "#d62728", "#1f77b4", "#7f7f7f"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One series of a graph."""

    metric: Metric
    label: str
    color: str = ""
    right: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One widget before it has a place."""

    kind: str
    properties: Mapping[str, Any]
    height: int = HEIGHT


def graph(
    title: str,
    lines: Sequence[Line],
    region: str,
    *,
    unit: str,
    period_s: int = 300,
    stacked: bool = False,
    limit: float | None = None,
) -> Panel:
    """A time series.

    Args:
        title: of the graph.
        lines: at least one.
        region: where the metrics are published.
        unit: label of the left axis.
        period_s: seconds of a point.
        stacked: areas on top of one another.
        limit: an alarm's threshold, drawn as a line.
    """
    properties: dict[str, Any] = {
        "title": title,
        "view": "timeSeries",
        "stacked": stacked,
        "region": region,
        "period": period_s,
        "yAxis": {"left": {"min": 0, "label": unit, "showUnits": False}},
        "metrics": [_entry(line) for line in lines],
    }
    if limit is not None:
        properties["annotations"] = {"horizontal": [{"label": "alarm", "value": limit, "color": RED}]}
    return Panel(kind="metric", properties=properties)


def log_table(title: str, group: pulumi.Input[str], query: str, region: str) -> Panel:
    """A Logs Insights query; it reads logs, at 0.005 USD a GB, only while someone looks."""
    return Panel(
        kind="log",
        properties={
            "title": title,
            "view": "table",
            "region": region,
            "query": pulumi.Output.concat("SOURCE '", group, "' | ", query),
        },
    )


def alarm_list(title: str, arns: Sequence[pulumi.Input[str]]) -> Panel:
    """The state of alarms; at most 100."""
    return Panel(
        kind="alarm",
        properties={"title": title, "alarms": list(arns)[:100], "sortBy": "stateUpdatedTimestamp"},
        height=4,
    )


def text(markdown: str, height: int = 2) -> Panel:
    """A text in Markdown."""
    return Panel(kind="text", properties={"markdown": markdown}, height=height)


def layout(rows: Sequence[Sequence[Panel]]) -> list[dict[str, Any]]:
    """Gives each panel its place: rows from top to bottom, the panels of a row equally wide.

    Args:
        rows: empty rows are left out; a row holds at most four panels.
    """
    widgets: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        for index, panel in enumerate(row):
            width = COLUMNS // len(row)
            widgets.append(
                {
                    "type": panel.kind,
                    "x": index * width,
                    "y": y,
                    "width": width,
                    "height": panel.height,
                    "properties": dict(panel.properties),
                }
            )
        y += max((panel.height for panel in row), default=0)
    return widgets


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


def _entry(line: Line) -> list[Any]:
    flat: list[Any] = [line.metric.namespace, line.metric.name]
    for name, value in line.metric.dimensions.items():
        flat += [name, value]
    options: dict[str, Any] = {"stat": line.metric.stat, "label": line.label}
    if line.color:
        options["color"] = line.color
    if line.right:
        options["yAxis"] = "right"
    return [*flat, options]
