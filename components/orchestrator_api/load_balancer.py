"""The internal load balancer of the Fargate backend; CloudFront is its only caller."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import acm, ec2, lb, route53, s3, vpc

from components.hosted_zone import find_zone_id
from components.iam import allow_principal
from components.orchestrator_api.buckets import children, private_bucket
from components.orchestrator_api.maker import Maker
from components.orchestrator_api.network import Network
from components.orchestrator_api.permissions import join
from components.orchestrator_api.vpc_origin import admit_cloudfront

APP_PORT = 8080
HEALTH_PATH = "/api/v1/health"
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"

IDLE_TIMEOUT_S = 60
"""Shorter than the 65 s for which the API keeps an idle connection: who closes first must be the balancer,
or a request meets a closing connection (502). Streams send a heartbeat every 10 s."""

DRAIN_S = 300
"""How long a task that is being replaced may go on answering what it had begun."""

CHILDREN = (
    "balancer-group",
    "balancer-in",
    "balancer-out",
    *children("balancer-logs"),
    "balancer-logs-lifecycle",
    "balancer",
    "targets",
    "listener",
    "origin-certificate",
    "origin-validation",
    "origin-certificate-issued",
)


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    """What the service and the origin need.

    Attributes:
        balancer: the load balancer.
        targets: the target group.
        listener: the listener; no target is healthy without it.
        group: security group of the load balancer.
        host: name CloudFront connects under.
        protocol: ``https-only`` with a certificate, else ``http-only``, inside AWS's network.
        rules: the group's rules.
    """

    balancer: lb.LoadBalancer
    targets: lb.TargetGroup
    listener: lb.Listener
    group: ec2.SecurityGroup
    host: pulumi.Output[str] | str
    protocol: str
    rules: list[pulumi.Resource]


def make_load_balancer(make: Maker, network: Network, tasks: ec2.SecurityGroup) -> LoadBalancer:
    """An internal Application Load Balancer in both zones; with TLS when there is a domain and its zone."""
    args = make.args
    tls = bool(args.domain) and args.dns_provider == "route53"
    port = 443 if tls else 80
    group = ec2.SecurityGroup(
        f"{make.name}-balancer-group",
        vpc_id=network.vpc_id,
        description="Load balancer: from CloudFront to the tasks",
        tags=make.tags("balancer"),
        opts=make.child("balancer-group"),
    )
    rules = [
        admit_cloudfront(make, "balancer-in", group, port),
        vpc.SecurityGroupEgressRule(
            f"{make.name}-balancer-out",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=APP_PORT,
            to_port=APP_PORT,
            referenced_security_group_id=tasks.id,
            description="Tasks",
            tags=make.tags("balancer-out"),
            opts=make.child("balancer-out"),
        ),
    ]
    logs = _access_logs(make) if args.protect_data else None
    balancer = lb.LoadBalancer(
        f"{make.name}-balancer",
        internal=True,
        load_balancer_type="application",
        subnets=list(network.private_subnets),
        security_groups=[group.id],
        idle_timeout=IDLE_TIMEOUT_S,
        drop_invalid_header_fields=True,
        desync_mitigation_mode="strictest",
        enable_deletion_protection=False,
        access_logs=None
        if logs is None
        else lb.LoadBalancerAccessLogsArgs(bucket=logs[0].bucket, enabled=True),
        tags=make.tags("balancer"),
        opts=make.child("balancer", depends_on=[] if logs is None else [logs[1]]),
    )
    targets = lb.TargetGroup(
        f"{make.name}-targets",
        vpc_id=network.vpc_id,
        target_type="ip",
        protocol="HTTP",
        port=APP_PORT,
        deregistration_delay=DRAIN_S,
        # Streams last minutes: the task with the fewest of them gets the next request.
        load_balancing_algorithm_type="least_outstanding_requests",
        health_check=lb.TargetGroupHealthCheckArgs(
            enabled=True,
            path=HEALTH_PATH,
            protocol="HTTP",
            matcher="200",
            interval=10,
            timeout=5,
            healthy_threshold=2,
            unhealthy_threshold=3,
        ),
        tags=make.tags("targets"),
        opts=make.child("targets"),
    )
    host, certificate = _certificate(make) if tls else (balancer.dns_name, None)
    listener = lb.Listener(
        f"{make.name}-listener",
        load_balancer_arn=balancer.arn,
        port=port,
        protocol="HTTPS" if tls else "HTTP",
        ssl_policy=TLS_POLICY if tls else None,
        certificate_arn=certificate,
        default_actions=[lb.ListenerDefaultActionArgs(type="forward", target_group_arn=targets.arn)],
        tags=make.tags("listener"),
        opts=make.child("listener"),
    )
    return LoadBalancer(
        balancer=balancer,
        targets=targets,
        listener=listener,
        group=group,
        host=host,
        protocol="https-only" if tls else "http-only",
        rules=rules,
    )


def _certificate(make: Maker) -> tuple[str, pulumi.Output[str]]:
    """A certificate of this Region for ``origin.<domain>``, which CloudFront alone asks for."""
    host = f"origin.{make.args.domain}"
    certificate = acm.Certificate(
        f"{make.name}-origin-certificate",
        domain_name=host,
        validation_method="DNS",
        tags=dict(make.args.tags),
        opts=make.child("origin-certificate"),
    )
    option = certificate.domain_validation_options[0]
    record = route53.Record(
        f"{make.name}-origin-validation",
        zone_id=_zone_id(make),
        name=option.resource_record_name,
        type=option.resource_record_type,
        records=[option.resource_record_value],
        ttl=300,
        allow_overwrite=True,
        opts=make.child("origin-validation"),
    )
    issued = acm.CertificateValidation(
        f"{make.name}-origin-certificate-issued",
        certificate_arn=certificate.arn,
        validation_record_fqdns=[record.fqdn],
        opts=make.child("origin-certificate-issued"),
    )
    return host, issued.certificate_arn


def _zone_id(make: Maker) -> str:
    """The zone of the domain: the one given, else looked up, in a preview too."""
    if make.args.hosted_zone_id:
        return make.args.hosted_zone_id
    options = pulumi.InvokeOptions(parent=make.component)
    return find_zone_id(
        make.args.domain, lambda name: route53.get_zone(name=name, private_zone=False, opts=options).zone_id
    )


def _access_logs(make: Maker) -> tuple[s3.Bucket, s3.BucketPolicy]:
    """The bucket of the access logs, kept as long as other logs.

    It outlives the load balancer but is not protected: a switch to another backend must not be refused.
    """
    args = make.args
    balancers = f"arn:aws:elasticloadbalancing:{args.region}:"
    write = allow_principal(
        "AccessLogs",
        {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        ["s3:PutObject"],
        [join("/AWSLogs/", args.account_id, "/*")],
        {
            "StringEquals": {"aws:SourceAccount": args.account_id},
            "ArnLike": {"aws:SourceArn": join(balancers, args.account_id, ":loadbalancer/*")},
        },
    )
    bucket, policy = private_bucket(make, "balancer-logs", write, retain_on_delete=True)
    s3.BucketLifecycleConfiguration(
        f"{make.name}-balancer-logs-lifecycle",
        bucket=bucket.id,
        rules=[
            s3.BucketLifecycleConfigurationRuleArgs(
                id="end",
                status="Enabled",
                filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.log_retention_days),
            )
        ],
        opts=make.child("balancer-logs-lifecycle"),
    )
    return bucket, policy
