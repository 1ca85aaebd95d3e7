"""What a backend gets from the component it is part of."""

from __future__ import annotations

from functools import cached_property

import pulumi
from pulumi_aws import dynamodb

from components.iam import Statement
from components.orchestrator_api import permissions
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.artifact_store import StoredArtifact, store_artifact
from components.orchestrator_api.environment import api_environment
from components.orchestrator_api.maker import ChildOptions, Maker
from components.orchestrator_api.network import Network, make_network, take_network

ORIGIN_VERIFY_HEADER = "X-Origin-Verify"


class Host:
    """Names and options, the state table, and what backends share.

    The network and the artifact's bucket are made when the first backend asks for them, so that a
    function has neither, and two backends have one of each.

    Args:
        make: names, arguments and options.
        table: the state table.
    """

    def __init__(self, make: Maker, table: dynamodb.Table) -> None:
        self.make = make
        self.table = table

    @property
    def name(self) -> str:
        """Logical name of the component."""
        return self.make.name

    @property
    def args(self) -> OrchestratorApiArgs:
        """The component's arguments."""
        return self.make.args

    @property
    def child(self) -> ChildOptions:
        """Options of a child."""
        return self.make.child

    @cached_property
    def artifact(self) -> StoredArtifact | None:
        """The artifact in a bucket, for backends that fetch it; None when an image holds the API."""
        fetching = [
            b for b in self.args.used_backends if b == "ec2" or (b == "fargate" and not self.args.image)
        ]
        return store_artifact(self.make) if fetching else None

    @property
    def stored(self) -> list[pulumi.Resource]:
        """What must exist before anybody fetches the artifact."""
        return [self.artifact.stored] if self.artifact else []

    @cached_property
    def network(self) -> Network:
        """The VPC, for backends that stand in one.

        Raises:
            ValueError: the configured VPC does not suit.
        """
        if self.args.vpc_id:
            return take_network(self.make)
        backends = [backend for backend in self.args.used_backends if backend != "lambda"]
        return make_network(
            self.make,
            backends,
            bucket_arn=self.artifact.bucket_arn if self.artifact else None,
            table_arn=self.table.arn,
        )

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
        ]
        if args.secrets.kms_key_arn is not None:
            services = ["secretsmanager", "dynamodb"]
            statements.append(permissions.decrypt(args.secrets.kms_key_arn, args.region, services))
        return statements

    def origin_headers(self) -> dict[str, pulumi.Output[str]]:
        """The header by which the API knows CloudFront."""
        return {ORIGIN_VERIFY_HEADER: pulumi.Output.secret(self.args.secrets.origin_verify_value)}
