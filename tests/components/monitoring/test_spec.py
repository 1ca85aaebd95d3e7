"""Alarms as data: what is refused, what it costs, what is written about it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from components.monitoring import page
from components.monitoring.alarms import EVERYTHING, RUNBOOKS, every_alarm, models
from components.monitoring.metrics import CATALOGUE, metric, model_dimension
from components.monitoring.spec import AlarmSpec
from tests.components.monitoring.support import BACKENDS
from tests.components.monitoring.test_loads import watched

ONE = metric("AWS/Lambda", "Errors", "Sum", {"FunctionName": "f"})


def spec(**changed: Any) -> AlarmSpec:
    return AlarmSpec(
        **{"key": "k", "title": "t", "meaning": "m", "metrics": {"m": ONE}, "threshold": 1.0, **changed}
    )


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"key": "Not A Key"}, "key: lower-case words joined by hyphens"),
        ({"metrics": {"a": ONE, "b": ONE}}, "2 metrics without an expression; allowed: one"),
        ({"metrics": {"a": ONE, "b": ONE}, "expression": "a + 1"}, "metrics b are not in the expression"),
        (
            {
                "metrics": {f"m{i}": ONE for i in range(11)},
                "expression": " + ".join(f"m{i}" for i in range(11)),
            },
            "11 metrics; an alarm on an expression takes 10",
        ),
        ({"period_s": 90}, "period of 90 s"),
        ({"datapoints": 2}, "2 out of 1 data points"),
        ({"period_s": 300, "periods": 289}, "looks back further than CloudWatch does"),
        ({"period_s": 86400, "periods": 8}, "looks back further than CloudWatch does"),
    ],
)  # fmt: skip
def test_refused(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        spec(**changed)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("AWS/Nothing", "Errors", "Sum", {}), "no metric family 'AWS/Nothing'"),
        (("AWS/Lambda", "Error", "Sum", {"FunctionName": "f"}), "AWS/Lambda has no metric 'Error'"),
        (("AWS/Lambda", "Errors", "Total", {"FunctionName": "f"}), "statistic 'Total'"),
        (("AWS/Lambda", "Errors", "p0", {"FunctionName": "f"}), "statistic 'p0'"),
        (("AWS/Lambda", "Errors", "Sum", {"Name": "f"}), "is published by {FunctionName}, not by {Name}"),
        (
            ("AWS/WAFV2", "BlockedRequests", "Sum", {"Rule": "ALL", "WebACL": "a", "Region": "CloudFront"}),
            "is published by {Rule, WebACL}",
        ),
        (("<api>", "Usd", "Sum", {}), "the namespace it is published in is needed"),
    ],
)
def test_a_metric_nobody_publishes_is_refused(arguments: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        metric(*arguments)


def test_two_alarms_of_one_key_are_refused() -> None:
    assert EVERYTHING.api is not None
    clash = replace(EVERYTHING, api=replace(EVERYTHING.api, models=("a.b", "a-b")))
    with pytest.raises(ValueError, match="two alarms have the key bedrock-errors-a-b, bedrock-throttles-a-b"):
        every_alarm(clash)


def test_a_model_named_twice_is_watched_once() -> None:
    assert EVERYTHING.api is not None
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"
    assert model_dimension(arn) == "us.amazon.nova-lite-v1:0"
    twice = replace(EVERYTHING, api=replace(EVERYTHING.api, models=(arn, "us.amazon.nova-lite-v1:0")))
    assert len(models.alarms(twice)) == 2


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("production", [True, False])
def test_every_alarm_says_what_it_means_and_what_to_do(backend: str, production: bool) -> None:
    for one in every_alarm(watched(backend, production)):
        description = one.description()
        assert len(description) <= 1024
        assert description.endswith(f"docs/operations.md#{one.runbook}")
        assert one.title
        assert one.meaning.endswith(".")
        assert len(f"{'p' * 64}-{'s' * 64}-{one.key}") <= 255
        for measured in one.metrics.values():
            assert measured.name in CATALOGUE[measured.family]


def test_no_alarm_looks_at_less_than_a_minute() -> None:
    """High resolution costs three times as much."""
    assert min(one.period_s for one in every_alarm(EVERYTHING)) == 60


@pytest.mark.parametrize(("backend", "metrics"), [("lambda", 10), ("fargate", 15), ("ec2", 11), ("none", 4)])
def test_what_dev_costs(backend: str, metrics: int) -> None:
    """Ten metrics of an account are free; 0.10 USD each beyond."""
    found = every_alarm(watched(backend, production=False))
    assert sum(one.monthly_usd for one in found) == pytest.approx(0.10 * metrics)


@pytest.mark.parametrize(("backend", "usd"), [("lambda", 4.2), ("fargate", 4.6), ("ec2", 4.1)])
def test_what_production_costs(backend: str, usd: float) -> None:
    assert sum(one.monthly_usd for one in every_alarm(watched(backend))) <= usd


# --- docs/operations.md


def test_the_table_is_up_to_date() -> None:
    text = page.PAGE.read_text("utf-8")
    assert text == page.inserted(text), "run: python -m components.monitoring.page"


def test_every_alarm_has_its_heading_and_every_heading_an_alarm() -> None:
    headings = re.findall(r"^## (.+)$", page.PAGE.read_text("utf-8"), re.M)
    plain = [h for h in headings if re.fullmatch(r"[a-z0-9-]+", h)]
    assert sorted(plain) == sorted([*RUNBOOKS, "the-service-is-down"])


def test_every_link_within_the_page_leads_somewhere() -> None:
    text = page.PAGE.read_text("utf-8")
    anchors = {h.lower().replace(" ", "-") for h in re.findall(r"^## (.+)$", text, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks <!-- alarms -->"):
        page.inserted("# nothing")
