"""From Settings to each component's arguments: the one place that knows both sides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi

from components.interfaces import ApiTelemetry, Artifact, Route, SecretRefs, SiteTelemetry
from components.monitoring import MonitoringArgs
from components.orchestrator_api import OrchestratorApiArgs
from components.secrets import Secrets, SecretsArgs
from components.settings import Settings
from components.static_site import StaticSiteArgs
from components.static_site.adoption import Adopted, file_of, load

ROOT = Path(__file__).resolve().parent.parent


def secrets_args(s: Settings, account_id: pulumi.Input[str], artifact: Artifact) -> SecretsArgs:
    """Arguments of Secrets."""
    return SecretsArgs(
        prefix=s.secret_prefix,
        with_api=s.api_backend != "none",
        rotation_days=s.api_key_rotation_days,
        origin_verify_generation=s.origin_verify_generation,
        customer_key=s.customer_key,
        artifact=artifact,
        # A new version on an instance is told through EventBridge; the other backends have alarms for it.
        events_publish=s.api_backend == "ec2",
        anomalies_publish=s.cost_anomaly_monitor,
        **_common(s, account_id),
    )


def api_args(
    s: Settings, account_id: pulumi.Input[str], artifact: Artifact, secrets: SecretRefs
) -> OrchestratorApiArgs:
    """Arguments of OrchestratorApi."""
    return OrchestratorApiArgs(
        backend=s.api_backend,
        artifact=artifact,
        secrets=secrets,
        bedrock_models=s.bedrock_models,
        memory_mb=s.api_memory_mb,
        cpu=s.api_cpu,
        min_tasks=s.api_min_tasks,
        max_tasks=s.api_max_tasks,
        instance_type=s.instance_type,
        egress=s.egress,
        vpc_id=s.vpc_id,
        subnet_ids=s.subnet_ids,
        image=s.api_image,
        max_concurrency=s.api_max_concurrency,
        gateway_account_role=s.api_gateway_account_role,
        public_chat=s.public_chat,
        site_origins=s.site_origins,
        domain=s.domain,
        dns_provider=s.dns_provider,
        hosted_zone_id=s.hosted_zone_id,
        standby=s.api_standby,
        spot_share=s.api_spot_share,
        work_hours=s.api_work_hours,
        **_common(s, account_id),
    )


def site_args(
    s: Settings, account_id: pulumi.Input[str], routes: Sequence[Route], secrets: Secrets
) -> StaticSiteArgs:
    """Arguments of StaticSite; the firewall's log takes the customer key where both are in one Region."""
    common = _common(s, account_id)
    del common["project"]
    return StaticSiteArgs(
        domain=s.domain,
        api_subdomain=s.api_subdomain,
        www_redirect=s.www_redirect,
        hosted_zone_id=s.hosted_zone_id,
        dns_provider=s.dns_provider,
        certificate_arn=s.certificate_arn,
        site_mode=s.site_mode,
        waf=s.waf,
        waf_rate_limit=s.waf_rate_limit,
        routes=routes,
        log_key_arn=secrets.kms_key_arn if s.region == "us-east-1" else None,
        adopted=adopted_site(s.stack),
        **common,
    )


def adopted_site(stack: str) -> Adopted | None:
    """What ``ops adopt`` wrote for this stack; None when there is no such file.

    Raises:
        ValueError: the file cannot be used, or the value of an origin header is not in the configuration.
    """
    path = file_of(ROOT, stack)
    if not path.is_file():
        return None
    # Plain here, since what is missing must be known before anything is registered; secret from here on.
    text = pulumi.Config("adopted").get("headers") or "{}"
    return load(path, {name: pulumi.Output.secret(value) for name, value in json.loads(text).items()})


def monitoring_args(
    s: Settings,
    account_id: pulumi.Input[str],
    site: SiteTelemetry,
    api: ApiTelemetry | None,
    secrets: Secrets,
) -> MonitoringArgs:
    """Arguments of Monitoring; a stack whose data is protected is watched as production."""
    common = _common(s, account_id)
    production = common.pop("protect_data")
    return MonitoringArgs(
        site=site,
        api=api,
        secrets=secrets.telemetry,
        alarm_email=s.alarm_email,
        monthly_budget_usd=s.monthly_budget_usd,
        cost_anomaly_monitor=s.cost_anomaly_monitor,
        kms_key_arn=secrets.kms_key_arn,
        customer_key=s.customer_key,
        production=production,
        **common,
    )


def _common(s: Settings, account_id: pulumi.Input[str]) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "region": s.region,
        "project": s.project,
        "stack": s.stack,
        "protect_data": s.protect_data,
        "log_retention_days": s.log_retention_days,
        "tags": s.tags,
    }
