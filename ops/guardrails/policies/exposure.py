"""Nothing is public but the distribution."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ops.guardrails.documents import Statement, statements
from ops.guardrails.facts import as_list, attached, get
from ops.guardrails.model import WELL_ARCHITECTED, Violation, policy
from ops.plan import Plan, PlannedResource

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

NARROWING_KEYS = frozenset(
    {
        "aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceowner", "aws:principalarn",
        "aws:principalaccount", "aws:principalorgid", "aws:sourcevpce", "aws:sourcevpc", "kms:calleraccount",
        "kms:viaservice",
    }
)  # fmt: skip
"""Condition keys that make a statement for everybody one for somebody (the list S3 and IAM Access
Analyzer use, https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html)."""

_SECURITY_GROUPS = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
)


@policy(
    "bucket-public-access-block",
    "mandatory",
    "Every bucket blocks public access in all four ways.",
    controls=("S3.8", "S3.2", "S3.3"),
)
def bucket_public_access_block(plan: Plan) -> Iterator[Violation]:
    blocks = plan.all("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    for bucket in plan.all("aws:s3/bucket:Bucket"):
        mine = attached(bucket, blocks, "bucket")
        open_ = [k for k in _BLOCKS if not any(b.inputs.get(k) is True for b in mine)]
        if open_:
            yield Violation(
                resource=bucket,
                message=f"public access is not blocked by {', '.join(open_)}",
                mend="add a BucketPublicAccessBlock with all four set to true",
                subjects=tuple(open_),
            )


@policy(
    "resource-policy-not-public",
    "mandatory",
    "No policy of a bucket, queue, topic, key, secret or API lets everybody in.",
    controls=("S3.2", "SQS.3", "SNS.4", "KMS.5"),
)
def resource_policy_not_public(plan: Plan) -> Iterator[Violation]:
    for statement in statements(plan, "resource", "trust"):
        if statement.allow and _for_everybody(statement) and not _narrowed(statement):
            yield Violation(
                resource=statement.resource,
                message=f"everybody may {', '.join(statement.actions) or 'do everything'}",
                mend="name the principal, or add a condition on aws:SourceArn or aws:SourceAccount",
                subjects=statement.actions,
            )


def _for_everybody(statement: Statement) -> bool:
    return statement.not_principal or any(value == "*" for _, value in statement.principals)


def _narrowed(statement: Statement) -> bool:
    # A negated operator, or a value that fits all, narrows nothing.
    return any(
        key in NARROWING_KEYS and "Not" not in operator and "*" not in values
        for operator, key, values in statement.conditions
    )


@policy(
    "function-not-public",
    "mandatory",
    "No function may be invoked by everybody.",
    controls=("Lambda.1",),
)
def function_not_public(plan: Plan) -> Iterator[Violation]:
    for permission in plan.all("aws:lambda/permission:Permission"):
        narrowed = any(permission.inputs.get(k) for k in ("sourceArn", "sourceAccount", "principalOrgId"))
        if permission.inputs.get("principal") == "*" and not narrowed:
            yield Violation(
                resource=permission,
                message="principal is '*' with neither source ARN nor account",
                mend="set the service that calls as principal, and source_arn to the resource it calls for",
            )


@policy(
    "function-url-signed",
    "mandatory",
    "A function URL asks for a signature (AWS_IAM).",
    controls=("Lambda.1",),
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",),
)
def function_url_signed(plan: Plan) -> Iterator[Violation]:
    for url in plan.all("aws:lambda/functionUrl:FunctionUrl"):
        if url.inputs.get("authorizationType") != "AWS_IAM":
            yield Violation(
                resource=url,
                message=f"authorizationType is {url.inputs.get('authorizationType')!r}: anybody may call it",
                mend="set authorization_type to AWS_IAM",
            )


@policy(
    "security-group-not-world",
    "mandatory",
    "No security group lets the whole internet in, on any port.",
    controls=("EC2.18", "EC2.19", "EC2.53", "EC2.54"),
)
def security_group_not_world(plan: Plan) -> Iterator[Violation]:
    for resource, rule in _ingress_rules(plan):
        for source in _sources(rule):
            if _is_wide(source):
                ports = f"{rule.get('fromPort', 'all')}-{rule.get('toPort', 'all')}"
                yield Violation(
                    resource=resource,
                    message=f"inbound ports {ports} are open to {source}",
                    mend="name a security group, or CloudFront's origin-facing prefix list",
                    subjects=(source,),
                )


def _ingress_rules(plan: Plan) -> Iterator[tuple[PlannedResource, Mapping[str, Any]]]:
    for rule in plan.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        yield rule, rule.inputs
    for rule in plan.all("aws:ec2/securityGroupRule:SecurityGroupRule"):
        if rule.inputs.get("type") == "ingress":
            yield rule, rule.inputs
    for type_ in _SECURITY_GROUPS:
        for group in plan.all(type_):
            for inline in as_list(group.inputs.get("ingress")):
                yield group, inline


def _sources(rule: Mapping[str, Any]) -> list[str]:
    keys = ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks")
    return [str(cidr) for key in keys for cidr in as_list(rule.get(key))]


def _is_wide(cidr: str) -> bool:
    """Whether a range holds more than a private network could: the world in halves is the world too."""
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False
    return not network.is_private and network.prefixlen < (8 if network.version == 4 else 32)


@policy(
    "default-security-group-empty",
    "mandatory",
    "The default security group of a VPC made here has no rules.",
    controls=("EC2.2",),
)
def default_security_group_empty(plan: Plan) -> Iterator[Violation]:
    groups = plan.all("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    for vpc in plan.all("aws:ec2/vpc:Vpc"):
        mine = attached(vpc, groups, "vpcId")
        if not mine:
            yield Violation(
                resource=vpc,
                message="its default security group keeps AWS's rules: members reach each other",
                mend="add ec2.DefaultSecurityGroup(vpc_id=...) without rules",
            )
        for group in mine:
            if group.inputs.get("ingress") or group.inputs.get("egress"):
                yield Violation(resource=group, message="it has rules", mend="remove ingress and egress")


@policy(
    "no-public-address",
    "mandatory",
    "Neither instance nor task nor subnet gives out public addresses.",
    controls=("EC2.9", "EC2.15", "EC2.25", "ECS.2"),
)
def no_public_address(plan: Plan) -> Iterator[Violation]:
    for resource in plan.custom():
        for path in _PUBLIC_ADDRESS.get(resource.type, ()):
            if get(resource.inputs, *path) is True:
                where = ".".join(map(str, path))
                yield Violation(
                    resource=resource,
                    message=f"{where} is true: only security groups keep the internet out",
                    mend="put it into a private subnet, with a NAT or endpoints as its way out",
                    subjects=(where,),
                )
        if resource.type == "aws:ec2/eip:Eip" and resource.inputs.get("instance"):
            yield Violation(
                resource=resource,
                message="an Elastic IP address on an instance",
                mend="reach the instance through a CloudFront VPC origin",
                subjects=("instance",),
            )
        if resource.type == "aws:ec2/eipAssociation:EipAssociation":
            yield Violation(
                resource=resource,
                message="an Elastic IP address on an instance or interface",
                mend="reach the instance through a CloudFront VPC origin",
                subjects=("instance",),
            )


_PUBLIC_ADDRESS: Mapping[str, tuple[tuple[str | int, ...], ...]] = {
    "aws:ec2/instance:Instance": (("associatePublicIpAddress",),),
    "aws:ec2/launchTemplate:LaunchTemplate": (("networkInterfaces", 0, "associatePublicIpAddress"),),
    "aws:ecs/service:Service": (("networkConfiguration", "assignPublicIp"),),
    "aws:ec2/subnet:Subnet": (("mapPublicIpOnLaunch",),),
}


@policy(
    "load-balancer-internal",
    "mandatory",
    "A load balancer is internal: CloudFront reaches it through a VPC origin.",
    sources=(
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html",
    ),
)
def load_balancer_internal(plan: Plan) -> Iterator[Violation]:
    for balancer in plan.all("aws:lb/loadBalancer:LoadBalancer"):
        if balancer.inputs.get("internal") is not True:
            yield Violation(
                resource=balancer,
                message="it faces the internet, beside the distribution and its firewall",
                mend="set internal=True and make it a CloudFront VPC origin",
            )


@policy(
    "endpoint-policy",
    "mandatory",
    "Every VPC endpoint has a policy: without one it carries any call to any account.",
    sources=(
        "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",
        f"{WELL_ARCHITECTED}/security-pillar/sec_permissions_analyze_cross_account.html",
    ),
)
def endpoint_policy(plan: Plan) -> Iterator[Violation]:
    policies = plan.all("aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy")
    for endpoint in plan.all("aws:ec2/vpcEndpoint:VpcEndpoint"):
        if not endpoint.inputs.get("policy") and not attached(endpoint, policies, "vpcEndpointId"):
            yield Violation(
                resource=endpoint,
                message="no policy: the default lets any principal call anything through it",
                mend="set policy to the actions and resources that are needed",
            )
    for statement in statements(plan, "endpoint"):
        if statement.allow and "*" in statement.resources and not _narrowed(statement):
            yield Violation(
                resource=statement.resource,
                message=f"{', '.join(statement.actions)} on every resource of every account",
                mend="name the resources, or the account by aws:PrincipalAccount",
                subjects=statement.actions,
            )
