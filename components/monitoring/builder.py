"""From an ``AlarmSpec`` to the arguments of a CloudWatch alarm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws import cloudwatch

from components.monitoring.metrics import Metric
from components.monitoring.spec import COMPARISONS, AlarmSpec


def alarm_arguments(spec: AlarmSpec) -> dict[str, Any]:
    """Keyword arguments of ``aws.cloudwatch.MetricAlarm``; name, Region, actions and tags are the caller's.

    Args:
        spec: the alarm.
    """
    arguments: dict[str, Any] = {
        "alarm_description": spec.description(),
        "comparison_operator": COMPARISONS[spec.comparison],
        "evaluation_periods": spec.periods,
        "datapoints_to_alarm": spec.datapoints,
        "threshold": float(spec.threshold),
        "treat_missing_data": spec.missing,
    }
    if spec.expression:
        return {**arguments, "metric_queries": _queries(spec)}
    (only,) = spec.metrics.values()
    arguments |= {
        "namespace": only.namespace,
        "metric_name": only.name,
        "dimensions": dict(only.dimensions) or None,
        "period": spec.period_s,
    }
    if only.stat.startswith("p"):
        # A percentile of few samples is judged too: the threshold is a limit, not a distribution's tail.
        return {
            **arguments,
            "extended_statistic": only.stat,
            "evaluate_low_sample_count_percentiles": "evaluate",
        }
    return {**arguments, "statistic": only.stat}


def _queries(spec: AlarmSpec) -> list[cloudwatch.MetricAlarmMetricQueryArgs]:
    return [
        cloudwatch.MetricAlarmMetricQueryArgs(
            id="verdict", expression=spec.expression, label=spec.title, return_data=True
        ),
        *(
            cloudwatch.MetricAlarmMetricQueryArgs(
                id=id_, metric=_read(metric, spec.period_s), return_data=False
            )
            for id_, metric in spec.metrics.items()
        ),
    ]


def _read(metric: Metric, period_s: int) -> cloudwatch.MetricAlarmMetricQueryMetricArgs:
    return cloudwatch.MetricAlarmMetricQueryMetricArgs(
        namespace=metric.namespace,
        metric_name=metric.name,
        dimensions=dict(metric.dimensions) or None,
        stat=metric.stat,
        period=period_s,
    )


def any_of(names: Sequence[pulumi.Input[str]]) -> pulumi.Output[str]:
    """The rule of a composite alarm that rings while one of ``names`` does.

    Args:
        names: names of alarms in the composite's own Region, as outputs, so that they exist first.
    """
    return pulumi.Output.all(*names).apply(lambda found: " OR ".join(f'ALARM("{name}")' for name in found))
