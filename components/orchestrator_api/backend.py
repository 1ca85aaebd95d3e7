"""What a backend is, and which there are: a fourth one is a module and a line in ``BACKENDS``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import pulumi
from pulumi_aws import dynamodb

from components.iam import Statement
from components.interfaces import ApiOrigin, ApiTelemetry
from components.orchestrator_api import permissions
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.environment import api_environment

ORIGIN_VERIFY_HEADER = "X-Origin-Verify"


class ChildOptions(Protocol):
    """``Component.child``: options of a child by its key."""

    def __call__(self, key: str, **options: Any) -> pulumi.ResourceOptions: ...


@dataclass(frozen=True, kw_only=True)
class Host:
    """What a backend gets from the component it is part of.

    Attributes:
        name: logical name of the component.
        args: its arguments.
        child: options of a child.
        table: the state table.
    """

    name: str
    args: OrchestratorApiArgs
    child: ChildOptions
    table: dynamodb.Table

    def environment(self, backend: str) -> dict[str, pulumi.Input[str]]:
        """Variables of the API process that every backend sets; ``backend`` is its kind."""
        return api_environment(self.args, backend, self.table.name)

    def statements(self) -> list[Statement]:
        """What the API process may do on every backend; a backend adds its own."""
        args = self.args
        statements = [
            *permissions.bedrock(args.bedrock_models, args.region, args.account_id),
            permissions.read_secrets([args.secrets.api_key_arn, args.secrets.origin_verify_arn]),
            permissions.use_table(self.table.arn),
            permissions.read_alarms(args.region, args.account_id),
            permissions.send_traces(),
        ]
        if args.secrets.kms_key_arn is not None:
            services = ["secretsmanager", "dynamodb"]
            statements.append(permissions.decrypt(args.secrets.kms_key_arn, args.region, services))
        return statements

    def origin_headers(self) -> dict[str, pulumi.Output[str]]:
        """The header by which the API knows CloudFront."""
        return {ORIGIN_VERIFY_HEADER: pulumi.Output.secret(self.args.secrets.origin_verify_value)}


class Backend(Protocol):
    """Where the API runs.

    Attributes:
        CHILDREN: keys of its children, for ``transforms``.
        origin: what CloudFront needs to know.
        telemetry: what Monitoring needs to know.
    """

    CHILDREN: ClassVar[tuple[str, ...]]
    origin: ApiOrigin
    telemetry: ApiTelemetry

    def __init__(self, host: Host) -> None:
        """Makes the resources, all of them children of the component."""
        ...

    @staticmethod
    def problems(args: OrchestratorApiArgs) -> list[str]:
        """What of ``args`` this backend cannot be made with; empty: nothing."""
        ...


def backends() -> Mapping[str, type[Backend]]:
    """The registry. Pulumi's AWS modules load lazily, so naming a backend costs nothing until it is made."""
    from components.orchestrator_api.on_lambda import OnLambda

    return {
        "lambda": OnLambda,
    }
