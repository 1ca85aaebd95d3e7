"""The evaluator the load tests stand on, held to the examples of CloudWatch's own documentation."""

from __future__ import annotations

import pytest

from components.monitoring.metrics import Metric
from components.monitoring.spec import AlarmSpec, Missing, rate
from tests.components.monitoring.cloudwatch import ALARM, OK, World, evaluate, first_alarm, judge, states

LAMBDA = Metric(namespace="AWS/Lambda", name="Errors", stat="Sum", family="AWS/Lambda")


def spec(datapoints: int = 3, missing: Missing = "notBreaching", periods: int = 3, **changed) -> AlarmSpec:
    values = {"metrics": {"m": LAMBDA}, "threshold": 1, "period_s": 60, **changed}
    return AlarmSpec(
        key="k", title="t", meaning="m", periods=periods, datapoints=datapoints, missing=missing, **values
    )


def window(drawn: str) -> list[float | None]:
    return [{"-": None, "0": 0.0, "X": 1.0}[point] for point in drawn.split()]


# alarms-and-missing-data.html, "3 out of 3": points, breaching, notBreaching
@pytest.mark.parametrize(
    ("drawn", "breaching", "not_breaching"),
    [
        ("0 - X - X", OK, OK),
        ("- - - - 0", OK, OK),
        ("- - - - -", ALARM, OK),
        ("0 X X - X", ALARM, ALARM),
        ("- - X - -", ALARM, OK),
    ],
)
def test_three_out_of_three(drawn: str, breaching: str, not_breaching: str) -> None:
    assert judge(spec(3, "breaching"), window(drawn), OK) == breaching
    assert judge(spec(3, "notBreaching"), window(drawn), OK) == not_breaching


# The same page, "2 out of 3"
@pytest.mark.parametrize(
    ("drawn", "breaching", "not_breaching"),
    [
        ("0 - X - X", ALARM, ALARM),
        ("0 0 X 0 X", ALARM, ALARM),
        ("0 - X - -", ALARM, OK),
        ("- - - - 0", ALARM, OK),
        ("- - - - X", ALARM, OK),
    ],
)
def test_two_out_of_three(drawn: str, breaching: str, not_breaching: str) -> None:
    assert judge(spec(2, "breaching"), window(drawn), OK) == breaching
    assert judge(spec(2, "notBreaching"), window(drawn), OK) == not_breaching


def test_ignore_keeps_the_state() -> None:
    one = spec(1, "ignore", periods=1)
    assert judge(one, window("- - -"), ALARM) == ALARM
    assert judge(one, window("- - -"), OK) == OK
    assert judge(one, window("X - 0"), ALARM) == OK


def test_bare_dynamodb_metrics_ignore_missing_data_whatever_is_asked() -> None:
    table = Metric(namespace="AWS/DynamoDB", name="WriteThrottleEvents", stat="Sum", family="AWS/DynamoDB")
    one = spec(1, "notBreaching", periods=1, metrics={"m": table})
    assert judge(one, window("- - -"), ALARM) == ALARM
    filled = spec(1, "notBreaching", periods=1, metrics={"m": table}, expression="FILL(m, 0)")
    assert judge(filled, window("- - -"), ALARM) == OK


@pytest.mark.parametrize(
    ("expression", "points", "value"),
    [
        ("FILL(a, 0) + b", {"a": None, "b": 2.0}, 2.0),
        ("a + b", {"a": None, "b": 2.0}, None),
        ("a / b", {"a": 1.0, "b": 0.0}, None),
        ("IF(a >= 2, 100 * a / b, 0)", {"a": 1.0, "b": 4.0}, 0.0),
        ("IF(a >= 2, 100 * a / b, 0)", {"a": 2.0, "b": 4.0}, 50.0),
        (rate(["a"], ["b"]), {"a": None, "b": None}, 0.0),
        (rate(["a", "c"], ["b", "c"]), {"a": 1.0, "b": 3.0, "c": 1.0}, 50.0),
        (rate(["a"], ["b"], at_least=5), {"a": 4.0, "b": 4.0}, 0.0),
    ],
)
def test_metric_math(expression: str, points: dict, value: float | None) -> None:
    assert evaluate(expression, points) == value


def test_unknown_functions_are_refused() -> None:
    with pytest.raises(SyntaxError, match="RATE"):
        evaluate("RATE(a)", {"a": 1.0})


@pytest.mark.parametrize(
    ("stat", "value"),
    [
        ("Sum", 1098),
        ("Average", 10.98),
        ("Minimum", 1),
        ("Maximum", 999),
        ("SampleCount", 100),
        ("p95", 1),
        ("p100", 999),
    ],
)
def test_statistics(stat: str, value: float) -> None:
    world = World(5)
    dimensions = {"FunctionName": "f"}
    for minute, seen, times in ((0, 1, 60), (3, 1, 39), (4, 999, 1)):
        world.put(minute, "AWS/Lambda", "Errors", dimensions, seen, times)
    read = Metric(
        namespace="AWS/Lambda", name="Errors", stat=stat, dimensions=dimensions, family="AWS/Lambda"
    )
    assert world.points(read, 300) == [value]


def test_periods_stand_on_the_clock_and_only_complete_ones_count() -> None:
    world = World(14)
    for minute in (4, 5, 12):
        world.put(minute, "AWS/Lambda", "Errors", {}, 1)
    five = spec(1, "notBreaching", periods=1, period_s=300)
    assert states(five, world) == [(5, ALARM), (10, ALARM)]
    assert first_alarm(five, world, since=4) == 1
    assert first_alarm(spec(3), world) == float("inf")
