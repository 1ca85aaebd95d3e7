"""Logs, metrics, alarms, dashboards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ops.cost.model import Charge, World, nested, priced
from ops.plan import PlannedResource


@priced("CloudWatch", "aws:cloudwatch/metricAlarm:MetricAlarm")
def metric_alarm(resource: PlannedResource, world: World) -> Iterator[Charge]:
    queries = resource.inputs.get("metricQueries") or ()
    # An alarm on metric math costs as many alarms as it reads metrics.
    metrics = sum(1 for q in queries if q.get("metric")) or 1
    yield Charge(
        price="alarm_metric_month", quantity=metrics, note=f"{metrics} metrics" if metrics > 1 else ""
    )


@priced("CloudWatch", "aws:cloudwatch/compositeAlarm:CompositeAlarm")
def composite_alarm(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="composite_alarm_month", quantity=1)


@priced("CloudWatch", "aws:cloudwatch/dashboard:Dashboard")
def dashboard(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="dashboard_month", quantity=1)


@priced("CloudWatch", "aws:cloudwatch/logMetricFilter:LogMetricFilter")
def metric_filter(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="custom_metric_month", quantity=1 if world.in_use else 0)


@priced("CloudWatch", "aws:synthetics/canary:Canary")
def canary(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="canary_run", quantity=world.usage.hours * 12, note="every five minutes")


@priced("CloudWatch", "aws:cloudwatch/logGroup:LogGroup")
def log_group(resource: PlannedResource, world: World) -> Iterator[Charge]:
    usage = world.usage
    kinds = log_kinds(resource, world)
    kb = sum(_KB_PER_REQUEST[kind](world) for kind in kinds)
    gb = kb / world.gb
    common = kinds == {"application"}
    note = ", ".join(sorted(kinds)) or "rarely written"
    yield Charge(price="logs_ingested_gb", quantity=gb, note=note, common=common)
    # A full retention is stored once the stack has been running that long.
    months = float(resource.inputs.get("retentionInDays") or 365) / 30.4
    yield Charge(price="logs_stored_gb_month", quantity=gb * months * usage.log_compression, common=common)
    if "application" in kinds and world.in_use:
        yield Charge(
            price="custom_metric_month", quantity=usage.custom_metrics, note="embedded metrics", common=True
        )


_KB_PER_REQUEST = {
    "application": lambda w: w.requests * w.usage.app_log_kb,
    "api access": lambda w: w.requests * w.usage.access_log_kb,
    "edge access": lambda w: w.edge_requests * w.usage.access_log_kb,
    "firewall": lambda w: w.edge_requests * w.usage.firewall_log_kb * firewall_share(w),
    "flow": lambda w: w.requests * w.usage.flow_log_kb,
}


def log_kinds(group: PlannedResource, world: World) -> set[str]:
    """What writes to a log group, by who refers to it."""
    kinds: set[str] = set()
    references: Mapping[str, tuple[str, ...]] = {
        "aws:lambda/function:Function": ("application",),
        "aws:ecs/taskDefinition:TaskDefinition": ("application",),
        "aws:apigateway/stage:Stage": ("api access",),
        "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": ("edge access",),
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": ("firewall",),
        "aws:ec2/flowLog:FlowLog": ("flow",),
    }
    for type_, found in references.items():
        for user in world.all(type_):
            if group.urn not in user.depends_on and not _mentions(user, group):
                continue
            if type_ == "aws:lambda/function:Function":
                from ops.cost.pricers.compute import _answers_requests

                if not _answers_requests(user, world):
                    continue
            kinds.update(found)
    if not kinds and _written_by_an_instance(group, world):
        kinds.add("application")
    return kinds


def _written_by_an_instance(group: PlannedResource, world: World) -> bool:
    """The log group that the role of an instance may write to: the agent's settings are within a script."""
    instances = [i for i in world.all("aws:ec2/instance:Instance") if i.inputs.get("iamInstanceProfile")]
    policies = [p for p in world.all("aws:iam/rolePolicy:RolePolicy") if group.urn in p.depends_on]
    return bool(instances) and any("logs:PutLogEvents" in str(p.inputs.get("policy")) for p in policies)


def _mentions(user: PlannedResource, group: PlannedResource) -> bool:
    name = group.outputs.get("name") or group.inputs.get("name")
    return bool(name) and str(name) in str(user.inputs)


def firewall_share(world: World) -> float:
    """The share of requests a web ACL logs: little when its filter drops what it allows."""
    for configuration in world.all("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"):
        if nested(configuration.inputs, "loggingFilter", "defaultBehavior") == "DROP":
            return 0.02
    return world.usage.firewall_logged_share


@priced("CloudWatch", "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination")
def log_delivery_destination(resource: PlannedResource, world: World) -> Iterator[Charge]:
    target = str(nested(resource.inputs, "deliveryDestinationConfiguration", "destinationResourceArn") or "")
    if target.startswith("arn:aws:s3"):
        gb = world.edge_requests * world.usage.access_log_kb / world.gb
        yield Charge(price="logs_delivered_s3_gb", quantity=gb, note="CloudFront access logs")
