"""The frozen dataclasses through which the components know one another.

``__main__.py`` carries them from one component to the next; no component
imports another. Everything another resource supplies is a ``pulumi.Input``;
what decides *whether* a child exists is a plain value, so that a preview
knows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The built API package: one deterministic zip for every backend.

    Attributes:
        path: where the zip lies, relative to the project's root.
        sha256: hex digest of the zip's bytes.
        size: bytes.
        runtime: Lambda runtime identifier it is compiled for, ``python3.13``.
        compiled: whether byte code is in it.
        notes: what the operator should know (no interpreter of the runtime found, ...).
    """

    path: str
    sha256: str
    size: int
    runtime: str
    compiled: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SecretRefs:
    """What ``Secrets`` gives: ARNs, and the value CloudFront sends to prove itself.

    Attributes:
        api_key_arn: ARN of the secret with the named API keys (JSON).
        origin_verify_arn: ARN of the secret with the accepted origin-verify values (JSON list).
        origin_verify_value: the value CloudFront sends now; a Pulumi secret.
        kms_key_arn: customer-managed key for logs, topic, table and secrets;
            None: keys owned by AWS.
    """

    api_key_arn: pulumi.Output[str]
    origin_verify_arn: pulumi.Output[str]
    origin_verify_value: pulumi.Output[str]
    kms_key_arn: pulumi.Output[str] | None = None


@dataclass(frozen=True, kw_only=True)
class SecretsTelemetry:
    """What Monitoring watches of ``Secrets``.

    Attributes:
        rotation_function_name: the rotation function, or None when rotation is off.
        rotation_event_source: ``source`` of the EventBridge event the function puts on
            the default bus after each turn.
        rotation_log_group_name: the function's log group, or None.
    """

    rotation_function_name: pulumi.Output[str] | None = None
    rotation_event_source: str | None = None
    rotation_log_group_name: pulumi.Output[str] | None = None


@dataclass(frozen=True, kw_only=True)
class ApiOrigin:
    """All CloudFront needs to know of a backend.

    Attributes:
        domain_name: host CloudFront connects to.
        origin_path: prefix put before the viewer's path, ``/stage`` for a REST API; ``""``: none.
        protocol: ``https-only`` or ``http-only``.
        vpc_origin_id: id of a CloudFront VPC origin; None: a public host.
        headers: custom origin headers; the values are Pulumi secrets.
        read_timeout_s: seconds without a byte after which CloudFront gives up.
    """

    domain_name: pulumi.Input[str]
    origin_path: pulumi.Input[str] = ""
    protocol: str = "https-only"
    vpc_origin_id: pulumi.Input[str] | None = None
    headers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    read_timeout_s: int = 60


@dataclass(frozen=True, kw_only=True)
class Route:
    """A path pattern of the distribution and the origin that answers it.

    Attributes:
        path_pattern: CloudFront path pattern such as ``/api/*``.
        origin: who answers.
        origin_id: id of the origin within the distribution; stable, never shown to viewers.
        standby: a second origin that only requests with the preview token reach, in ``X-Standby-Token``.
    """

    path_pattern: str
    origin: ApiOrigin
    origin_id: str = "api"
    standby: ApiOrigin | None = None

    @property
    def standby_id(self) -> str:
        """Id of the second origin within the distribution."""
        return standby_of(self.origin_id)


def standby_of(origin_id: str) -> str:
    """Id of the second origin beside one."""
    return f"{origin_id}-standby"


@dataclass(frozen=True, kw_only=True)
class LambdaTelemetry:
    """A Lambda function behind the API."""

    function_name: pulumi.Input[str]
    alias_name: str
    failure_queue_name: pulumi.Input[str]
    reserved_concurrency: int = 0


@dataclass(frozen=True, kw_only=True)
class RestApiTelemetry:
    """An API Gateway REST API stage in front of the API (dimensions ApiName, Stage)."""

    api_name: pulumi.Input[str]
    stage_name: str


@dataclass(frozen=True, kw_only=True)
class LoadBalancerTelemetry:
    """An Application Load Balancer; both values are the ARN suffixes CloudWatch uses as dimensions."""

    load_balancer: pulumi.Input[str]
    target_group: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class EcsServiceTelemetry:
    """An ECS service (dimensions ClusterName, ServiceName).

    Attributes:
        pauses: it has hours in which it runs no task, and is well.
    """

    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    min_tasks: int
    pauses: bool = False


@dataclass(frozen=True, kw_only=True)
class InstanceTelemetry:
    """An EC2 instance whose CloudWatch agent reports disk and memory in ``namespace``."""

    instance_id: pulumi.Input[str]
    namespace: str
    association_name: str


@dataclass(frozen=True, kw_only=True)
class ApiTelemetry:
    """All Monitoring needs to know of a backend: it alarms on what is there, never on a backend's name.

    Attributes:
        kind: ``lambda``, ``fargate``, ``ec2``; for titles only.
        log_groups: title to log group name.
        metric_namespace: CloudWatch namespace of the API's embedded metrics
            (Requests, Errors, Latency, InputTokens, OutputTokens, Usd).
        table_name: the state table, or None.
        models: Bedrock model ids or inference profiles, for the Bedrock metrics.
    """

    kind: str
    log_groups: Mapping[str, pulumi.Input[str]]
    metric_namespace: str
    table_name: pulumi.Input[str] | None = None
    models: Sequence[str] = ()
    function: LambdaTelemetry | None = None
    rest_api: RestApiTelemetry | None = None
    load_balancer: LoadBalancerTelemetry | None = None
    service: EcsServiceTelemetry | None = None
    instance: InstanceTelemetry | None = None


@dataclass(frozen=True, kw_only=True)
class SiteTelemetry:
    """All Monitoring needs to know of the site.

    Attributes:
        distribution_id: CloudFront distribution id.
        web_acl_name: metric name of the web ACL in us-east-1, or None without a firewall.
        certificate_arn: the certificate in us-east-1, or None without a domain.
        host: the public host name.
        health_path: path that tells whether the API lives through the edge; None without an API.
    """

    distribution_id: pulumi.Input[str]
    web_acl_name: pulumi.Input[str] | None
    certificate_arn: pulumi.Input[str] | None
    host: pulumi.Input[str]
    health_path: str | None
