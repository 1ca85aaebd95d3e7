"""Widgets of a CloudWatch dashboard and their places, as plain data.

Syntax: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.monitoring.metrics import Metric

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
