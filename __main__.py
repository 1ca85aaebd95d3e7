"""The whole data flow: Settings -> Secrets -> OrchestratorApi -> StaticSite -> Monitoring -> exports."""

from pathlib import Path

import pulumi
import pulumi_aws as aws

from components import settings
from components.interfaces import Route
from components.monitoring import Monitoring
from components.orchestrator_api import OrchestratorApi
from components.orchestrator_api.artifact import build
from components.program import api_args, monitoring_args, secrets_args, site_args
from components.secrets import Secrets
from components.static_site import StaticSite

config = settings.from_pulumi()
account_id = aws.get_caller_identity_output().account_id
artifact = build(Path(__file__).parent)
for note in artifact.notes:
    pulumi.log.warn(note)

secrets = Secrets("secrets", secrets_args(config, account_id, artifact))

api = None
if secrets.refs is not None:
    api = OrchestratorApi("api", api_args(config, account_id, artifact, secrets.refs))

routes = [Route(path_pattern="/api/*", origin=api.origin, standby=api.standby_origin)] if api else []
site = StaticSite("site", site_args(config, account_id, routes, secrets))

telemetry = api.telemetry if api else None
monitoring = Monitoring("monitoring", monitoring_args(config, account_id, site.telemetry, telemetry, secrets))

pulumi.export("url", site.url)
pulumi.export("accountId", account_id)
pulumi.export("bucketName", site.bucket_name)
pulumi.export("distributionId", site.distribution_id)
pulumi.export("distributionDomain", site.distribution_domain)
pulumi.export("keyValueStoreArn", site.key_value_store_arn)
pulumi.export("dnsRecordsToAdd", site.dns_records_to_add)
if secrets.refs is not None:
    pulumi.export("apiKeySecretArn", secrets.refs.api_key_arn)
pulumi.export("alarmTopicArn", monitoring.topic_arn)
pulumi.export("dashboardName", monitoring.dashboard_name)
