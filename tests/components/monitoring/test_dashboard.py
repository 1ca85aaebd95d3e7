"""The dashboard: readable, within the free size, every metric one that exists and in its Region."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from components.monitoring.metrics import AGENT_NAMESPACE, API_NAMESPACE, CATALOGUE
from components.monitoring.widgets import COLUMNS, FREE_METRICS, layout, text
from tests.components.harness import Deployment
from tests.components.monitoring.support import DEV, STACKS, fargate_api, monitor, site

EDGE = ("AWS/CloudFront", "AWS/WAFV2", "AWS/Route53", "AWS/CertificateManager")
FAMILIES = {"orchestrator/prod": API_NAMESPACE, "agent/prod": AGENT_NAMESPACE}


def body(deployment: Deployment) -> dict[str, Any]:
    return json.loads(deployment.one("aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"])


def metrics(board: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    return [
        (widget["properties"]["region"], entry)
        for widget in board["widgets"]
        if widget["type"] == "metric"
        for entry in widget["properties"]["metrics"]
    ]


EVERY = [pytest.param(changed, id=name) for name, changed in STACKS.items()]


@pytest.mark.parametrize("changed", EVERY)
def test_widgets_neither_overlap_nor_leave_the_grid(changed: dict[str, Any]) -> None:
    widgets = body(monitor(**changed))["widgets"]
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        assert widget["x"] + widget["width"] <= COLUMNS
        assert widget["width"] >= 4
        assert widget["height"] >= 1
        cells = set(
            itertools.product(
                range(widget["x"], widget["x"] + widget["width"]),
                range(widget["y"], widget["y"] + widget["height"]),
            )
        )
        assert not cells & taken, widget
        taken |= cells


@pytest.mark.parametrize("changed", EVERY)
def test_every_metric_exists_and_is_read_where_it_is_published(changed: dict[str, Any]) -> None:
    found = metrics(body(monitor(**changed)))
    assert 0 < len(found) <= FREE_METRICS
    for region, (namespace, name, *rest) in found:
        known = CATALOGUE[FAMILIES.get(namespace) or namespace][name]
        assert frozenset(rest[:-1:2]) in known, (namespace, name, rest)
        assert region == ("us-east-1" if namespace in EDGE else changed["region"]), name


@pytest.mark.parametrize("changed", EVERY)
def test_every_alarm_is_shown_and_exists(changed: dict[str, Any]) -> None:
    found = monitor(**changed)
    alarms = [a.outputs["arn"] for a in found.all("aws:cloudwatch/metricAlarm:MetricAlarm")]
    shown = [
        arn
        for widget in body(found)["widgets"]
        if widget["type"] == "alarm"
        for arn in widget["properties"]["alarms"]
    ]
    assert sorted(shown) == sorted(alarms)


def titles(changed: dict[str, Any]) -> list[str]:
    return [w["properties"].get("title", "") for w in body(monitor(**changed))["widgets"]]


def test_rows_in_reading_order() -> None:
    assert titles({}) == [
        "",
        "Alarms of the edge", "Alarms of the API",
        "Site: requests", "Site: errors", "Site: bytes out",
        "API: requests", "API: refused", "API: time to the end of the answer",
        "Models: USD an hour", "Models: tokens", "Bedrock: calls",
        "API Gateway: errors", "Lambda: at once, throttled",
        "Firewall: allowed", "Firewall: blocked",
        "Failures: access", "Failures: function",
    ]  # fmt: skip
    assert titles({"api": fargate_api()})[12:14] == ["Load balancer: targets", "Compute: used"]
    assert titles({**DEV, "api": None, "site": site(web_acl_name=None, health_path=None)}) == [
        "", "Alarms of the edge", "Site: requests", "Site: errors", "Site: bytes out",
    ]  # fmt: skip


def test_logs_are_read_from_the_groups_there_are() -> None:
    queries = [w["properties"]["query"] for w in body(monitor())["widgets"] if w["type"] == "log"]
    assert [q.split(" | ")[0] for q in queries] == [
        "SOURCE '/aws/apigateway/api'",
        "SOURCE '/aws/lambda/api'",
    ]


def test_heading_names_the_site_and_the_retention() -> None:
    heading = body(monitor())["widgets"][0]["properties"]["markdown"]
    assert "https://example.com" in heading
    assert "kept 365 days" in heading


def test_layout_leaves_out_empty_rows() -> None:
    placed = layout([[text("a")], [], [text("b"), text("c", 4)], [text("d")]])
    assert [(w["x"], w["y"], w["width"]) for w in placed] == [(0, 0, 24), (0, 2, 12), (12, 2, 12), (0, 6, 24)]
