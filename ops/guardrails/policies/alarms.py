"""Alarms act, and what alarms and dashboards name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ops.guardrails.facts import as_list, attached, get, known_strings, names, parsed, setting
from ops.guardrails.model import WELL_ARCHITECTED, Violation, policy
from ops.plan import UNKNOWN, Plan, PlannedResource

METRIC_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE_ALARM = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
_MEMBER = re.compile(r"(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*[\"']?([^\"')]+)[\"']?\s*\)")

CONSTANT_DIMENSIONS: Mapping[str, frozenset[str]] = {
    "Region": frozenset({"Global", "CloudFront"}),
    "Rule": frozenset({"ALL"}),
    "Currency": frozenset({"USD"}),
    "WebACL": frozenset(),
}
"""Dimension values that AWS fixes, so that no resource of a plan has them."""


@policy(
    "alarm-acts",
    "mandatory",
    "Every alarm tells somebody or is part of what does.",
    controls=("CloudWatch.15", "CloudWatch.17"),
)
def alarm_acts(plan: Plan) -> Iterator[Violation]:
    used = _named_by_others(plan)
    for alarm in [*plan.all(METRIC_ALARM), *plan.all(COMPOSITE_ALARM)]:
        if alarm.inputs.get("actionsEnabled") is False:
            yield Violation(resource=alarm, message="actionsEnabled is false", mend="leave it out")
        elif not as_list(alarm.inputs.get("alarmActions")) and not names_of_alarm(alarm) & used:
            yield Violation(
                resource=alarm,
                message="no alarm action, and no composite alarm or deployment reads it",
                mend="add the topic to alarm_actions",
            )


def names_of_alarm(alarm: PlannedResource) -> set[str]:
    """By which others mean an alarm: its name and ARN."""
    own = alarm.inputs.get("alarmName") or alarm.inputs.get("name")
    return names(alarm) | ({own} if isinstance(own, str) else set())


def _named_by_others(plan: Plan) -> set[str]:
    found: set[str] = set()
    for composite in plan.all(COMPOSITE_ALARM):
        found.update(_MEMBER.findall(str(composite.inputs.get("alarmRule"))))
        found.add(str(get(composite.inputs, "actionsSuppressor", "alarm")))
    for service in plan.all("aws:ecs/service:Service"):
        found.update(map(str, as_list(get(service.inputs, "alarms", "alarmNames"))))
    return found


@policy(
    "alarm-target-exists",
    "mandatory",
    "What an alarm watches is in the plan: a dimension with a typing error never fires.",
    sources=(
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension",
    ),
)
def alarm_target_exists(plan: Plan) -> Iterator[Violation]:
    known = known_strings(plan)
    for alarm in plan.all(METRIC_ALARM):
        metrics = [(alarm.inputs.get("namespace"), alarm.inputs.get("dimensions"))]
        for query in as_list(alarm.inputs.get("metricQueries")):
            metrics.append((get(query, "metric", "namespace"), get(query, "metric", "dimensions")))
        for namespace, dimensions in metrics:
            for key, value in (dimensions or {}).items():
                if not _exists(plan, known, str(key), str(value)):
                    yield Violation(
                        resource=alarm,
                        message=f"{namespace} {key}={value}: nothing in the plan is called so",
                        mend="take the value from the resource it watches",
                        subjects=(str(key),),
                    )


def _exists(plan: Plan, known: frozenset[str], key: str, value: str) -> bool:
    if (
        value == UNKNOWN
        or value in known
        or value == plan.region
        or value in CONSTANT_DIMENSIONS.get(key, ())
    ):
        return True
    # A Lambda alias is "function:alias"; both halves must be there.
    return ":" in value and all(part in known for part in value.split(":", 1))


@policy(
    "composite-members-exist",
    "mandatory",
    "Every member of a composite alarm is an alarm of the plan.",
    sources=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html",),
)
def composite_members_exist(plan: Plan) -> Iterator[Violation]:
    alarms = [*plan.all(METRIC_ALARM), *plan.all(COMPOSITE_ALARM)]
    known = {name for alarm in alarms for name in names_of_alarm(alarm)}
    for composite in plan.all(COMPOSITE_ALARM):
        rule = str(composite.inputs.get("alarmRule"))
        members = _MEMBER.findall(rule)
        for member in members:
            if member not in known and UNKNOWN not in rule:
                yield Violation(
                    resource=composite,
                    message=f"its rule names {member}, which is no alarm of the plan",
                    mend="build the rule from the alarms' names",
                    subjects=(member,),
                )
        if not members and UNKNOWN not in rule:
            yield Violation(resource=composite, message="its rule reads no alarm", mend="name its members")


@policy(
    "dashboard-target-exists",
    "mandatory",
    "What a dashboard shows is in the plan.",
    sources=(
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html",
    ),
)
def dashboard_target_exists(plan: Plan) -> Iterator[Violation]:
    known = known_strings(plan)
    alarms = {
        n for t in (METRIC_ALARM, COMPOSITE_ALARM) for alarm in plan.all(t) for n in names_of_alarm(alarm)
    }
    for dashboard in plan.all(DASHBOARD):
        body = parsed(dashboard.inputs.get("dashboardBody"))
        if not isinstance(body, Mapping):
            yield Violation(
                resource=dashboard,
                message="its body is unknown or no JSON",
                mend="build it with Output.json_dumps",
            )
            continue
        for widget in as_list(body.get("widgets")):
            properties = widget.get("properties") or {}
            title = properties.get("title", "")
            for key, value in _dimensions(properties):
                if not _exists(plan, known, key, value):
                    yield Violation(
                        resource=dashboard,
                        message=f"widget {title!r}: {key}={value} is not in the plan",
                        mend="take the value from the resource",
                        subjects=(key,),
                    )
            for arn in as_list(properties.get("alarms")):
                if str(arn) not in alarms:
                    yield Violation(
                        resource=dashboard,
                        message=f"it shows {arn}, which is no alarm of the plan",
                        mend="take the ARN from the alarm",
                        subjects=("alarms",),
                    )
            for group in re.findall(r"SOURCE\s+'([^']+)'", str(properties.get("query", ""))):
                if group not in known:
                    yield Violation(
                        resource=dashboard,
                        message=f"it queries log group {group}, which is not in the plan",
                        mend="take the name from the log group",
                        subjects=("query",),
                    )


def _dimensions(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, value) of every metric of a widget; ``.`` repeats what stood at the same place above."""
    before: list[Any] = []
    for metric in as_list(properties.get("metrics")):
        if not isinstance(metric, list):
            continue
        cells = [c for c in metric if not isinstance(c, Mapping)]
        cells = [before[i] if c == "." and i < len(before) else c for i, c in enumerate(cells)]
        before = cells
        for index in range(2, len(cells) - 1, 2):
            yield str(cells[index]), str(cells[index + 1])


@policy(
    "alarm-topic-heard",
    "advisory",
    "Where alarmEmail is set, the topics that alarms publish to have a subscription.",
    sources=(
        f"{WELL_ARCHITECTED}/operational-excellence-pillar/ops_workload_observability_create_alerts.html",
    ),
)
def alarm_topic_heard(plan: Plan) -> Iterator[Violation]:
    if not setting(plan, "alarmEmail"):
        return
    subscriptions = plan.all("aws:sns/topicSubscription:TopicSubscription")
    for topic in plan.all("aws:sns/topic:Topic"):
        if not attached(topic, subscriptions, "topic"):
            yield Violation(resource=topic, message="nobody is subscribed", mend="add a TopicSubscription")


@policy(
    "spend-is-watched",
    "advisory",
    "The plan has a budget that tells somebody.",
    sources=("https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html",),
)
def spend_is_watched(plan: Plan) -> Iterator[Violation]:
    budgets = plan.all("aws:budgets/budget:Budget")
    if not any(as_list(budget.inputs.get("notifications")) for budget in budgets):
        yield Violation(resource=None, message="no budget with a notification", mend="set monthlyBudgetUsd")
