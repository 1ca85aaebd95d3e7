"""Telemetry of stacks as their components give it, and a stack under Monitoring."""

from __future__ import annotations

from typing import Any

import pulumi

from components.interfaces import (
    ApiTelemetry,
    EcsServiceTelemetry,
    InstanceTelemetry,
    LambdaTelemetry,
    LoadBalancerTelemetry,
    RestApiTelemetry,
    SecretsTelemetry,
    SiteTelemetry,
)
from components.monitoring import Monitoring, MonitoringArgs
from tests.components.harness import Deployment, deploy

ACCOUNT = "123456789012"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1111"
MODELS = ("us.amazon.nova-lite-v1:0", "us.amazon.nova-pro-v1:0")


def site(**changed: Any) -> SiteTelemetry:
    values: dict[str, Any] = {
        "distribution_id": "EDIST",
        "web_acl_name": "prod-acl",
        "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
        "host": "example.com",
        "health_path": "/api/v1/health",
    }
    return SiteTelemetry(**{**values, **changed})


def lambda_api(**changed: Any) -> ApiTelemetry:
    values: dict[str, Any] = {
        "kind": "lambda",
        "log_groups": {"function": "/aws/lambda/api", "access": "/aws/apigateway/api"},
        "metric_namespace": "orchestrator/prod",
        "table_name": "state",
        "models": MODELS,
        "function": LambdaTelemetry(
            function_name="api", alias_name="live", failure_queue_name="failures", reserved_concurrency=20
        ),
        "rest_api": RestApiTelemetry(api_name="api", stage_name="live"),
    }
    return ApiTelemetry(**{**values, **changed})


def fargate_api(**changed: Any) -> ApiTelemetry:
    values: dict[str, Any] = {
        "kind": "fargate",
        "log_groups": {"tasks": "/ecs/api"},
        "metric_namespace": "orchestrator/prod",
        "table_name": "state",
        "models": MODELS,
        "load_balancer": LoadBalancerTelemetry(load_balancer="app/api/1", target_group="targetgroup/api/2"),
        "service": EcsServiceTelemetry(cluster_name="cluster", service_name="api", min_tasks=2),
    }
    return ApiTelemetry(**{**values, **changed})


def ec2_api(**changed: Any) -> ApiTelemetry:
    values: dict[str, Any] = {
        "kind": "ec2",
        "log_groups": {"instance": "/ec2/api"},
        "metric_namespace": "orchestrator/prod",
        "table_name": "state",
        "models": MODELS,
        "instance": InstanceTelemetry(instance_id="i-1", namespace="agent/prod", association_name="deploy"),
    }
    return ApiTelemetry(**{**values, **changed})


BACKENDS = {"lambda": lambda_api, "fargate": fargate_api, "ec2": ec2_api, "none": lambda: None}


def arguments(**changed: Any) -> MonitoringArgs:
    """Production in us-east-1 with everything on, unless told otherwise. Call it inside a program."""
    region = changed.get("region", "us-east-1")
    values: dict[str, Any] = {
        "site": site(),
        "api": lambda_api(),
        "secrets": SecretsTelemetry(
            rotation_function_name=pulumi.Output.from_input("rotate"),
            rotation_event_source="orchestrator.prod.keys",
            rotation_log_group_name=pulumi.Output.from_input("/aws/lambda/rotate"),
        ),
        "alarm_email": "ops@example.com",
        "monthly_budget_usd": 300.0,
        "cost_anomaly_monitor": True,
        "kms_key_arn": pulumi.Output.from_input(KEY.replace("us-east-1", region)),
        "customer_key": True,
        "production": True,
        "log_retention_days": 365,
        "project": "orchestrator",
        "stack": "prod",
        "region": region,
        "account_id": ACCOUNT,
        "tags": {"Project": "orchestrator", "Stack": "prod", "ManagedBy": "pulumi"},
    }
    return MonitoringArgs(**{**values, **changed})


DEV: dict[str, Any] = {
    "secrets": SecretsTelemetry(),
    "alarm_email": "",
    "monthly_budget_usd": 50.0,
    "cost_anomaly_monitor": False,
    "kms_key_arn": None,
    "customer_key": False,
    "production": False,
    "log_retention_days": 30,
    "stack": "dev",
    "tags": {"Project": "orchestrator", "Stack": "dev", "ManagedBy": "pulumi"},
}


STACKS: dict[str, dict[str, Any]] = {
    "lambda at home": {"region": "us-east-1", "api": lambda_api()},
    "lambda abroad": {"region": "eu-central-1", "api": lambda_api()},
    "fargate abroad": {"region": "eu-central-1", "api": fargate_api()},
    "ec2 at home": {"region": "us-east-1", "api": ec2_api()},
    "a site abroad": {"region": "eu-central-1", "api": None},
    "dev": {**DEV, "region": "us-east-1", "api": lambda_api()},
}
"""One of each kind."""

_RUNS: dict[str, Deployment] = {}


def monitor(preview: bool = False, transforms: Any = None, **changed: Any) -> Deployment:
    """Runs Monitoring as a whole program; the same arguments once, as a run is only read."""
    changed = {"region": "us-east-1", "api": lambda_api(), **changed}
    key = repr((preview, transforms, sorted(changed.items())))
    if key not in _RUNS:
        _RUNS[key] = _run(preview, transforms, changed)
    return _RUNS[key]


def _run(preview: bool, transforms: Any, changed: dict[str, Any]) -> Deployment:

    def program() -> dict[str, Any]:
        made = Monitoring("monitoring", arguments(**changed), transforms=transforms)
        return {
            "topic": made.topic_arn,
            "edge_topic": made.edge_topic_arn,
            "dashboard": made.dashboard_name,
            "composites": pulumi.Output.all(*made.composite_alarm_names),
        }

    return deploy(
        program,
        preview=preview,
        stack=changed.get("stack", "prod"),
        region=changed.get("region", "us-east-1"),
    )
