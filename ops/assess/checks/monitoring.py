"""Alarms, log retention and budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.assess.model import Found, Snapshot, check

_CW = "https://docs.aws.amazon.com/AmazonCloudWatch/latest"
_COST = "https://docs.aws.amazon.com/cost-management/latest/userguide"


def _of_distribution(s: Snapshot) -> list[Mapping[str, Any]]:
    id_ = s["distribution"]["Id"]
    found = []
    for alarm in s["alarms"] or []:
        metrics = [alarm, *(m.get("MetricStat", {}).get("Metric", {}) for m in alarm.get("Metrics", []))]
        if any(
            metric.get("Namespace") == "AWS/CloudFront"
            and {"Name": "DistributionId", "Value": id_} in metric.get("Dimensions", [])
            for metric in metrics
        ):
            found.append(alarm)
    return found


@check(
    "monitoring-alarms",
    "medium",
    "No alarm watches the distribution",
    why="Visitors report an outage before you see it.",
    source="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/monitoring-using-cloudwatch.html",
    needs=("distribution", "alarms"),
)
def alarms(s: Snapshot) -> Iterator[Found]:
    if s["distribution"] and not _of_distribution(s):
        yield Found(
            resource=s["distribution"]["Id"],
            evidence=f"none of {len(s['alarms'] or [])} alarms in us-east-1",
            mend="The stack adds alarms for site, API, models, spend and certificate.",
            setting="orchestrator:alarmEmail you@example.com",
            monthly_usd=2.0,
            cost="0.10 USD an alarm and month",
        )


@check(
    "monitoring-alarm-actions",
    "medium",
    "An alarm of the distribution tells nobody",
    why="It turns red and no one is called.",
    source=f"{_CW}/monitoring/AlarmThatSendsEmail.html",
    needs=("distribution", "alarms"),
)
def alarm_actions(s: Snapshot) -> Iterator[Found]:
    for alarm in _of_distribution(s) if s["distribution"] else ():
        if not alarm.get("ActionsEnabled") or not alarm.get("AlarmActions"):
            yield Found(
                resource=alarm["AlarmName"],
                evidence="no alarm action" if alarm.get("ActionsEnabled") else "actions are switched off",
                mend="Give it a topic that somebody reads.",
            )


@check(
    "monitoring-log-retention",
    "low",
    "Log groups keep everything for ever",
    why="Storage grows every day, and personal data in logs is kept longer than any rule allows.",
    source=f"{_CW}/logs/Working-with-log-groups-and-streams.html#SettingLogRetention",
    needs=("log_groups",),
)
def retention(s: Snapshot) -> Iterator[Found]:
    endless = [one for one in s["log_groups"] or [] if not one.get("retentionInDays")]
    if endless:
        size = sum(one.get("storedBytes", 0) for one in endless) / 1e9
        largest = sorted(endless, key=lambda one: -one.get("storedBytes", 0))[:5]
        yield Found(
            resource=f"{len(endless)} log groups",
            evidence=f"{size:.1f} GB without an end, the largest: "
            f"{', '.join(o['logGroupName'] for o in largest)}",
            mend="Set a retention for each.",
            command=f"aws logs put-retention-policy --log-group-name {largest[0]['logGroupName']} "
            "--retention-in-days 90",
            monthly_usd=None,
            cost=f"they cost about {size * 0.03:.2f} USD a month now",
        )


@check(
    "monitoring-budget",
    "medium",
    "No budget watches the bill",
    why="Model calls are billed by token: a loop in a client shows on the bill before anywhere else.",
    source=f"{_COST}/budgets-managing-costs.html",
    needs=("budgets", "caller"),
)
def budget(s: Snapshot) -> Iterator[Found]:
    if not any(one["BudgetType"] == "COST" for one in s["budgets"] or []):
        yield Found(
            resource=f"account {s['caller']['Account']}",
            evidence=f"{len(s['budgets'] or [])} budgets, none of type COST",
            mend="The stack adds one for its own costs, with a forecast; the first two of an account are "
            "free.",
            setting="orchestrator:monthlyBudgetUsd 50",
        )


@check(
    "monitoring-anomalies",
    "low",
    "No monitor looks for unusual costs",
    why="A budget sees a month, a monitor sees a day.",
    source=f"{_COST}/manage-ad.html",
    needs=("anomaly_monitors", "caller"),
)
def anomalies(s: Snapshot) -> Iterator[Found]:
    if s["anomaly_monitors"] == []:
        yield Found(
            resource=f"account {s['caller']['Account']}",
            evidence="no anomaly monitor",
            mend="The stack adds one for its own tag; a monitor for all services is free too.",
        )
