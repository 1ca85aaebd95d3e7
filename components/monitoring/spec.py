"""What an alarm is, as data: one frozen value from which alarm, composite, price and page follow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from components.interfaces import ApiTelemetry, SecretsTelemetry, SiteTelemetry
from components.monitoring.metrics import Metric

Missing = Literal["breaching", "notBreaching", "ignore"]
Comparison = Literal[">=", "<"]
Severity = Literal["page", "notice"]
Place = Literal["home", "edge"]

COMPARISONS: Mapping[Comparison, str] = {
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
}

MINUTE = 60
ANY_PERCENT = 1.0
"""Share of failed requests, in percent, from which a slow alarm counts a five-minute period as bad.
Route 53's checkers send some 60 good requests in that time; one failed visitor among them, all there is
at ten requests an hour, is 1.6 %. Four bad periods of eight are asked, so that single failures
do not add up to an alarm."""
HOUR = 3600
DAY = 86400

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
_PERIODS = frozenset({60, 300, 600, 900, 1800, 3600, 21600, 86400})
_MOST_METRICS = 10


@dataclass(frozen=True, kw_only=True)
class AlarmSpec:
    """One alarm.

    Attributes:
        key: unique; physical name and logical name end with it.
        title: what an operator reads first.
        meaning: what it tells, in one or two sentences.
        metrics: id within ``expression`` to metric; one metric without an expression.
        expression: CloudWatch metric math over the ids, or "".
        period_s: seconds of one data point: 60, 300, 600, 900, 1800, 3600, 21600 or 86400.
        periods: N of "M out of N data points".
        datapoints: M.
        comparison: ``>=`` or ``<``.
        threshold: in the unit of the metric or expression.
        missing: how missing data points are counted.
        severity: ``page``: a part of "the service is down"; ``notice``: to be looked at in working hours.
        place: ``home``: the stack's Region; ``edge``: us-east-1, where CloudFront, its web ACL, its
            certificate and Route 53 report.
        production_only: made in production alone; an alarm costs 0.10 USD a metric a month.
        page: heading of docs/operations.md that says what to do; default: the key.

    Raises:
        ValueError: CloudWatch would refuse the combination, or never fire.
    """

    key: str
    title: str
    meaning: str
    metrics: Mapping[str, Metric]
    expression: str = ""
    period_s: int = 5 * MINUTE
    periods: int = 1
    datapoints: int = 1
    comparison: Comparison = ">="
    threshold: float
    missing: Missing = "notBreaching"
    severity: Severity = "notice"
    place: Place = "home"
    production_only: bool = False
    page: str = ""

    def __post_init__(self) -> None:
        problems = []
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.key):
            problems.append("key: lower-case words joined by hyphens")
        if not self.expression and len(self.metrics) != 1:
            problems.append(f"{len(self.metrics)} metrics without an expression; allowed: one")
        if len(self.metrics) > _MOST_METRICS:
            problems.append(f"{len(self.metrics)} metrics; an alarm on an expression takes {_MOST_METRICS}")
        unused = [i for i in self.metrics if self.expression and not re.search(rf"\b{i}\b", self.expression)]
        if unused:
            problems.append(f"metrics {', '.join(unused)} are not in the expression")
        if self.period_s not in _PERIODS:
            problems.append(f"period of {self.period_s} s; allowed: {', '.join(map(str, sorted(_PERIODS)))}")
        if not 1 <= self.datapoints <= self.periods:
            problems.append(f"{self.datapoints} out of {self.periods} data points")
        if self.period_s * self.periods > (7 * DAY if self.period_s >= HOUR else DAY):
            problems.append("looks back further than CloudWatch does: 1 day, 7 days for periods of an hour")
        if problems:
            raise ValueError(f"alarm {self.key!r}: " + "; ".join(problems))

    @property
    def runbook(self) -> str:
        """Heading in docs/operations.md."""
        return self.page or self.key

    @property
    def monthly_usd(self) -> float:
        """Price a month beyond the free tier: 0.10 USD a metric (https://aws.amazon.com/cloudwatch/pricing/)."""
        return 0.10 * len(self.metrics)

    def description(self) -> str:
        """What stands in the notification: the meaning and where to read on; at most 1,024 characters."""
        return f"{self.title}. {self.meaning} What to do: docs/operations.md#{self.runbook}"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """All the alarms are made from.

    Attributes:
        site, api, secrets: telemetry of the components; ``api`` None: a site alone.
        health_checks: path probed to the id of its Route 53 health check; empty outside production.
        monthly_budget_usd: the budget; the spend alarm follows from it.
        production: whether what costs money for certainty's sake is made.
    """

    site: SiteTelemetry
    api: ApiTelemetry | None
    secrets: SecretsTelemetry
    health_checks: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    monthly_budget_usd: float
    production: bool


def rate(failures: Sequence[str], total: Sequence[str], *, at_least: int = 1) -> str:
    """Metric math for a failure rate in percent that does not lie at low load.

    Args:
        failures: ids of metrics that count failures (statistic Sum).
        total: ids whose sum is all that happened, failures among them.
        at_least: failures in the period below which the rate counts as 0.

    Returns:
        ``IF(bad >= n, 100 * bad / all, 0)`` with each id filled with 0, as a counter nobody
        touched has no data point; the condition keeps the division from a zero.
    """
    bad = _sum(failures)
    return f"IF({bad} >= {at_least}, 100 * {bad} / {_sum(total)}, 0)"


def _sum(ids: Sequence[str]) -> str:
    filled = " + ".join(f"FILL({i}, 0)" for i in ids)
    return f"({filled})" if len(ids) > 1 else filled
