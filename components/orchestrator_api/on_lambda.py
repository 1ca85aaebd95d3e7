"""The Lambda backend: a streaming function behind a Regional REST API."""

from __future__ import annotations

from typing import ClassVar

import pulumi
from pulumi_aws import cloudwatch, iam, lambda_, sqs

from components.iam import assume_role, document
from components.interfaces import ApiOrigin, ApiTelemetry, LambdaTelemetry, RestApiTelemetry
from components.orchestrator_api import permissions, rest_api
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.host import Host

HANDLER = "api_handler.lambda_runtime.handler"
WRAPPER = "/var/task/bootstrap-wrapper"
ALIAS = "live"
DEFAULT_MEMORY_MB = 1024
"""A function gets CPU time by its memory; at 1,024 MB its start takes a third less than at 512."""

TIMEOUT_S = 900
FAILURES_KEPT_S = 14 * 24 * 3600
BACKGROUND_AGE_S = 3600
"""A background run that Lambda could not start within an hour is given up: nobody waits for it any more."""


class OnLambda:
    """The API on Lambda. See ``Backend`` for the attributes."""

    CHILDREN: ClassVar[tuple[str, ...]] = (
        "function-role",
        "function-policy",
        "function-invoke-policy",
        "function-logs",
        "function-failures",
        "function",
        "function-alias",
        "function-async",
        *rest_api.CHILDREN,
    )

    def __init__(self, host: Host) -> None:
        self._host = host
        self._logs = self._log_group()
        self._failures = self._failure_queue()
        role = self._role()
        policy = self._policy(role)
        function = self._function(role, policy)
        alias = self._alias(function)
        invoke = self._invoke_policy(role, alias)
        self._asynchronous(function, alias, policy)
        front = rest_api.RestApi(host, function, alias, ready=[policy, invoke])
        self.origin = ApiOrigin(
            domain_name=front.domain_name,
            origin_path=f"/{rest_api.STAGE}",
            headers=host.origin_headers(),
        )
        self.telemetry = self._telemetry(function, front)

    @staticmethod
    def problems(args: OrchestratorApiArgs) -> list[str]:
        """What of ``args`` a function cannot be made with."""
        if args.memory_mb and not 128 <= args.memory_mb <= 10_240:
            return [
                f"memory_mb is {args.memory_mb}; a function takes 128 to 10240 MB (0: {DEFAULT_MEMORY_MB})"
            ]
        return []

    def _log_group(self) -> cloudwatch.LogGroup:
        host, args = self._host, self._host.args
        return cloudwatch.LogGroup(
            f"{host.name}-function-logs",
            name=f"{args.log_prefix}/function",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.secrets.kms_key_arn,
            tags=dict(args.tags),
            opts=host.child("function-logs"),
        )

    def _failure_queue(self) -> sqs.Queue:
        host = self._host
        return sqs.Queue(
            f"{host.name}-function-failures",
            message_retention_seconds=FAILURES_KEPT_S,
            sqs_managed_sse_enabled=True,
            tags=dict(host.args.tags),
            opts=host.child("function-failures"),
        )

    def _role(self) -> iam.Role:
        host = self._host
        return iam.Role(
            f"{host.name}-function-role",
            description="What the agent API may do on Lambda",
            assume_role_policy=pulumi.Output.json_dumps(assume_role("lambda.amazonaws.com")),
            tags=dict(host.args.tags),
            opts=host.child("function-role"),
        )

    def _policy(self, role: iam.Role) -> iam.RolePolicy:
        """All the function may do but call itself: Lambda checks the role when it makes the function."""
        host = self._host
        return iam.RolePolicy(
            f"{host.name}-function-policy",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                document(
                    *host.statements(),
                    permissions.send_traces(),
                    permissions.write_logs(self._logs.arn),
                    permissions.send_failures(self._failures.arn),
                )
            ),
            opts=host.child("function-policy"),
        )

    def _invoke_policy(self, role: iam.Role, alias: lambda_.Alias) -> iam.RolePolicy:
        """Background runs: the function starts its own alias, whose ARN is known after the function alone."""
        host = self._host
        return iam.RolePolicy(
            f"{host.name}-function-invoke-policy",
            role=role.name,
            policy=pulumi.Output.json_dumps(document(permissions.invoke_itself(alias.arn))),
            opts=host.child("function-invoke-policy"),
        )

    def _function(self, role: iam.Role, policy: iam.RolePolicy) -> lambda_.Function:
        host, args = self._host, self._host.args
        return lambda_.Function(
            f"{host.name}-function",
            description=f"The agent API of {args.project} ({args.stack})",
            role=role.arn,
            runtime=args.artifact.runtime,
            architectures=["arm64"],
            handler=HANDLER,
            code=pulumi.FileArchive(args.artifact.path),
            memory_size=args.memory_mb or DEFAULT_MEMORY_MB,
            timeout=TIMEOUT_S,
            publish=True,
            environment=lambda_.FunctionEnvironmentArgs(
                variables={
                    **host.environment("lambda"),
                    "AWS_LAMBDA_EXEC_WRAPPER": WRAPPER,
                    "WORKER_QUALIFIER": ALIAS,
                }
            ),
            tracing_config=lambda_.FunctionTracingConfigArgs(mode="Active"),
            logging_config=lambda_.FunctionLoggingConfigArgs(
                log_format="JSON",
                application_log_level="INFO",
                system_log_level="INFO",
                log_group=self._logs.name,
            ),
            # Never unasked: a new account has 10 in all, and AWS refuses what leaves others too little.
            reserved_concurrent_executions=args.max_concurrency or None,
            tags=dict(args.tags),
            # Traces and logs begin with the first start: what allows them must be there before it.
            opts=host.child("function", depends_on=[policy]),
        )

    def _alias(self, function: lambda_.Function) -> lambda_.Alias:
        host = self._host
        return lambda_.Alias(
            f"{host.name}-function-alias",
            name=ALIAS,
            description="The version that CloudFront's requests and background runs go to",
            function_name=function.name,
            function_version=function.version,
            opts=host.child("function-alias"),
        )

    def _asynchronous(
        self, function: lambda_.Function, alias: lambda_.Alias, policy: iam.RolePolicy
    ) -> lambda_.FunctionEventInvokeConfig:
        """Background runs: no second try, which would pay the model twice; failures go to the queue."""
        host = self._host
        return lambda_.FunctionEventInvokeConfig(
            f"{host.name}-function-async",
            function_name=function.name,
            qualifier=alias.name,
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=BACKGROUND_AGE_S,
            destination_config=lambda_.FunctionEventInvokeConfigDestinationConfigArgs(
                on_failure=lambda_.FunctionEventInvokeConfigDestinationConfigOnFailureArgs(
                    destination=self._failures.arn
                )
            ),
            # Lambda checks that the role may send to the queue.
            opts=host.child("function-async", depends_on=[policy]),
        )

    def _telemetry(self, function: lambda_.Function, front: rest_api.RestApi) -> ApiTelemetry:
        args = self._host.args
        return ApiTelemetry(
            kind="lambda",
            log_groups={
                "API": self._logs.name,
                "API Gateway access": front.access_logs.name,
                "API Gateway errors": front.execution_logs.name,
            },
            metric_namespace=args.metric_namespace,
            table_name=self._host.table.name,
            models=tuple(args.bedrock_models),
            function=LambdaTelemetry(
                function_name=function.name,
                alias_name=ALIAS,
                failure_queue_name=self._failures.name,
                reserved_concurrency=args.max_concurrency,
            ),
            rest_api=RestApiTelemetry(api_name=front.api.name, stage_name=rest_api.STAGE),
        )
