"""The Regional REST API in front of the function: the one API Gateway front that can stream.

An HTTP API neither streams nor waits longer than 30 s; a function URL behind an origin access
control refuses a POST without a body hash (Amazon API Gateway Developer Guide, "Response streaming").
"""

from __future__ import annotations

import hashlib
import json

import pulumi
from pulumi_aws import apigateway, cloudwatch, iam, lambda_

from components.iam import assume_role
from components.orchestrator_api.gateway_responses import GATEWAY_RESPONSES
from components.orchestrator_api.host import Host

STAGE = "live"
STREAM_TIMEOUT_MS = 900_000
"""The longest a streamed answer may take, as long as the longest function."""

RATE_PER_S, BURST = 50.0, 100
"""Requests per second and in a burst over all callers; beyond them API Gateway answers 429."""

ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "ip": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "responseBytes": "$context.responseLength",
    "latencyMs": "$context.responseLatency",
    "integrationLatencyMs": "$context.integrationLatency",
    "integrationStatus": "$context.integration.status",
    "integrationError": "$context.integration.error",
    "error": "$context.error.responseType",
    "trace": "$context.xrayTraceId",
    "tls": "$context.tlsVersion",
}
"""Fields of an access log line; no query, no header: keys never reach a log."""

CHILDREN = (
    "gateway-role",
    "gateway-role-policy",
    "gateway-account",
    "rest-api",
    "rest-resource-api",
    "rest-resource-proxy",
    "rest-method",
    "rest-integration",
    *(f"rest-response-{response.slug}" for response in GATEWAY_RESPONSES),
    "rest-deployment",
    "rest-access-logs",
    "rest-execution-logs",
    "rest-stage",
    "rest-settings",
    "rest-permission",
)


class RestApi:
    """The REST API, deployed to one stage, streaming to one alias of a function.

    Args:
        host: the component.
        function: the function.
        alias: the alias requests go to.
        ready: what must exist before the first request.

    Attributes:
        api: the REST API.
        domain_name: its host name.
        access_logs, execution_logs: its log groups.
    """

    def __init__(
        self,
        host: Host,
        function: lambda_.Function,
        alias: lambda_.Alias,
        ready: list[pulumi.Resource],
    ) -> None:
        self._host = host
        account = self._account_role() if host.args.gateway_account_role == "create" else []
        self.api = self._api()
        routes = self._routes(alias)
        permission = self._permission(function, alias)
        deployment = self._deployment(alias, [*routes, *self._responses()])
        stage = self._stage(deployment, [*account, permission, *ready])
        # By the stage, not by the API: CloudFront must not be led there before anything answers.
        self.domain_name = pulumi.Output.concat(
            stage.rest_api, f".execute-api.{host.args.region}.amazonaws.com"
        )

    def _account_role(self) -> list[pulumi.Resource]:
        """The account's role for API Gateway's logs: made when asked, never taken away again.

        It belongs to the account and Region, not to this stack: resetting it would silence every
        other API there.
        """
        host = self._host
        role = iam.Role(
            f"{host.name}-gateway-role",
            description="Lets API Gateway write the logs of every API of this account and Region",
            # Without aws:SourceAccount: AWS documents no source for this role, API Gateway sends none with
            # its other roles (github.com/aws-solutions-library-samples/
            # accelerated-intelligent-document-processing-on-aws/pull/479); UpdateAccount refuses a role
            # that it cannot take.
            assume_role_policy=json.dumps(assume_role("apigateway.amazonaws.com")),
            tags=dict(host.args.tags),
            opts=host.child("gateway-role", retain_on_delete=True),
        )
        # UpdateAccount checks the role for exactly what this AWS managed policy allows.
        policy = iam.RolePolicyAttachment(
            f"{host.name}-gateway-role-policy",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
            opts=host.child("gateway-role-policy", retain_on_delete=True),
        )
        account = apigateway.Account(
            f"{host.name}-gateway-account",
            cloudwatch_role_arn=role.arn,
            opts=host.child("gateway-account", retain_on_delete=True, depends_on=[policy]),
        )
        return [account]

    def _api(self) -> apigateway.RestApi:
        host = self._host
        return apigateway.RestApi(
            f"{host.name}-rest-api",
            description=f"Agent API of {host.args.project} ({host.args.stack}), called by CloudFront alone",
            endpoint_configuration=apigateway.RestApiEndpointConfigurationArgs(types="REGIONAL"),
            security_policy="SecurityPolicy_TLS13_1_2_2021_06",
            endpoint_access_mode="STRICT",
            # Bodies reach the function as the bytes that were sent, so that it can tell bad UTF-8.
            binary_media_types=["*/*"],
            tags=dict(host.args.tags),
            opts=host.child("rest-api"),
        )

    def _routes(self, alias: lambda_.Alias) -> list[pulumi.Resource]:
        """``/api/{proxy+}``, every method, streamed from the function."""
        host = self._host
        folder = apigateway.Resource(
            f"{host.name}-rest-resource-api",
            rest_api=self.api.id,
            parent_id=self.api.root_resource_id,
            path_part="api",
            opts=host.child("rest-resource-api"),
        )
        proxy = apigateway.Resource(
            f"{host.name}-rest-resource-proxy",
            rest_api=self.api.id,
            parent_id=folder.id,
            path_part="{proxy+}",
            opts=host.child("rest-resource-proxy"),
        )
        method = apigateway.Method(
            f"{host.name}-rest-method",
            rest_api=self.api.id,
            resource_id=proxy.id,
            http_method="ANY",
            # The API checks keys and CloudFront's header itself, alike on every backend. API Gateway's own
            # keys read the same header with other values: no caller could pass both.
            authorization="NONE",
            api_key_required=False,
            opts=host.child("rest-method"),
        )
        integration = apigateway.Integration(
            f"{host.name}-rest-integration",
            rest_api=self.api.id,
            resource_id=proxy.id,
            http_method=method.http_method,
            type="AWS_PROXY",
            integration_http_method="POST",
            uri=self._streaming_uri(alias),
            response_transfer_mode="STREAM",
            timeout_milliseconds=STREAM_TIMEOUT_MS,
            opts=host.child("rest-integration"),
        )
        return [method, integration]

    def _streaming_uri(self, alias: lambda_.Alias) -> pulumi.Output[str]:
        """``response_streaming_invoke_arn`` is there for functions alone, not for an alias."""
        region = self._host.args.region
        prefix = f"arn:aws:apigateway:{region}:lambda:path/2021-11-15/functions/"
        return pulumi.Output.concat(prefix, alias.arn, "/response-streaming-invocations")

    def _responses(self) -> list[pulumi.Resource]:
        host = self._host
        return [
            apigateway.Response(
                f"{host.name}-rest-response-{response.slug}",
                rest_api_id=self.api.id,
                response_type=response.kind,
                status_code=None if response.status is None else str(response.status),
                response_templates={"application/json": response.body},
                response_parameters=response.parameters,
                opts=host.child(f"rest-response-{response.slug}"),
            )
            for response in GATEWAY_RESPONSES
        ]

    def _deployment(self, alias: lambda_.Alias, contents: list[pulumi.Resource]) -> apigateway.Deployment:
        """A deployment is a frozen copy: whatever is copied must be among its triggers."""
        host = self._host
        frozen = json.dumps(
            [(r.kind, r.status, r.body, r.parameters) for r in GATEWAY_RESPONSES] + [STREAM_TIMEOUT_MS]
        )
        return apigateway.Deployment(
            f"{host.name}-rest-deployment",
            rest_api=self.api.id,
            triggers={
                "integration": self._streaming_uri(alias),
                "definition": hashlib.sha256(frozen.encode()).hexdigest(),
            },
            opts=host.child("rest-deployment", depends_on=contents),
        )

    def _stage(self, deployment: apigateway.Deployment, ready: list[pulumi.Resource]) -> apigateway.Stage:
        host, args = self._host, self._host.args
        self.access_logs = cloudwatch.LogGroup(
            f"{host.name}-rest-access-logs",
            name=f"{args.log_prefix}/gateway",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.secrets.kms_key_arn,
            tags=dict(args.tags),
            opts=host.child("rest-access-logs"),
        )
        # API Gateway makes this one itself, without an end, unless it is there first.
        self.execution_logs = cloudwatch.LogGroup(
            f"{host.name}-rest-execution-logs",
            name=pulumi.Output.concat("API-Gateway-Execution-Logs_", self.api.id, f"/{STAGE}"),
            retention_in_days=args.log_retention_days,
            kms_key_id=args.secrets.kms_key_arn,
            tags=dict(args.tags),
            opts=host.child("rest-execution-logs"),
        )
        stage = apigateway.Stage(
            f"{host.name}-rest-stage",
            rest_api=self.api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            access_log_settings=apigateway.StageAccessLogSettingsArgs(
                destination_arn=self.access_logs.arn, format=json.dumps(ACCESS_LOG)
            ),
            xray_tracing_enabled=True,
            tags=dict(args.tags),
            opts=host.child("rest-stage", depends_on=[*ready, self.execution_logs]),
        )
        apigateway.MethodSettings(
            f"{host.name}-rest-settings",
            rest_api=self.api.id,
            stage_name=stage.stage_name,
            method_path="*/*",
            settings=apigateway.MethodSettingsSettingsArgs(
                metrics_enabled=True,
                logging_level="ERROR",
                # Would write bodies and headers, keys among them, into the log.
                data_trace_enabled=False,
                throttling_rate_limit=RATE_PER_S,
                throttling_burst_limit=BURST,
            ),
            opts=host.child("rest-settings"),
        )
        return stage

    def _permission(self, function: lambda_.Function, alias: lambda_.Alias) -> lambda_.Permission:
        host = self._host
        return lambda_.Permission(
            f"{host.name}-rest-permission",
            action="lambda:InvokeFunction",
            function=function.name,
            qualifier=alias.name,
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.concat(self.api.execution_arn, f"/{STAGE}/*/api/*"),
            opts=host.child("rest-permission"),
        )
