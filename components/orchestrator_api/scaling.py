"""How many tasks run, and when a deployment is taken back."""

from __future__ import annotations

import pulumi
from pulumi_aws import appautoscaling, cloudwatch, ecs

from components import forms
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.load_balancer import LoadBalancer
from components.orchestrator_api.maker import Maker

CPU_TARGET = 60.0
REQUESTS_PER_TARGET = 300.0
"""A minute, for each task: five a second, most of which wait for a model."""

CHILDREN = (
    "scaling",
    "scaling-cpu",
    "scaling-requests",
    "scaling-start",
    "scaling-stop",
    "rollback-errors",
    "rollback-unhealthy",
)


def problems(args: OrchestratorApiArgs) -> list[str]:
    """What is wrong with ``work_hours``."""
    if not args.work_hours:
        return []
    if forms.work_hours(args.work_hours) is None:
        return [
            f"work_hours is {args.work_hours!r}; wanted is START-STOP ZONE with two-digit hours, such as "
            "08-18 Europe/Berlin"
        ]
    if args.protect_data:
        return ["work_hours would stop a production service every evening; it is for others"]
    return []


def scale(make: Maker, cluster: ecs.Cluster, service: ecs.Service, balancer: LoadBalancer) -> None:
    """Between ``min_tasks`` and ``max_tasks``, by CPU and by requests, whichever wants more."""
    args = make.args
    target = appautoscaling.Target(
        f"{make.name}-scaling",
        service_namespace="ecs",
        resource_id=pulumi.Output.concat("service/", cluster.name, "/", service.name),
        scalable_dimension="ecs:service:DesiredCount",
        min_capacity=args.min_tasks,
        max_capacity=args.max_tasks,
        tags=dict(args.tags),
        # Work hours change the bounds; the next deployment must not undo it.
        opts=make.child("scaling", ignore_changes=["minCapacity", "maxCapacity"] if args.work_hours else []),
    )
    label = pulumi.Output.concat(balancer.balancer.arn_suffix, "/", balancer.targets.arn_suffix)
    metric = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs
    for key, value, specification in (
        ("scaling-cpu", CPU_TARGET, metric(predefined_metric_type="ECSServiceAverageCPUUtilization")),
        (
            "scaling-requests",
            REQUESTS_PER_TARGET,
            metric(predefined_metric_type="ALBRequestCountPerTarget", resource_label=label),
        ),
    ):
        appautoscaling.Policy(
            f"{make.name}-{key}",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            resource_id=target.resource_id,
            scalable_dimension=target.scalable_dimension,
            target_tracking_scaling_policy_configuration=appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                target_value=value,
                predefined_metric_specification=specification,
                scale_out_cooldown=30,
                scale_in_cooldown=300,
            ),
            opts=make.child(key),
        )
    hours = forms.work_hours(args.work_hours)
    if hours is not None:
        _work_hours(make, target, *hours)


def _work_hours(make: Maker, target: appautoscaling.Target, start: int, stop: int, zone: str) -> None:
    args = make.args
    # The hour 24 is the next day's first.
    stop_cron = f"cron(0 {stop} ? * MON-FRI *)" if stop < 24 else "cron(0 0 ? * TUE-SAT *)"
    for key, schedule, low, high in (
        ("scaling-start", f"cron(0 {start} ? * MON-FRI *)", args.min_tasks, args.max_tasks),
        ("scaling-stop", stop_cron, 0, 0),
    ):
        appautoscaling.ScheduledAction(
            f"{make.name}-{key}",
            service_namespace=target.service_namespace,
            resource_id=target.resource_id,
            scalable_dimension=target.scalable_dimension,
            schedule=schedule,
            timezone=zone,
            scalable_target_action=appautoscaling.ScheduledActionScalableTargetActionArgs(
                min_capacity=low, max_capacity=high
            ),
            opts=make.child(key),
        )


def rollback_alarms(make: Maker, balancer: LoadBalancer) -> list[cloudwatch.MetricAlarm]:
    """What takes a deployment back while it runs: errors of the tasks, and tasks that fail their checks.

    ECS itself is their action (Amazon ECS Developer Guide, "How CloudWatch alarms detect Amazon ECS
    deployment failures"); Monitoring has others that tell people.
    """
    dimensions = {
        "LoadBalancer": balancer.balancer.arn_suffix,
        "TargetGroup": balancer.targets.arn_suffix,
    }
    prefix = f"{make.args.project}-{make.args.stack}"
    return [
        cloudwatch.MetricAlarm(
            f"{make.name}-rollback-{key}",
            name=f"{prefix}-rollback-{key}",
            alarm_description=description,
            namespace="AWS/ApplicationELB",
            metric_name=metric,
            dimensions=dimensions,
            statistic=statistic,
            period=60,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            treat_missing_data="notBreaching",
            tags=dict(make.args.tags),
            opts=make.child(f"rollback-{key}"),
        )
        for key, metric, statistic, threshold, description in (
            (
                "errors",
                "HTTPCode_Target_5XX_Count",
                "Sum",
                5,
                "A deployment is taken back: the tasks answered with more than 5 server errors a minute",
            ),
            (
                "unhealthy",
                "UnHealthyHostCount",
                "Maximum",
                0,
                "A deployment is taken back: tasks fail the load balancer's checks",
            ),
        )
    ]
