"""How CloudWatch judges an alarm, for tests: statistics, metric math, missing data, M out of N.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
Only complete periods are judged, and data arrives at once: real delays come on top.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from components.monitoring.metrics import Metric
from components.monitoring.spec import AlarmSpec

Point = float | None
OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"

LOOKS_FURTHER = 2
"""CloudWatch retrieves more points than it judges, so that missing ones can be replaced by older real
ones; how many is not told for every case, its examples show five for three."""


class World:
    """What was published: by metric and minute, values and how often each was seen."""

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        self._data: dict[tuple[Any, ...], dict[int, list[tuple[float, float]]]] = defaultdict(dict)

    def put(
        self,
        minute: int,
        namespace: str,
        name: str,
        dimensions: Mapping[str, Any],
        value: float,
        count: float = 1,
    ) -> None:
        """Publishes ``value``, seen ``count`` times."""
        if count > 0:
            key = (namespace, name, frozenset(dimensions.items()))
            self._data[key].setdefault(minute, []).append((value, count))

    def silence(self, namespace: str, minutes: Iterable[int]) -> None:
        """Takes back all that was published in a namespace in these minutes."""
        gone = set(minutes)
        for key, series in self._data.items():
            if key[0] == namespace:
                for minute in gone & series.keys():
                    del series[minute]

    def points(self, metric: Metric, period_s: int) -> list[Point]:
        """One statistic for each complete period."""
        series = self._data.get((metric.namespace, metric.name, frozenset(metric.dimensions.items())), {})
        step = period_s // 60
        grouped: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for minute, values in series.items():
            grouped[minute // step] += values
        return [
            statistic(grouped[index], metric.stat) if index in grouped else None
            for index in range(self.minutes // step)
        ]


def statistic(values: list[tuple[float, float]], stat: str) -> float:
    """A CloudWatch statistic over values with their counts."""
    total = sum(count for _, count in values)
    if stat == "SampleCount":
        return total
    if stat == "Sum":
        return sum(value * count for value, count in values)
    if stat == "Average":
        return sum(value * count for value, count in values) / total
    if stat == "Minimum":
        return min(value for value, _ in values)
    if stat == "Maximum":
        return max(value for value, _ in values)
    seen, wanted = 0.0, float(stat[1:]) / 100 * total
    for value, count in sorted(values):
        seen += count
        if seen >= wanted - 1e-9:
            return value
    raise AssertionError(stat)


_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: a / b if b else None,
}
_COMPARE = {
    ast.GtE: operator.ge,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}


def evaluate(expression: str, points: Mapping[str, Point]) -> Point:
    """Metric math at one moment; an operation on a missing point, or a division by zero, gives none.

    Raises:
        SyntaxError: no metric math, or a function this evaluator does not know.
    """
    return _value(_parsed(expression), points)


@cache
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _value(node: ast.expr, points: Mapping[str, Point]) -> Point:
    match node:
        case ast.Constant(value=(int() | float()) as number):
            return float(number)
        case ast.Name(id=name):
            return points[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            a, b = _value(left, points), _value(right, points)
            return None if a is None or b is None else _BINARY[type(op)](a, b)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            a, b = _value(left, points), _value(right, points)
            return None if a is None or b is None else float(_COMPARE[type(op)](a, b))
        case ast.Call(func=ast.Name(id="FILL"), args=[series, filler]):
            found = _value(series, points)
            return _value(filler, points) if found is None else found
        case ast.Call(func=ast.Name(id="IF"), args=[condition, yes, no]):
            holds = _value(condition, points)
            return None if holds is None else _value(yes if holds else no, points)
    raise SyntaxError(f"not understood: {ast.unparse(node)}")


def series(spec: AlarmSpec, world: World) -> list[Point]:
    """The points the alarm judges, one a period."""
    read = {id_: world.points(metric, spec.period_s) for id_, metric in spec.metrics.items()}
    if not spec.expression:
        (only,) = read.values()
        return only
    for word in re.findall(r"[A-Za-z_]\w*", spec.expression):
        assert word in read or word in ("IF", "FILL"), f"{word} in {spec.expression}"
    length = world.minutes * 60 // spec.period_s
    known: dict[tuple[Point, ...], Point] = {}
    found: list[Point] = []
    for index in range(length):
        now = tuple(points[index] for points in read.values())
        if now not in known:
            known[now] = evaluate(spec.expression, dict(zip(read, now, strict=True)))
        found.append(known[now])
    return found


def judge(spec: AlarmSpec, window: list[Point], before: str) -> str:
    """The state after the newest point of ``window``; older points stand before newer ones.

    Args:
        spec: the alarm.
        window: the evaluation range, at most ``periods + LOOKS_FURTHER`` points.
        before: the state until now.
    """
    real = [point for point in window if point is not None][-spec.periods :]
    bare = "" if spec.expression else next(iter(spec.metrics.values())).namespace
    treatment = "ignore" if bare == "AWS/DynamoDB" else spec.missing
    absent = spec.periods - len(real)
    breaching = sum(_breaches(spec, point) for point in real)
    if absent and treatment == "ignore":
        assert spec.periods == 1, "of 'ignore' only the one-point case is modelled"
        return before
    if absent and treatment == "breaching":
        breaching += absent
    return ALARM if breaching >= spec.datapoints else OK


def _breaches(spec: AlarmSpec, point: float) -> bool:
    return point >= spec.threshold if spec.comparison == ">=" else point < spec.threshold


def states(spec: AlarmSpec, world: World) -> list[tuple[int, str]]:
    """Minute and state after each period, from the first full evaluation range on."""
    points = series(spec, world)
    step = spec.period_s // 60
    state, found = UNKNOWN, []
    for end in range(min(spec.periods, len(points)), len(points) + 1):
        state = judge(spec, points[max(0, end - spec.periods - LOOKS_FURTHER) : end], state)
        found.append((end * step, state))
    return found


def first_alarm(spec: AlarmSpec, world: World, since: int = 0) -> float:
    """Minutes from ``since`` to the first ALARM; infinity when there is none."""
    return next((minute - since for minute, state in states(spec, world) if state == ALARM), math.inf)
