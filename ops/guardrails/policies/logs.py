"""Everything that answers requests logs, and every log ends."""

from __future__ import annotations

from collections.abc import Iterator

from ops.guardrails.facts import as_list, attached, get, identities, names, parsed, protects_data
from ops.guardrails.model import WELL_ARCHITECTED, Violation, policy
from ops.plan import Plan, PlannedResource
from ops.secret_headers import SECRET_HEADERS

_LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"


@policy(
    "log-group-ends",
    "mandatory",
    "Every log group has a retention.",
    controls=("CloudWatch.16",),
)
def log_group_ends(plan: Plan) -> Iterator[Violation]:
    for group in plan.all(_LOG_GROUP):
        # 0 is CloudWatch Logs' word for ever.
        if not group.inputs.get("retentionInDays"):
            yield Violation(
                resource=group, message="it keeps everything for ever", mend="set retention_in_days"
            )


@policy(
    "function-log-group-planned",
    "mandatory",
    "Every function writes to a log group of the plan: one that Lambda makes itself never ends.",
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html",),
    controls=("CloudWatch.16",),
)
def function_log_group_planned(plan: Plan) -> Iterator[Violation]:
    planned = {name for group in plan.all(_LOG_GROUP) for name in identities(group)}
    for function in plan.all("aws:lambda/function:Function"):
        name = function.inputs.get("name") or function.outputs.get("name")
        group = get(function.inputs, "loggingConfig", "logGroup") or f"/aws/lambda/{name}"
        if group not in planned:
            yield Violation(
                resource=function,
                message=f"its log group {group} is not in the plan",
                mend="make the LogGroup and name it in logging_config",
            )


@policy(
    "api-stage-logs",
    "mandatory",
    "Every API stage writes access logs to a group of the plan, and traces.",
    controls=("APIGateway.1", "APIGateway.3"),
)
def api_stage_logs(plan: Plan) -> Iterator[Violation]:
    planned = {arn for group in plan.all(_LOG_GROUP) for arn in identities(group)}
    for stage in plan.all("aws:apigateway/stage:Stage"):
        target = str(get(stage.inputs, "accessLogSettings", "destinationArn") or "")
        if target.removesuffix(":*") not in planned and target not in planned:
            yield Violation(
                resource=stage,
                message=f"access logs go to {target or 'nowhere'}",
                mend="set access_log_settings to a LogGroup of the stack",
                subjects=("accessLogSettings",),
            )
        if stage.inputs.get("xrayTracingEnabled") is not True:
            yield Violation(
                resource=stage,
                message="no X-Ray tracing",
                mend="set xray_tracing_enabled=True",
                subjects=("xrayTracingEnabled",),
            )


@policy(
    "api-execution-log-ends",
    "mandatory",
    "Where a stage writes execution logs, their group is in the plan: API Gateway's own never ends.",
    controls=("CloudWatch.16",),
    sources=("https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html",),
)
def api_execution_log_ends(plan: Plan) -> Iterator[Violation]:
    planned = {name for group in plan.all(_LOG_GROUP) for name in identities(group)}
    for settings in plan.all("aws:apigateway/methodSettings:MethodSettings"):
        level = str(get(settings.inputs, "settings", "loggingLevel") or "OFF")
        if level == "OFF":
            continue
        group = (
            f"API-Gateway-Execution-Logs_{settings.inputs.get('restApi')}/{settings.inputs.get('stageName')}"
        )
        if group not in planned:
            yield Violation(
                resource=settings,
                message=f"execution logs at {level} go to {group}, which is not in the plan",
                mend="make that LogGroup before the stage, with a retention",
            )


@policy(
    "distribution-logs",
    "mandatory",
    "Every distribution has standard logs that are delivered.",
    controls=("CloudFront.5",),
)
def distribution_logs(plan: Plan) -> Iterator[Violation]:
    sources = plan.all("aws:cloudwatch/logDeliverySource:LogDeliverySource")
    deliveries = plan.all("aws:cloudwatch/logDelivery:LogDelivery")
    for distribution in plan.all("aws:cloudfront/distribution:Distribution"):
        mine = attached(distribution, sources, "resourceArn")
        delivered = any(attached(source, deliveries, "deliverySourceName") for source in mine)
        if not delivered and not get(distribution.inputs, "loggingConfig", "bucket"):
            yield Violation(
                resource=distribution,
                message="no delivery takes its access logs",
                mend="add LogDeliverySource, LogDeliveryDestination and LogDelivery",
            )


@policy(
    "firewall-logs",
    "mandatory",
    "Every web ACL logs, without the headers that carry secrets.",
    controls=("WAF.11",),
)
def firewall_logs(plan: Plan) -> Iterator[Violation]:
    configurations = plan.all("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    for acl in plan.all("aws:wafv2/webAcl:WebAcl"):
        mine = attached(acl, configurations, "resourceArn")
        if not mine:
            yield Violation(resource=acl, message="it logs nothing", mend="add a WebAclLoggingConfiguration")
        for configuration in mine:
            redacted = {
                str(get(field, "singleHeader", "name")).lower()
                for field in as_list(configuration.inputs.get("redactedFields"))
            }
            plain = sorted(SECRET_HEADERS - redacted)
            if plain:
                yield Violation(
                    resource=configuration,
                    message=f"headers {', '.join(plain)} stand in the logs",
                    mend="add them to redacted_fields",
                    subjects=tuple(plain),
                )


@policy(
    "load-balancer-logs",
    "mandatory",
    "With protectData on, load balancers write access logs.",
    controls=("ELB.5",),
)
def load_balancer_logs(plan: Plan) -> Iterator[Violation]:
    if not protects_data(plan):
        return
    for balancer in plan.all("aws:lb/loadBalancer:LoadBalancer"):
        if get(balancer.inputs, "accessLogs", "enabled") is not True:
            yield Violation(resource=balancer, message="no access logs", mend="set access_logs to a bucket")


@policy(
    "network-flow-logs",
    "mandatory",
    "With protectData on, a VPC made here has flow logs.",
    controls=("EC2.6",),
)
def network_flow_logs(plan: Plan) -> Iterator[Violation]:
    if not protects_data(plan):
        return
    logs = plan.all("aws:ec2/flowLog:FlowLog")
    for vpc in plan.all("aws:ec2/vpc:Vpc"):
        if not attached(vpc, logs, "vpcId"):
            yield Violation(resource=vpc, message="no flow log", mend="add an ec2.FlowLog")


@policy(
    "container-logs",
    "mandatory",
    "Every container logs to a group of the plan.",
    controls=("ECS.9",),
)
def container_logs(plan: Plan) -> Iterator[Violation]:
    planned = {name for group in plan.all(_LOG_GROUP) for name in identities(group)}
    for task, container in containers(plan):
        group = get(container, "logConfiguration", "options", "awslogs-group")
        if group not in planned:
            yield Violation(
                resource=task,
                message=f"container {container.get('name')} logs to {group or 'nowhere'}",
                mend="set logConfiguration to awslogs and a LogGroup of the stack",
                subjects=(str(container.get("name")),),
            )


def containers(plan: Plan) -> Iterator[tuple[PlannedResource, dict]]:
    """Every container definition with its task definition."""
    for task in plan.all("aws:ecs/taskDefinition:TaskDefinition"):
        for container in as_list(parsed(task.inputs.get("containerDefinitions"))):
            yield task, container


@policy(
    "log-delivery-is-used",
    "advisory",
    "Every log delivery source is delivered somewhere.",
    sources=(f"{WELL_ARCHITECTED}/security-pillar/sec_detect_investigate_events_app_service_logging.html",),
)
def log_delivery_is_used(plan: Plan) -> Iterator[Violation]:
    deliveries = plan.all("aws:cloudwatch/logDelivery:LogDelivery")
    used = {str(d.inputs.get("deliverySourceName")) for d in deliveries}
    for source in plan.all("aws:cloudwatch/logDeliverySource:LogDeliverySource"):
        if not used & names(source):
            yield Violation(resource=source, message="nothing is delivered from it", mend="add a LogDelivery")
