"""How what stands in the network reaches AWS: a NAT gateway, a NAT instance, own addresses, endpoints."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
from pulumi_aws import ec2, ssm
from pulumi_aws import vpc as vpc_rules

from components.orchestrator_api import endpoints
from components.orchestrator_api.maker import Maker

ANYWHERE = "0.0.0.0/0"
HTTPS = 443
CIDR = "10.88.0.0/16"

AMI_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
"""The newest Amazon Linux 2023 for Graviton (Systems Manager User Guide, "Calling AMI public parameters")."""

NAT_AMI_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-default-arm64"
"""The same without what a NAT instance has no use for, on a smaller disk."""

NAT_TYPE = "t4g.nano"
NAT_DISK_GB = 3
NAT_SCRIPT = Path(__file__).with_name("userdata") / "nat.sh"

_SERVICES = sorted({service for actions in endpoints.SERVICES.values() for service in actions})

CHILDREN = (
    "private-route",
    "nat-address",
    "nat-gateway",
    "nat-group",
    "nat-out",
    "nat-interface",
    "nat-instance",
    "endpoint-s3",
    "endpoint-dynamodb",
    "endpoint-group",
    *(f"endpoint-{service.replace('.', '-')}" for service in _SERVICES),
)


@dataclass(frozen=True, kw_only=True)
class WayOut:
    """What clients must be let to, and what must exist before they can leave.

    Attributes:
        nat_group: group of the NAT instance.
        endpoint_group: group of the interface endpoints.
        gateways: service to gateway endpoint.
        ready: routes and endpoints.
    """

    nat_group: ec2.SecurityGroup | None = None
    endpoint_group: ec2.SecurityGroup | None = None
    gateways: Mapping[str, ec2.VpcEndpoint] = field(default_factory=dict)
    ready: Sequence[pulumi.Resource] = ()


def make_way_out(
    make: Maker,
    kind: str,
    backends: Sequence[str],
    *,
    vpc: ec2.Vpc,
    public_subnet: ec2.Subnet,
    private_subnets: Sequence[ec2.Subnet],
    tables: Mapping[str, ec2.RouteTable],
    outside: ec2.Route,
    bucket_arn: pulumi.Input[str] | None,
    table_arn: pulumi.Input[str],
) -> WayOut:
    """The way out of ``kind``; S3 and DynamoDB always through their gateway endpoints, which cost nothing.

    Args:
        make: names and options.
        kind: ``nat``, ``nat-instance``, ``public-ip`` or ``endpoints``.
        backends: the backends, for the endpoints they need.
        vpc: the VPC.
        public_subnet: where NAT stands.
        private_subnets: where interface endpoints stand.
        tables: route tables by kind of subnet.
        outside: the route of the public subnets.
        bucket_arn, table_arn: what the gateway endpoints let through.
    """
    gateways = _gateway_endpoints(make, vpc, tables, bucket_arn, table_arn)
    private = tables["private"]
    if kind == "nat":
        route = _nat_gateway(make, public_subnet, private, outside)
        return WayOut(gateways=gateways, ready=[*gateways.values(), route])
    if kind == "nat-instance":
        group, ready = _nat_instance(make, vpc, public_subnet, private, outside)
        return WayOut(nat_group=group, gateways=gateways, ready=[*gateways.values(), *ready])
    if kind == "endpoints":
        group, made = _interface_endpoints(make, vpc, private_subnets, backends)
        return WayOut(endpoint_group=group, gateways=gateways, ready=[*gateways.values(), *made])
    return WayOut(gateways=gateways, ready=list(gateways.values()))


def _gateway_endpoints(
    make: Maker,
    vpc: ec2.Vpc,
    tables: Mapping[str, ec2.RouteTable],
    bucket_arn: pulumi.Input[str] | None,
    table_arn: pulumi.Input[str],
) -> dict[str, ec2.VpcEndpoint]:
    account, region = make.args.account_id, make.args.region
    policies = {
        "s3": endpoints.s3_policy(region, account, bucket_arn),
        "dynamodb": endpoints.dynamodb_policy(account, table_arn),
    }
    return {
        service: ec2.VpcEndpoint(
            f"{make.name}-endpoint-{service}",
            vpc_id=vpc.id,
            vpc_endpoint_type="Gateway",
            service_name=f"com.amazonaws.{region}.{service}",
            route_table_ids=[table.id for table in tables.values()],
            policy=pulumi.Output.json_dumps(policy),
            tags=make.tags(service),
            opts=make.child(f"endpoint-{service}"),
        )
        for service, policy in policies.items()
    }


def _nat_gateway(make: Maker, subnet: ec2.Subnet, private: ec2.RouteTable, outside: ec2.Route) -> ec2.Route:
    """One for both zones: a second costs as much as two tasks. Losing its zone loses the way out."""
    address = ec2.Eip(
        f"{make.name}-nat-address",
        domain="vpc",
        tags=make.tags("nat"),
        opts=make.child("nat-address", depends_on=[outside]),
    )
    gateway = ec2.NatGateway(
        f"{make.name}-nat-gateway",
        allocation_id=address.id,
        subnet_id=subnet.id,
        tags=make.tags("nat"),
        opts=make.child("nat-gateway", depends_on=[outside]),
    )
    return ec2.Route(
        f"{make.name}-private-route",
        route_table_id=private.id,
        destination_cidr_block=ANYWHERE,
        nat_gateway_id=gateway.id,
        opts=make.child("private-route"),
    )


def _nat_instance(
    make: Maker,
    vpc: ec2.Vpc,
    subnet: ec2.Subnet,
    private: ec2.RouteTable,
    outside: ec2.Route,
) -> tuple[ec2.SecurityGroup, list[pulumi.Resource]]:
    """A NAT instance behind an interface of its own: address and route outlive the machine."""
    group = ec2.SecurityGroup(
        f"{make.name}-nat-group",
        vpc_id=vpc.id,
        description="NAT instance: HTTPS from the API outwards",
        tags=make.tags("nat"),
        opts=make.child("nat-group"),
    )
    out = vpc_rules.SecurityGroupEgressRule(
        f"{make.name}-nat-out",
        security_group_id=group.id,
        ip_protocol="tcp",
        from_port=HTTPS,
        to_port=HTTPS,
        cidr_ipv4=ANYWHERE,
        description="AWS APIs and package repositories",
        tags=make.tags("nat-out"),
        opts=make.child("nat-out"),
    )
    interface = ec2.NetworkInterface(
        f"{make.name}-nat-interface",
        subnet_id=subnet.id,
        security_groups=[group.id],
        source_dest_check=False,
        description="NAT instance",
        tags=make.tags("nat"),
        opts=make.child("nat-interface"),
    )
    address = ec2.Eip(
        f"{make.name}-nat-address",
        domain="vpc",
        network_interface=interface.id,
        tags=make.tags("nat"),
        opts=make.child("nat-address", depends_on=[outside]),
    )
    instance = ec2.Instance(
        f"{make.name}-nat-instance",
        ami=ssm.get_parameter_output(name=NAT_AMI_PARAMETER, opts=make.lookup()).value,
        instance_type=NAT_TYPE,
        primary_network_interface=ec2.InstancePrimaryNetworkInterfaceArgs(network_interface_id=interface.id),
        user_data_base64=base64.b64encode(nat_script().encode()).decode(),
        user_data_replace_on_change=True,
        metadata_options=ec2.InstanceMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        root_block_device=ec2.InstanceRootBlockDeviceArgs(
            volume_type="gp3", volume_size=NAT_DISK_GB, encrypted=True, tags=make.tags("nat")
        ),
        credit_specification=ec2.InstanceCreditSpecificationArgs(cpu_credits="standard"),
        maintenance_options=ec2.InstanceMaintenanceOptionsArgs(auto_recovery="default"),
        tags=make.tags("nat"),
        # The newest image is for new instances; a running one updates itself. The check of addresses is off
        # at the interface; the provider's second `up` would turn it on at the instance, which is the same
        # switch: https://github.com/hashicorp/terraform-provider-aws/issues/44768
        # Only one instance can hold the interface, so the old one goes first.
        opts=make.child(
            "nat-instance",
            depends_on=[address, out],
            ignore_changes=["ami", "sourceDestCheck"],
            delete_before_replace=True,
        ),
    )
    route = ec2.Route(
        f"{make.name}-private-route",
        route_table_id=private.id,
        destination_cidr_block=ANYWHERE,
        network_interface_id=interface.id,
        opts=make.child("private-route"),
    )
    return group, [instance, route]


def nat_script() -> str:
    """The script of the NAT instance's first start."""
    return NAT_SCRIPT.read_text().replace("@CIDR@", CIDR)


def _interface_endpoints(
    make: Maker, vpc: ec2.Vpc, subnets: Sequence[ec2.Subnet], backends: Sequence[str]
) -> tuple[ec2.SecurityGroup, list[pulumi.Resource]]:
    group = ec2.SecurityGroup(
        f"{make.name}-endpoint-group",
        vpc_id=vpc.id,
        description="Interface endpoints: HTTPS from the API",
        tags=make.tags("endpoints"),
        opts=make.child("endpoint-group"),
    )
    made: list[pulumi.Resource] = []
    for service, actions in endpoints.interface_endpoints(backends).items():
        key = f"endpoint-{service.replace('.', '-')}"
        made.append(
            ec2.VpcEndpoint(
                f"{make.name}-{key}",
                vpc_id=vpc.id,
                vpc_endpoint_type="Interface",
                service_name=f"com.amazonaws.{make.args.region}.{service}",
                subnet_ids=[subnet.id for subnet in subnets],
                security_group_ids=[group.id],
                private_dns_enabled=True,
                policy=pulumi.Output.json_dumps(endpoints.interface_policy(actions, make.args.account_id)),
                tags=make.tags(service),
                opts=make.child(key),
            )
        )
    return group, made
