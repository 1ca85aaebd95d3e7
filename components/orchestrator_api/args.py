"""What OrchestratorApi is told, and the rules it must keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.interfaces import Artifact, SecretRefs


@dataclass(frozen=True, kw_only=True)
class OrchestratorApiArgs:
    """Arguments of OrchestratorApi.

    Attributes:
        backend: where the API runs; a key of ``backend.BACKENDS``.
        artifact: the built API package.
        secrets: what the Secrets component made.
        bedrock_models: model ids or inference profiles the API may call, the first is the default;
            permissions are derived from them.
        project, stack: names of both; log groups are named after them.
        region: the home Region.
        account_id: the AWS account.
        memory_mb: memory of a function or a task in MB; 0: what suits the backend.
        cpu: CPU units of a Fargate task, 1024 are one vCPU; 0: 256.
        min_tasks, max_tasks: bounds of the Fargate service.
        instance_type: of the EC2 backend; Graviton only, the artifact's byte code aside everything is arm64.
        egress: how Fargate and EC2 reach AWS, one of ``forms.EGRESS``; see docs/backends.md.
        vpc_id, subnet_ids: an existing VPC and its private subnets in two Availability Zones.
        image: container image by digest for Fargate, instead of the artifact.
        max_concurrency: reserved concurrency of the function, and the other backends' cap; 0: none.
        gateway_account_role: ``create`` or ``existing``, the account's role for API Gateway's logs.
        public_chat: whether ``POST /api/v1/chat`` answers without a key.
        site_origins: origins the public chat accepts.
        domain: host name of the site; "": none.
        dns_provider: ``route53`` or ``external``; with a domain in Route 53 CloudFront speaks TLS to the
            load balancer, whose certificate is proved there.
        hosted_zone_id: the zone of ``domain``; "": looked up.
        standby: a second backend beside the first, unrouted; "": none.
        spot_share: percentage of Fargate tasks above ``min_tasks`` that run on Spot.
        work_hours: hours in which the service runs, as ``08-18 Europe/Berlin`` (Monday to Friday); outside
            them it has no tasks. "": always.
        log_retention_days: of every log group.
        protect_data: production: the table is protected and kept, the network writes flow logs.
        tags: of every taggable resource.
    """

    backend: str
    artifact: Artifact
    secrets: SecretRefs
    bedrock_models: Sequence[str]
    project: str
    stack: str
    region: str
    account_id: pulumi.Input[str]
    memory_mb: int = 0
    cpu: int = 0
    min_tasks: int = 1
    max_tasks: int = 4
    instance_type: str = "t4g.small"
    egress: str = "auto"
    vpc_id: str = ""
    subnet_ids: Sequence[str] = ()
    image: str = ""
    max_concurrency: int = 0
    gateway_account_role: str = "create"
    public_chat: bool = False
    site_origins: Sequence[str] = ()
    domain: str = ""
    dns_provider: str = "route53"
    hosted_zone_id: str = ""
    standby: str = ""
    spot_share: int = 0
    work_hours: str = ""
    log_retention_days: int = 30
    protect_data: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def used_backends(self) -> tuple[str, ...]:
        """The backend, and the one that stands by."""
        return (self.backend, self.standby) if self.standby else (self.backend,)

    @property
    def metric_namespace(self) -> str:
        """CloudWatch namespace of the API's embedded metrics."""
        return f"{self.project}/{self.stack}"

    @property
    def log_prefix(self) -> str:
        """What the name of every log group of the API starts with; two stacks of an account never meet."""
        return f"/{self.project}/{self.stack}/api"


def problems(args: OrchestratorApiArgs, backends: Sequence[str]) -> list[str]:
    """Every way in which ``args`` are wrong, whatever the backend; empty: they are right.

    Args:
        args: the arguments.
        backends: the backends there are.
    """
    found = []
    if args.backend not in backends:
        found.append(f"backend is {args.backend!r}; allowed are: {', '.join(backends)}")
    if args.standby and (args.standby not in backends or args.standby == args.backend):
        others = [backend for backend in backends if backend != args.backend]
        found.append(f"standby is {args.standby!r}; allowed are: {', '.join(others)}, or nothing")
    if not args.region:
        found.append("region is empty; mend: pulumi config set aws:region us-east-1")
    if not args.bedrock_models:
        found.append("bedrock_models is empty; at least one model id or inference profile is needed")
    for model in args.bedrock_models:
        if not model or set(model) & set("*?/ ") or model.startswith("arn:"):
            found.append(
                f"bedrock_models has {model!r}; wanted is the id of a model or of a system-defined inference "
                "profile such as global.anthropic.claude-haiku-5-5"
            )
    if args.gateway_account_role not in ("create", "existing"):
        found.append(f"gateway_account_role is {args.gateway_account_role!r}; allowed are: create, existing")
    if args.max_concurrency < 0:
        found.append(f"max_concurrency is {args.max_concurrency}; 0 (no reservation) or more is allowed")
    return found
