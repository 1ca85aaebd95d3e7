"""Alarms on what runs the API: a Lambda function, an ECS service, an EC2 instance; and on key rotation."""

from __future__ import annotations

import pulumi

from components.interfaces import EcsServiceTelemetry, InstanceTelemetry, LambdaTelemetry
from components.monitoring.metrics import AGENT_NAMESPACE, metric
from components.monitoring.spec import MINUTE, AlarmSpec, Watched, rate


def alarms(watched: Watched) -> list[AlarmSpec]:
    """By what the backend has."""
    found: list[AlarmSpec] = []
    if watched.api is not None:
        if watched.api.function is not None:
            found += function_alarms(watched.api.function)
        if watched.api.service is not None:
            found += service_alarms(watched.api.service)
        if watched.api.instance is not None:
            found += instance_alarms(watched.api.instance)
    if watched.secrets.rotation_function_name is not None:
        found.append(rotation_alarm(watched.secrets.rotation_function_name))
    return found


def function_alarms(function: LambdaTelemetry) -> list[AlarmSpec]:
    """Throttles, lost asynchronous work, the reserved concurrency running out."""
    name = {"FunctionName": function.function_name}
    found = [
        AlarmSpec(
            key="function-throttles",
            title="Lambda refuses to run the API",
            meaning="At least 5 % of the invocations were throttled in three of six five-minute periods: the "
            "account's or the function's concurrency is used up.",
            metrics={
                "throttles": metric("AWS/Lambda", "Throttles", "Sum", name),
                "runs": metric("AWS/Lambda", "Invocations", "Sum", name),
            },
            expression=rate(["throttles"], ["throttles", "runs"]),
            periods=6,
            datapoints=3,
            threshold=5,
            production_only=True,
        ),
        AlarmSpec(
            key="background-work-lost",
            title="Asynchronous work was dropped",
            meaning="Lambda gave up events of background runs, or could not put them into the failure queue.",
            metrics={
                "dropped": metric("AWS/Lambda", "AsyncEventsDropped", "Sum", name),
                "undelivered": metric("AWS/Lambda", "DestinationDeliveryFailures", "Sum", name),
            },
            expression="FILL(dropped, 0) + FILL(undelivered, 0)",
            threshold=1,
            production_only=True,
        ),
        AlarmSpec(
            key="failure-queue",
            title="Failed background work waits in the queue",
            meaning="A background run failed every attempt; its event is kept for inspection.",
            metrics={
                "m": metric(
                    "AWS/SQS",
                    "ApproximateNumberOfMessagesVisible",
                    "Maximum",
                    {"QueueName": function.failure_queue_name},
                )
            },
            threshold=1,
            # SQS stops reporting on a queue nobody touches for six hours, with messages in it as well.
            missing="ignore",
        ),
    ]
    if function.reserved_concurrency > 0:
        found.append(
            AlarmSpec(
                key="function-concurrency",
                title="The API nears its reserved concurrency",
                meaning=f"At least 90 % of the {function.reserved_concurrency} reserved executions ran at "
                "once in "
                "five of ten minutes; more requests are refused soon.",
                metrics={"m": metric("AWS/Lambda", "ConcurrentExecutions", "Maximum", name)},
                period_s=MINUTE,
                periods=10,
                datapoints=5,
                threshold=max(1.0, 0.9 * function.reserved_concurrency),
                production_only=True,
            )
        )
    return found


def service_alarms(service: EcsServiceTelemetry) -> list[AlarmSpec]:
    """Missing tasks and memory of an ECS service."""
    dimensions = {"ClusterName": service.cluster_name, "ServiceName": service.service_name}
    return [
        # Each task reports its CPU once a minute, so the number of samples is the number of running tasks,
        # without Container Insights:
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html
        AlarmSpec(
            key="tasks-missing",
            title="Fewer tasks run than the service must have",
            meaning=f"Less than {service.min_tasks} running in 10 of 15 minutes: tasks stop at once, or "
            "cannot start.",
            metrics={"m": metric("AWS/ECS", "CPUUtilization", "SampleCount", dimensions)},
            period_s=MINUTE,
            periods=15,
            datapoints=10,
            comparison="<",
            threshold=service.min_tasks,
            # Tasks that are not to run report nothing.
            missing="notBreaching" if service.pauses else "breaching",
        ),
        AlarmSpec(
            key="task-memory",
            title="The tasks run out of memory",
            meaning="The tasks used 90 % of their memory on average in three of three five-minute periods.",
            metrics={"m": metric("AWS/ECS", "MemoryUtilization", "Average", dimensions)},
            periods=3,
            datapoints=3,
            threshold=90,
            production_only=True,
        ),
    ]


def instance_alarms(instance: InstanceTelemetry) -> list[AlarmSpec]:
    """Status checks, disk and memory of an EC2 instance."""
    dimensions = {"InstanceId": instance.instance_id}

    def agent(name: str, stat: str):
        return metric(AGENT_NAMESPACE, name, stat, dimensions, namespace=instance.namespace)

    return [
        AlarmSpec(
            key="instance-down",
            title="The instance fails its status checks",
            meaning="EC2 reports a failed system or instance check, or nothing at all, for five minutes.",
            metrics={"m": metric("AWS/EC2", "StatusCheckFailed", "Maximum", dimensions)},
            period_s=MINUTE,
            periods=5,
            datapoints=5,
            threshold=1,
            missing="breaching",
            severity="page",
        ),
        # Without the agent nobody sees the disk: half an hour of silence is told as well.
        AlarmSpec(
            key="disk-full",
            title="The disk of the instance is nearly full",
            meaning="85 % of the root disk was used for half an hour, or the agent that measures it is "
            "silent.",
            metrics={"m": agent("disk_used_percent", "Maximum")},
            periods=6,
            datapoints=6,
            threshold=85,
            missing="breaching",
        ),
        AlarmSpec(
            key="instance-memory",
            title="The instance runs out of memory",
            meaning="90 % of the memory was used in three of three five-minute periods.",
            metrics={"m": agent("mem_used_percent", "Average")},
            periods=3,
            datapoints=3,
            threshold=90,
            production_only=True,
        ),
    ]


def rotation_alarm(function_name: pulumi.Input[str]) -> AlarmSpec:
    """A rotation of the API key that fails: one failed attempt is enough, as there are few."""
    return AlarmSpec(
        key="rotation-failed",
        title="Rotating the API key failed",
        meaning="The rotation function ended in an error; the present key stays valid, but it grows old.",
        metrics={"m": metric("AWS/Lambda", "Errors", "Sum", {"FunctionName": function_name})},
        threshold=1,
    )
