"""The rules that hold between configuration keys, and the form of names, ARNs and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components import forms

if TYPE_CHECKING:
    from components.settings import Settings

# Task CPU units to the memory sizes in MB that Fargate takes with them
# (Amazon ECS Developer Guide, "Task CPU and memory").
FARGATE_MEMORY: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}

# Regions of AWS's other partitions: China, GovCloud, the isolated ones, the European Sovereign Cloud.
_ELSEWHERE = ("cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-")
# A foundation model id or an inference profile: "anthropic.x", "us.anthropic.x", "global.amazon.x:0".
_MODEL = re.compile(r"[a-z0-9]+(\.[a-z0-9][A-Za-z0-9-]*)+([.:][A-Za-z0-9.-]+)*")
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}")
_STACK = re.compile(r"[A-Za-z0-9_-]+")
_SECRET_PREFIX = re.compile(r"[A-Za-z0-9_+=.@-]+(/[A-Za-z0-9_+=.@-]+)*")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the configuration.

    Attributes:
        key: the key, without the namespace.
        value: what it is set to.
        reason: what is wrong and what is allowed.
        mend: the command that mends it, without ``--stack``.
    """

    key: str
    value: Any
    reason: str
    mend: str

    def text(self, stack: str) -> str:
        """The problem in one line."""
        key = self.key if ":" in self.key else f"orchestrator:{self.key}"
        shown = self.value if isinstance(self.value, str) else str(self.value)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        mend = " && ".join(f"{part} --stack {stack}" for part in self.mend.split(" && "))
        return f"{key} = '{shown}': {self.reason}. Mend: {mend}"


def check_together(s: Settings) -> list[Problem]:
    """Everything that is wrong with a configuration whose keys are well typed by themselves."""
    return [*_stack(s), *_region(s), *_names(s), *_api(s), *_network(s), *_operations(s)]


def _stack(s: Settings) -> Iterator[Problem]:
    # Pulumi takes a dot too; the dashboard and the alias of the key, which carry the stack's name, do not
    # (CloudWatch API Reference, PutDashboard; AWS KMS API Reference, CreateAlias).
    if not _STACK.fullmatch(s.stack):
        name = re.sub(r"[^A-Za-z0-9_-]", "-", s.stack)
        yield Problem(
            "pulumi:stack",
            s.stack,
            "letters, digits, '-' and '_' are allowed in a stack's name, which names in AWS carry",
            f"pulumi stack rename {name}",
        )


def _region(s: Settings) -> Iterator[Problem]:
    if s.region.startswith(_ELSEWHERE):
        yield Problem(
            "aws:region",
            s.region,
            "not supported: certificate and web ACL live in us-east-1, and CloudFront has its VPC origins in "
            "AWS's standard partition alone; allowed are the Regions of that, such as us-east-1",
            "pulumi config set aws:region us-east-1",
        )
    elif not forms.REGION.fullmatch(s.region):
        yield Problem(
            "aws:region",
            s.region,
            "the Region the stack lives in is wanted, such as us-east-1",
            "pulumi config set aws:region us-east-1",
        )


def _names(s: Settings) -> Iterator[Problem]:
    if s.domain:
        reason = domain_fault(s.domain, s.api_subdomain)
        if reason:
            yield Problem("domain", s.domain, reason, "pulumi config set domain yourdomain.com")
    if s.api_subdomain and not forms.LABEL.fullmatch(s.api_subdomain):
        yield Problem(
            "apiSubdomain",
            s.api_subdomain,
            "one label of lower-case letters, digits and inner hyphens is wanted, without the domain",
            "pulumi config set apiSubdomain api",
        )
    if s.api_subdomain == "www" and s.www_redirect:
        yield Problem(
            "apiSubdomain",
            s.api_subdomain,
            "www is taken by wwwRedirect",
            "pulumi config set apiSubdomain api",
        )
    for key, value in (("hostedZoneId", s.hosted_zone_id), ("certificateArn", s.certificate_arn)):
        if value and not s.domain:
            yield Problem(
                key, value, "it means nothing without a domain", "pulumi config set domain yourdomain.com"
            )
    if s.hosted_zone_id and not forms.ZONE_ID.fullmatch(s.hosted_zone_id):
        yield Problem(
            "hostedZoneId",
            s.hosted_zone_id,
            "a hosted zone id is wanted, such as Z0123456789ABCDEFGHIJ",
            "pulumi config set hostedZoneId <zone id>",
        )
    if s.dns_provider == "external" and s.hosted_zone_id:
        yield Problem(
            "hostedZoneId",
            s.hosted_zone_id,
            "with dnsProvider external no Route 53 zone is used",
            "pulumi config rm hostedZoneId",
        )
    if s.dns_provider == "external" and s.domain and not s.certificate_arn:
        yield Problem(
            "dnsProvider",
            s.dns_provider,
            "a certificate cannot be validated in a zone hosted elsewhere, so certificateArn is wanted",
            "pulumi config set certificateArn <ARN of an issued certificate in us-east-1>",
        )
    if s.certificate_arn and not forms.CERTIFICATE.fullmatch(s.certificate_arn):
        yield Problem(
            "certificateArn",
            s.certificate_arn,
            "CloudFront takes only the ARN of an ACM certificate in us-east-1",
            "pulumi config set certificateArn <ARN of an issued certificate in us-east-1>",
        )


def domain_fault(domain: str, api_subdomain: str = "api") -> str:
    """Why a domain cannot be the apex of a site; "" when it can.

    Args:
        domain: the configured value.
        api_subdomain: label of the API's name, which must not stand in the domain already.
    """
    if "://" in domain or "/" in domain or ":" in domain:
        return "the bare name is wanted, without scheme, port or path"
    if not domain.isascii():
        try:
            return f"the ASCII form is wanted: {domain.encode('idna').decode()}"
        except UnicodeError:
            return "it is not a domain name"
    if domain.endswith(".") or domain.startswith("."):
        return "no dot at either end is allowed"
    if domain != domain.lower():
        return f"lower case is wanted: {domain.lower()}"
    if "*" in domain:
        return "no wildcard is allowed"
    labels = domain.split(".")
    if len(domain) > 253 or len(labels) < 2 or not all(forms.LABEL.fullmatch(label) for label in labels):
        return "it is not a domain name"
    if labels[-1].isdigit():
        return "an address is no domain name"
    for label in labels:
        if label.startswith("xn--"):
            try:
                label.encode().decode("idna")
            except UnicodeError:
                return f"'{label}' is not valid punycode"
    if labels[0] == "www" and len(labels) > 2:
        return f"the apex is wanted, www is added by wwwRedirect: {'.'.join(labels[1:])}"
    if api_subdomain and labels[0] == api_subdomain and len(labels) > 2:
        return f"the apex is wanted, {api_subdomain}. is added by apiSubdomain: {'.'.join(labels[1:])}"
    return ""


def _backends(s: Settings) -> set[str]:
    """Every backend that is made: a standby must be as right as what answers now."""
    return {s.api_backend, s.api_standby} - {"", "none"}


def _api(s: Settings) -> Iterator[Problem]:
    backends = _backends(s)
    if not s.bedrock_models:
        yield Problem(
            "bedrockModels",
            "[]",
            "at least one model id or inference profile is wanted; the first is the default",
            "pulumi config set --path 'bedrockModels[0]' global.anthropic.claude-haiku-5-5",
        )
    for index, model in enumerate(s.bedrock_models):
        if not _MODEL.fullmatch(model):
            yield Problem(
                "bedrockModels",
                model,
                "a model id or inference profile is wanted, such as global.anthropic.claude-haiku-5-5",
                f"pulumi config set --path 'bedrockModels[{index}]' global.anthropic.claude-haiku-5-5",
            )
    if "lambda" in backends and s.api_memory_mb and not 128 <= s.api_memory_mb <= 10_240:
        yield Problem(
            "apiMemoryMb",
            s.api_memory_mb,
            "Lambda takes 128 to 10,240 MB",
            "pulumi config set apiMemoryMb 1024",
        )
    if "fargate" in backends:
        cpu, memory = s.api_cpu or 256, s.api_memory_mb or 512
        if s.api_cpu and not s.api_memory_mb:
            memory = FARGATE_MEMORY[s.api_cpu][0]
        if memory not in FARGATE_MEMORY[cpu]:
            allowed = ", ".join(map(str, FARGATE_MEMORY[cpu]))
            yield Problem(
                "apiMemoryMb",
                s.api_memory_mb,
                f"with apiCpu {cpu} Fargate takes {allowed} MB",
                f"pulumi config set apiMemoryMb {FARGATE_MEMORY[cpu][0]}",
            )
    if s.api_min_tasks > s.api_max_tasks:
        yield Problem(
            "apiMinTasks",
            s.api_min_tasks,
            f"it is more than apiMaxTasks ({s.api_max_tasks})",
            f"pulumi config set apiMaxTasks {s.api_min_tasks}",
        )
    if "ec2" in backends and not forms.ARM_INSTANCE.fullmatch(s.instance_type):
        yield Problem(
            "instanceType",
            s.instance_type,
            "an arm64 (Graviton) type is wanted, such as t4g.small or m7g.medium",
            "pulumi config set instanceType t4g.small",
        )
    if s.api_image:
        if "fargate" not in backends:
            yield Problem(
                "apiImage",
                s.api_image,
                f"only Fargate runs an image, apiBackend is {s.api_backend}",
                "pulumi config rm apiImage",
            )
        if not _IMAGE.fullmatch(s.api_image):
            yield Problem(
                "apiImage",
                s.api_image,
                "an image by digest is wanted, repository@sha256:<64 hex digits>",
                "pulumi config set apiImage <image>@sha256:<digest>",
            )
    if s.api_standby and s.api_standby == s.api_backend:
        yield Problem("apiStandby", s.api_standby, "it is apiBackend itself", "pulumi config rm apiStandby")
    if s.api_standby and s.api_backend == "none":
        yield Problem(
            "apiStandby",
            s.api_standby,
            "there is nothing to stand by for with apiBackend none",
            f"pulumi config set apiBackend {s.api_standby}",
        )
    if s.api_work_hours and forms.work_hours(s.api_work_hours) is None:
        yield Problem(
            "apiWorkHours",
            s.api_work_hours,
            "two-digit hours, the later one last, and a time zone are wanted, START-STOP ZONE",
            "pulumi config set apiWorkHours '08-18 Europe/Berlin'",
        )
    elif s.api_work_hours and s.protect_data:
        yield Problem(
            "apiWorkHours",
            s.api_work_hours,
            "it would stop a production service every evening",
            "pulumi config rm apiWorkHours",
        )
    if s.public_chat and s.api_backend == "none":
        yield Problem(
            "publicChat", "true", "there is no API with apiBackend none", "pulumi config set publicChat false"
        )


def _network(s: Settings) -> Iterator[Problem]:
    if s.egress == "public-ip" and "ec2" in _backends(s):
        yield Problem(
            "egress",
            s.egress,
            "only Fargate tasks may stand in public subnets; allowed are auto, nat, nat-instance, endpoints",
            "pulumi config set egress nat-instance",
        )
    if (
        s.egress == "endpoints"
        and "fargate" in _backends(s)
        and not forms.PRIVATE_IMAGE.fullmatch(s.api_image)
    ):
        yield Problem(
            "egress",
            s.egress,
            "a public image cannot be pulled through endpoints: apiImage in a private ECR is wanted",
            "pulumi config set apiImage <account>.dkr.ecr.<region>.amazonaws.com/<name>@sha256:<digest>",
        )
    if s.vpc_id and not re.fullmatch(r"vpc-[0-9a-f]{8,17}", s.vpc_id):
        yield Problem(
            "vpcId",
            s.vpc_id,
            "a VPC id is wanted, such as vpc-0123456789abcdef0",
            "pulumi config set vpcId <vpc id>",
        )
    if bool(s.vpc_id) != bool(s.subnet_ids):
        yield Problem(
            "subnetIds",
            ", ".join(s.subnet_ids),
            "vpcId and subnetIds belong together: private subnets of two Availability Zones",
            "pulumi config set --path 'subnetIds[0]' <subnet id>"
            if s.vpc_id
            else "pulumi config set vpcId <vpc id>",
        )
    for subnet in s.subnet_ids:
        if not re.fullmatch(r"subnet-[0-9a-f]{8,17}", subnet):
            yield Problem(
                "subnetIds",
                subnet,
                "subnet ids are wanted, such as subnet-0123456789abcdef0",
                "pulumi config set --path 'subnetIds[0]' <subnet id>",
            )
    if s.vpc_id and len(s.subnet_ids) == 1:
        yield Problem(
            "subnetIds",
            s.subnet_ids[0],
            "at least two, in two Availability Zones, are wanted",
            "pulumi config set --path 'subnetIds[1]' <subnet id>",
        )


def _operations(s: Settings) -> Iterator[Problem]:
    if s.alarm_email and not forms.EMAIL.fullmatch(s.alarm_email):
        yield Problem(
            "alarmEmail",
            s.alarm_email,
            "one e-mail address is wanted",
            "pulumi config set alarmEmail ops@yourdomain.com",
        )
    # Secrets Manager: letters, digits and /_+=.@- in a name. Names starting with aws/ are AWS's own. What AWS
    # says about the end of a name does not bear on this: it is only the beginning.
    if (
        not _SECRET_PREFIX.fullmatch(s.secret_prefix)
        or s.secret_prefix.lower().startswith("aws/")
        or len(s.secret_prefix) > 400
    ):
        yield Problem(
            "secretPrefix",
            s.secret_prefix,
            "a path of letters, digits and _+=.@- is wanted, at most 400 characters, not under aws/",
            f"pulumi config set secretPrefix orchestrator/{s.stack}",
        )
