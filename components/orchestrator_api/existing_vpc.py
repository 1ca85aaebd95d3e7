"""An existing VPC: read, checked, never changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import ec2

INTERNET = "0.0.0.0/0"

EXCLUDED_ZONE_IDS = ("use1-az3", "usw1-az2", "apne1-az3", "cac1-az3")
"""Zones in which VPC origins do not work, and in part new subnets are refused (Amazon CloudFront Developer
Guide, "Restrict access with VPC origins", "Supported AWS Regions"); each of their Regions has two others."""


@dataclass(frozen=True, kw_only=True)
class SubnetFacts:
    """What must be known of a subnet.

    Attributes:
        subnet_id: its id.
        vpc_id: the VPC it is in.
        zone: id of its Availability Zone, the same in every account, such as ``use1-az1``.
        default_route: what 0.0.0.0/0 goes to, such as ``nat-…``, ``eni-…`` or ``igw-…``; "": nowhere.
    """

    subnet_id: str
    vpc_id: str
    zone: str
    default_route: str


def problems(vpc_id: str, subnets: Sequence[SubnetFacts], has_gateway: bool, egress: str) -> list[str]:
    """Why the API cannot stand in these subnets; empty: it can.

    Args:
        vpc_id: the configured VPC.
        subnets: what was read of the configured subnets.
        has_gateway: whether an internet gateway is attached to the VPC.
        egress: ``auto``, or ``endpoints``: the VPC has interface endpoints of its own and needs no route.
    """
    found = []
    for subnet in subnets:
        if subnet.vpc_id != vpc_id:
            found.append(f"subnetIds: {subnet.subnet_id} is in {subnet.vpc_id}, not in vpcId {vpc_id}")
        if subnet.zone in EXCLUDED_ZONE_IDS:
            found.append(
                f"subnetIds: {subnet.subnet_id} is in the zone {subnet.zone}, into which CloudFront does not "
                "reach (VPC origins); one in another zone is wanted"
            )
        if subnet.default_route.startswith("igw-"):
            found.append(
                f"subnetIds: {subnet.subnet_id} is public ({INTERNET} goes to {subnet.default_route}); "
                "private subnets are wanted, with a NAT gateway, NAT instance or transit gateway as way out"
            )
        elif not subnet.default_route and egress != "endpoints":
            found.append(
                f"subnetIds: {subnet.subnet_id} has no route to {INTERNET}, so the API would not reach "
                "Bedrock; add one, or set egress to endpoints if the VPC has interface endpoints of its own"
            )
    zones = {subnet.zone for subnet in subnets}
    if len(zones) < 2:
        found.append(f"subnetIds: all are in {', '.join(sorted(zones))}; two Availability Zones are wanted")
    if not has_gateway:
        found.append(
            f"vpcId: {vpc_id} has no internet gateway; CloudFront reaches private addresses only in VPCs "
            "that have one (no route to it is needed)"
        )
    return found


def read(
    vpc_id: str, subnet_ids: Sequence[str], opts: pulumi.InvokeOptions
) -> tuple[list[SubnetFacts], bool]:
    """Reads the subnets, their default routes and whether the VPC has an internet gateway.

    Raises:
        Exception: a subnet or the VPC does not exist, or may not be read.
    """
    subnets = []
    for subnet_id in subnet_ids:
        # Asked for by both ids, so that a subnet of another VPC is "not found" by AWS itself.
        subnet = ec2.get_subnet(id=subnet_id, vpc_id=vpc_id, opts=opts)
        subnets.append(
            SubnetFacts(
                subnet_id=subnet_id,
                vpc_id=subnet.vpc_id,
                zone=subnet.availability_zone_id,
                default_route=default_route(_routes(vpc_id, subnet_id, opts)),
            )
        )
    gateway = _found(
        lambda: ec2.get_internet_gateway(
            filters=[ec2.GetInternetGatewayFilterArgs(name="attachment.vpc-id", values=[vpc_id])], opts=opts
        )
    )
    return subnets, gateway is not None


def _routes(vpc_id: str, subnet_id: str, opts: pulumi.InvokeOptions) -> Sequence[Any]:
    """The routes of a subnet: of its own table, else of the VPC's main one."""
    own = _found(lambda: ec2.get_route_table(subnet_id=subnet_id, opts=opts))
    if own is not None:
        return own.routes
    main = [ec2.GetRouteTableFilterArgs(name="association.main", values=["true"])]
    return ec2.get_route_table(vpc_id=vpc_id, filters=main, opts=opts).routes


_TARGETS = (
    "nat_gateway_id",
    "network_interface_id",
    "instance_id",
    "transit_gateway_id",
    "vpc_peering_connection_id",
    "core_network_arn",
    "gateway_id",
)


def default_route(routes: Sequence[Any]) -> str:
    """Where 0.0.0.0/0 goes: the id of a gateway, an interface or a connection; "": nowhere.

    Args:
        routes: of a route table, as the provider's lookup gives them.
    """
    for route in routes:
        if route.cidr_block == INTERNET:
            targets = [getattr(route, name, None) for name in _TARGETS]
            return next((target for target in targets if target and target != "local"), "")
    return ""


def _found(look_up: Callable[[], Any]) -> Any:
    """The result of a lookup, or None when the provider says that there is none."""
    try:
        return look_up()
    except Exception as error:
        text = str(error).lower()
        if "no matching" in text or "returned no results" in text or "not found" in text:
            return None
        raise
