"""CloudFront's way into the VPC: one private load balancer or instance, and nobody else's."""

from __future__ import annotations

import pulumi
from pulumi_aws import cloudfront, ec2, vpc

from components.orchestrator_api.maker import Maker

PREFIX_LIST = "com.amazonaws.global.cloudfront.origin-facing"
"""Addresses CloudFront connects from; kept by AWS."""


def admit_cloudfront(
    make: Maker, key: str, group: ec2.SecurityGroup, port: int
) -> vpc.SecurityGroupIngressRule:
    """Lets CloudFront, and only it, connect to ``port`` of a group.

    The header with the origin-verify value tells this distribution from others (Amazon CloudFront
    Developer Guide, "Restrict access with VPC origins", "Update your security groups").
    """
    addresses = ec2.get_managed_prefix_list_output(name=PREFIX_LIST, opts=make.lookup())
    return vpc.SecurityGroupIngressRule(
        f"{make.name}-{key}",
        security_group_id=group.id,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        prefix_list_id=addresses.id,
        description="CloudFront",
        tags=make.tags(key),
        opts=make.child(key),
    )


def make_vpc_origin(
    make: Maker,
    key: str,
    *,
    arn: pulumi.Input[str],
    name: pulumi.Input[str],
    protocol: str,
    http_port: int = 80,
    ready: list[pulumi.Resource],
) -> cloudfront.VpcOrigin:
    """The VPC origin of a load balancer or an instance.

    CloudFront refuses to change a VPC origin that a distribution uses, so every change makes a new one:
    the new one first, then the distribution, then the old one goes. Its name must differ for that.

    Args:
        make: names and options.
        key: key of the child.
        arn: what it points at.
        name: unique, and different when anything else is; at most 64 characters.
        protocol: ``https-only`` or ``http-only``.
        http_port: port for HTTP.
        ready: what must stand before CloudFront may connect, an internet gateway among it.
    """
    return cloudfront.VpcOrigin(
        f"{make.name}-{key}",
        vpc_origin_endpoint_config=cloudfront.VpcOriginVpcOriginEndpointConfigArgs(
            name=name,
            arn=arn,
            http_port=http_port,
            https_port=443,
            origin_protocol_policy=protocol,
            origin_ssl_protocols=cloudfront.VpcOriginVpcOriginEndpointConfigOriginSslProtocolsArgs(
                items=["TLSv1.2"], quantity=1
            ),
        ),
        tags=dict(make.args.tags),
        opts=make.child(
            key,
            depends_on=ready,
            replace_on_changes=["vpcOriginEndpointConfig"],
            custom_timeouts=pulumi.CustomTimeouts(create="30m", delete="30m"),
        ),
    )
