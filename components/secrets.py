"""Secrets: the API keys, the value CloudFront proves itself with, the customer key, and rotation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_random as random
from pulumi_aws import cloudwatch, iam, kms, lambda_, secretsmanager

from components.component import Component, Transform, protection
from components.customer_key import key_policy
from components.iam import allow, assume_role, document
from components.interfaces import Artifact, SecretRefs, SecretsTelemetry

# Characters of a seeded value: 43 of 62 kinds are 256 bits.
VALUE_LENGTH = 43
# Staging label that keeps the version Pulumi made.
SEED_LABEL = "SEEDED"
# Days a deleted secret of a production stack can still be restored (Secrets Manager's longest).
RECOVERY_DAYS = 30
# Days before a scheduled key deletion takes effect (AWS KMS's longest).
KEY_DELETION_DAYS = 30
ROTATION_TIMEOUT_S = 60
ROTATION_MEMORY_MB = 256


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """What Secrets is made from.

    Attributes:
        prefix: path before the names: ``<prefix>/api-key``, ``<prefix>/origin-verify``.
        account_id: 12 digits.
        region: home Region.
        project, stack: for the key's alias and the log group's name.
        protect_data: protect and keep what is made, with a recovery window; else deleted at once.
        customer_key: make one customer-managed KMS key (1 USD a month); else keys owned by AWS.
        with_api: whether the stack has an API; without one only the customer key is made, if asked for.
        rotation_days: days between two generations of the API keys; 0: no rotation.
        origin_verify_generation: raise it by one to change the value CloudFront sends.
        artifact: the API's package, which holds the rotation function; needed with an API and rotation.
        log_retention_days: of the rotation function's log group.
        events_publish: an EventBridge rule publishes to the topic, not only the one of rotation.
        anomalies_publish: Cost Anomaly Detection publishes to the topic.
        tags: on every taggable resource.
    """

    prefix: str
    account_id: pulumi.Input[str]
    region: str
    project: str = "orchestrator"
    stack: str
    protect_data: bool = False
    customer_key: bool = False
    with_api: bool = True
    rotation_days: int = 0
    origin_verify_generation: int = 1
    artifact: Artifact | None = None
    log_retention_days: int = 30
    events_publish: bool = False
    anomalies_publish: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def event_source(self) -> str:
        """``source`` of rotation's events; two stacks of one account and Region do not hear each other's."""
        return f"{self.project}.{self.stack}.keys"

    @property
    def rotates(self) -> bool:
        """Whether there are keys and they turn."""
        return self.with_api and bool(self.rotation_days)

    def problems(self) -> list[str]:
        """Everything that is wrong with these arguments."""
        found = []
        if not self.prefix or self.prefix.startswith("/") or self.prefix.endswith("/"):
            found.append(f"prefix is '{self.prefix}'; a path without slashes at its ends is wanted")
        if self.rotation_days < 0:
            found.append(f"rotation_days is {self.rotation_days}; 0 (off) or more is allowed")
        if self.rotates and self.artifact is None:
            found.append("rotation_days is set without artifact, which holds the rotation function")
        if self.origin_verify_generation < 1:
            found.append(f"origin_verify_generation is {self.origin_verify_generation}; 1 or more is allowed")
        return found


class Secrets(Component):
    """The secrets of one stack.

    Pulumi seeds one random API key and then leaves the value alone: keys are managed by
    ``ops keys`` and by rotation. The origin-verify value is accepted in two generations, so
    that CloudFront and the API never disagree while it changes.

    Attributes:
        refs: ARNs and the value CloudFront sends, for OrchestratorApi; None without an API.
        telemetry: what Monitoring watches.
        kms_key_arn: the customer key, or None without one.

    Raises:
        ValueError: the arguments are wrong; all problems are in the message.
    """

    CHILDREN = (
        "key",
        "key-alias",
        "api-key",
        "api-key-seed",
        "api-key-version",
        "origin-verify",
        "origin-verify-value",
        "origin-verify-version",
        "rotation-log-group",
        "rotation-role",
        "rotation-policy",
        "rotation-function",
        "rotation-permission",
        "rotation",
    )

    refs: SecretRefs | None
    telemetry: SecretsTelemetry
    kms_key_arn: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        args: SecretsArgs,
        *,
        transforms: Mapping[str, Transform] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        problems = args.problems()
        if problems:
            raise ValueError(f"Secrets '{name}': " + "; ".join(problems))
        super().__init__("Secrets", name, transforms=transforms, opts=opts)
        self._name, self._args = name, args
        self.kms_key_arn = self._customer_key() if args.customer_key else None
        self.refs, self.telemetry = self._of_the_api() if args.with_api else (None, SecretsTelemetry())
        self.register_outputs(
            {
                "api_key_arn": self.refs.api_key_arn if self.refs else None,
                "origin_verify_arn": self.refs.origin_verify_arn if self.refs else None,
                "kms_key_arn": self.kms_key_arn,
            }
        )

    def _of_the_api(self) -> tuple[SecretRefs, SecretsTelemetry]:
        api_key, seeded = self._api_key()
        origin_verify, value = self._origin_verify()
        refs = SecretRefs(
            api_key_arn=api_key.arn,
            origin_verify_arn=origin_verify.arn,
            origin_verify_value=value,
            kms_key_arn=self.kms_key_arn,
        )
        return refs, self._rotation(api_key, seeded) if self._args.rotates else SecretsTelemetry()

    def _customer_key(self) -> pulumi.Output[str]:
        args = self._args
        key = kms.Key(
            f"{self._name}-key",
            description=f"{args.project} {args.stack}: logs, topic, table and secrets",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_DAYS,
            policy=pulumi.Output.json_dumps(
                pulumi.Output.from_input(args.account_id).apply(
                    lambda account: key_policy(
                        account,
                        args.region,
                        prefix=f"{args.project}-{args.stack}",
                        events=args.events_publish or args.rotates,
                        anomalies=args.anomalies_publish,
                    )
                )
            ),
            tags=args.tags,
            opts=self.child("key", **protection(args.protect_data)),
        )
        kms.Alias(
            f"{self._name}-key-alias",
            name=f"alias/{args.project}-{args.stack}",
            target_key_id=key.key_id,
            opts=self.child("key-alias"),
        )
        return key.arn

    def _secret(self, key: str, description: str) -> secretsmanager.Secret:
        args = self._args
        return secretsmanager.Secret(
            f"{self._name}-{key}",
            name=f"{args.prefix}/{key}",
            description=description,
            kms_key_id=self.kms_key_arn,
            # In dev the name is free again at once: the next `up` may use it.
            recovery_window_in_days=RECOVERY_DAYS if args.protect_data else 0,
            tags=args.tags,
            opts=self.child(key, **protection(args.protect_data)),
        )

    def _api_key(self) -> tuple[secretsmanager.Secret, secretsmanager.SecretVersion]:
        secret = self._secret("api-key", "Named keys of the API, managed by `ops keys`")
        seed = random.RandomPassword(
            f"{self._name}-api-key-seed",
            length=VALUE_LENGTH,
            special=False,
            opts=self.child("api-key-seed"),
        )
        version = secretsmanager.SecretVersion(
            f"{self._name}-api-key-version",
            secret_id=secret.id,
            secret_string=pulumi.Output.secret(
                pulumi.Output.json_dumps([{"name": "default", "key": seed.result}])
            ),
            # The second label is nobody else's and stays: a version without one is deleted among a hundred
            # others, a refresh then drops it, and the next `up` would put the seed over all keys.
            # https://github.com/hashicorp/terraform-provider-aws/issues/37302
            version_stages=["AWSCURRENT", SEED_LABEL],
            # Seeded once: `ops keys` and rotation own the value and AWSCURRENT from then on.
            opts=self.child(
                "api-key-version",
                ignore_changes=["secretString", "versionStages"],
                **protection(self._args.protect_data),
            ),
        )
        return secret, version

    def _origin_verify(self) -> tuple[secretsmanager.Secret, pulumi.Output[str]]:
        args = self._args
        secret = self._secret("origin-verify", "Values of X-Origin-Verify the API accepts, newest first")
        # Named by generation, not counted in state: generation 2 keeps generation 1's resource as it is.
        generations = range(args.origin_verify_generation, max(args.origin_verify_generation - 2, 0), -1)
        values = [
            random.RandomPassword(
                f"{self._name}-origin-verify-value-{generation}",
                length=VALUE_LENGTH,
                special=False,
                opts=self.child("origin-verify-value"),
            ).result
            for generation in generations
        ]
        version = secretsmanager.SecretVersion(
            f"{self._name}-origin-verify-version",
            secret_id=secret.id,
            secret_string=pulumi.Output.secret(pulumi.Output.json_dumps(values)),
            opts=self.child("origin-verify-version"),
        )
        # CloudFront sends the new value only after the API can have read it.
        sent = pulumi.Output.all(values[0], version.version_id).apply(lambda pair: str(pair[0]))
        return secret, pulumi.Output.secret(sent)

    def _rotation(
        self, secret: secretsmanager.Secret, seeded: secretsmanager.SecretVersion
    ) -> SecretsTelemetry:
        args = self._args
        assert args.artifact is not None  # checked in SecretsArgs.problems
        name = f"{self._name}-rotation"
        log_group = cloudwatch.LogGroup(
            f"{name}-log-group",
            name=f"/{args.project}/{args.stack}/rotation",
            retention_in_days=args.log_retention_days,
            kms_key_id=self.kms_key_arn,
            tags=args.tags,
            opts=self.child("rotation-log-group"),
        )
        role = iam.Role(
            f"{name}-role",
            description="Rotates the API keys",
            assume_role_policy=pulumi.Output.json_dumps(assume_role("lambda.amazonaws.com")),
            tags=args.tags,
            opts=self.child("rotation-role"),
        )
        policy = iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                rotation_policy(
                    secret_arn=secret.arn,
                    event_bus_arn=pulumi.Output.concat(
                        f"arn:aws:events:{args.region}:", args.account_id, ":event-bus/default"
                    ),
                    log_group_arn=log_group.arn,
                    kms_key_arn=self.kms_key_arn,
                    event_source=args.event_source,
                    region=args.region,
                )
            ),
            opts=self.child("rotation-policy"),
        )
        function = lambda_.Function(
            f"{name}-function",
            description="Adds a generation of the API keys on schedule",
            role=role.arn,
            runtime=args.artifact.runtime,
            architectures=["arm64"],
            handler="api_handler.rotation.handler",
            code=pulumi.FileArchive(args.artifact.path),
            memory_size=ROTATION_MEMORY_MB,
            timeout=ROTATION_TIMEOUT_S,
            environment=lambda_.FunctionEnvironmentArgs(variables={"EVENT_SOURCE": args.event_source}),
            logging_config=lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=log_group.name),
            tags=args.tags,
            opts=self.child("rotation-function", depends_on=[policy]),
        )
        permission = lambda_.Permission(
            f"{name}-permission",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="secretsmanager.amazonaws.com",
            source_account=args.account_id,
            source_arn=secret.arn,
            opts=self.child("rotation-permission"),
        )
        secretsmanager.SecretRotation(
            name,
            secret_id=secret.id,
            rotation_lambda_arn=function.arn,
            rotation_rules=secretsmanager.SecretRotationRotationRulesArgs(
                automatically_after_days=args.rotation_days
            ),
            # The seeded key is new; the first turn comes after the first period. Secrets Manager runs the
            # function's test step at once all the same, which reads the secret: it must have a value.
            rotate_immediately=False,
            opts=self.child("rotation", depends_on=[permission, seeded]),
        )
        return SecretsTelemetry(
            rotation_function_name=function.name,
            rotation_event_source=args.event_source,
            rotation_log_group_name=log_group.name,
        )


def rotation_policy(
    *,
    secret_arn: Any,
    event_bus_arn: Any,
    event_source: str,
    log_group_arn: Any,
    kms_key_arn: Any,
    region: str,
) -> dict[str, Any]:
    """What the rotation function may do: turn one secret, tell the event bus, write its log.

    Secrets Manager User Guide, "Lambda rotation function execution role permissions".
    """
    statements = [
        allow(
            "TurnTheSecret",
            [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            [secret_arn],
        ),
        allow(
            "TellOfIt",
            ["events:PutEvents"],
            [event_bus_arn],
            {"StringEquals": {"events:source": event_source}},
        ),
        allow(
            "WriteItsLog",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [pulumi.Output.concat(log_group_arn, ":*")],
        ),
    ]
    if kms_key_arn is not None:
        statements.append(
            allow(
                "UseTheKey",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                [kms_key_arn],
                {"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}},
            )
        )
    return document(*statements)
