"""The network of the Fargate and EC2 backends: two Availability Zones, a way out, no way in.

What CloudFront's VPC origin points at stands in private subnets; the internet gateway is there
because AWS asks for one in the VPC of a VPC origin, and no private subnet has a route to it
(Amazon CloudFront Developer Guide, "Restrict access with VPC origins").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws import ec2, vpc

from components import forms
from components.orchestrator_api import egress, existing_vpc
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.egress import ANYWHERE, CIDR, HTTPS, WayOut
from components.orchestrator_api.flow_log import make_flow_log
from components.orchestrator_api.maker import Maker

PUBLIC_CIDRS = ("10.88.0.0/24", "10.88.1.0/24")
PRIVATE_CIDRS = ("10.88.16.0/20", "10.88.32.0/20")

CLIENTS = ("tasks", "instance")
"""Who leaves through the network: the first part of the names of their rules."""

CHILDREN = (
    "vpc",
    "default-group",
    "internet-gateway",
    *(f"{kind}-routes" for kind in ("public", "private")),
    "public-route",
    *(f"{kind}-{part}-{n}" for kind in ("public", "private")
      for part in ("subnet", "association") for n in (1, 2)),
    *egress.CHILDREN,
    "flow-logs",
    "flow-role",
    "flow-policy",
    "flow",
    *(f"{client}-{rule}" for client in CLIENTS
      for rule in ("out", "out-s3", "out-dynamodb", "out-endpoints", "to-nat", "to-endpoints")),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Network:
    """The VPC, made or taken, and its way out.

    Attributes:
        vpc_id: the VPC.
        private_subnets: ids of the private subnets, in two zones.
        public_subnets: ids of the public ones; empty in a VPC that was there.
        egress: the way out, resolved; ``existing`` for a VPC that was there.
        way_out: groups and endpoints that clients must be let to.
        ready: what must exist before anything inside can reach AWS.
    """

    vpc_id: pulumi.Input[str]
    private_subnets: Sequence[pulumi.Input[str]]
    public_subnets: Sequence[pulumi.Input[str]]
    egress: str
    way_out: WayOut
    ready: Sequence[pulumi.Resource]

    def let_out(self, make: Maker, client: str, group: ec2.SecurityGroup) -> list[pulumi.Resource]:
        """Lets a group reach AWS, over HTTPS and in this network's way only.

        Args:
            make: names and options.
            client: one of ``CLIENTS``.
            group: the group of the tasks or the instance.

        Returns:
            The rules.
        """
        rules: list[pulumi.Resource] = []

        def out(suffix: str, why: str, **to: pulumi.Input[str]) -> None:
            rules.append(
                vpc.SecurityGroupEgressRule(
                    f"{make.name}-{client}-{suffix}",
                    security_group_id=group.id,
                    ip_protocol="tcp",
                    from_port=HTTPS,
                    to_port=HTTPS,
                    description=why,
                    tags=make.tags(f"{client}-{suffix}"),
                    opts=make.child(f"{client}-{suffix}"),
                    **to,
                )
            )

        def admit(suffix: str, to: ec2.SecurityGroup, why: str) -> None:
            rules.append(
                vpc.SecurityGroupIngressRule(
                    f"{make.name}-{client}-{suffix}",
                    security_group_id=to.id,
                    ip_protocol="tcp",
                    from_port=HTTPS,
                    to_port=HTTPS,
                    description=why,
                    referenced_security_group_id=group.id,
                    tags=make.tags(f"{client}-{suffix}"),
                    opts=make.child(f"{client}-{suffix}"),
                )
            )

        if self.way_out.endpoint_group is None:
            out("out", "AWS APIs", cidr_ipv4=ANYWHERE)
        else:
            out("out-endpoints", "Interface endpoints",
                referenced_security_group_id=self.way_out.endpoint_group.id)  # fmt: skip
            for service, endpoint in self.way_out.gateways.items():
                out(
                    f"out-{service}", f"Gateway endpoint of {service}", prefix_list_id=endpoint.prefix_list_id
                )
            admit("to-endpoints", self.way_out.endpoint_group, f"HTTPS of the {client}")
        if self.way_out.nat_group is not None:
            admit("to-nat", self.way_out.nat_group, f"HTTPS of the {client}")
        return rules


def resolve_egress(args: OrchestratorApiArgs, backends: Sequence[str]) -> str:
    """The way out for these backends: as configured, or what ``auto`` means for them.

    ``auto`` is a NAT gateway in production; else addresses of the tasks themselves, or, as soon as
    an instance takes part, a NAT instance: an instance behind a VPC origin stands in a private subnet.
    """
    if args.egress != "auto":
        return args.egress
    if args.protect_data:
        return "nat"
    return "nat-instance" if "ec2" in backends else "public-ip"


def problems(args: OrchestratorApiArgs, backends: Sequence[str]) -> list[str]:
    """What of ``args`` no network can be made with."""
    found = []
    if args.egress not in forms.EGRESS:
        found.append(f"egress is {args.egress!r}; allowed are: {', '.join(forms.EGRESS)}")
    if bool(args.vpc_id) != bool(args.subnet_ids):
        found.append("vpc_id and subnet_ids belong together: private subnets of two Availability Zones")
    if args.vpc_id and args.egress not in ("auto", "endpoints"):
        found.append(
            f"egress is {args.egress!r} with vpc_id: an existing VPC keeps its own way out; allowed are auto "
            "(a route to 0.0.0.0/0) and endpoints (it has interface endpoints)"
        )
    if args.egress == "public-ip" and "ec2" in backends:
        found.append(
            "egress is 'public-ip' with ec2: only Fargate tasks may stand in public subnets; allowed are "
            "auto, nat, nat-instance, endpoints"
        )
    return found


def take_network(make: Maker) -> Network:
    """The configured VPC, after a look at it.

    Raises:
        ValueError: the API cannot stand in it; all reasons are in the message.
    """
    args = make.args
    invoke = pulumi.InvokeOptions(parent=make.component)
    subnets, has_gateway = existing_vpc.read(args.vpc_id, args.subnet_ids, invoke)
    found = existing_vpc.problems(args.vpc_id, subnets, has_gateway, args.egress)
    if found:
        raise ValueError(f"OrchestratorApi '{make.name}':\n  " + "\n  ".join(found))
    return Network(
        vpc_id=args.vpc_id,
        private_subnets=list(args.subnet_ids),
        public_subnets=[],
        egress="existing",
        way_out=WayOut(),
        ready=[],
    )


def make_network(
    make: Maker,
    backends: Sequence[str],
    *,
    bucket_arn: pulumi.Input[str] | None,
    table_arn: pulumi.Input[str],
) -> Network:
    """A VPC of our own.

    Args:
        make: names and options.
        backends: the backends in it; they decide what ``auto`` means and which endpoints are needed.
        bucket_arn, table_arn: what the gateway endpoints let through.
    """
    made = ec2.Vpc(
        f"{make.name}-vpc",
        cidr_block=CIDR,
        enable_dns_support=True,
        enable_dns_hostnames=True,
        tags=make.tags("api"),
        opts=make.child("vpc"),
    )
    # Without rules nothing that was put into it by mistake can talk (Security Hub EC2.2).
    ec2.DefaultSecurityGroup(
        f"{make.name}-default-group",
        vpc_id=made.id,
        ingress=[],
        egress=[],
        tags=make.tags("api-default"),
        opts=make.child("default-group"),
    )
    gateway = ec2.InternetGateway(
        f"{make.name}-internet-gateway",
        vpc_id=made.id,
        tags=make.tags("api"),
        opts=make.child("internet-gateway"),
    )
    zones = _zones(make)
    public, public_routes = _subnets(make, made, "public", PUBLIC_CIDRS, zones)
    private, private_routes = _subnets(make, made, "private", PRIVATE_CIDRS, zones)
    outside = ec2.Route(
        f"{make.name}-public-route",
        route_table_id=public_routes.id,
        destination_cidr_block=ANYWHERE,
        gateway_id=gateway.id,
        opts=make.child("public-route"),
    )
    kind = resolve_egress(make.args, backends)
    way_out = egress.make_way_out(
        make,
        kind,
        backends,
        vpc=made,
        public_subnet=public[0],
        private_subnets=private,
        tables={"public": public_routes, "private": private_routes},
        outside=outside,
        bucket_arn=bucket_arn,
        table_arn=table_arn,
    )
    if make.args.protect_data:
        make_flow_log(make, made)
    return Network(
        vpc_id=made.id,
        private_subnets=[subnet.id for subnet in private],
        public_subnets=[subnet.id for subnet in public],
        egress=kind,
        way_out=way_out,
        ready=[gateway, outside, *way_out.ready],
    )


def _zones(make: Maker) -> pulumi.Output[Sequence[str]]:
    return aws.get_availability_zones_output(
        state="available",
        exclude_zone_ids=list(existing_vpc.EXCLUDED_ZONE_IDS),
        # Local Zones and the like must be opted into, and have no VPC origins.
        filters=[aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])],
        opts=make.lookup(),
    ).names


def _subnets(
    make: Maker, vpc_: ec2.Vpc, kind: str, cidrs: Sequence[str], zones: pulumi.Output[Sequence[str]]
) -> tuple[list[ec2.Subnet], ec2.RouteTable]:
    """Two subnets in two zones and their route table, still without a route outside."""
    table = ec2.RouteTable(
        f"{make.name}-{kind}-routes",
        vpc_id=vpc_.id,
        tags=make.tags(kind),
        opts=make.child(f"{kind}-routes"),
    )
    subnets = []
    for index, cidr in enumerate(cidrs):
        number = index + 1
        subnet = ec2.Subnet(
            f"{make.name}-{kind}-subnet-{number}",
            vpc_id=vpc_.id,
            cidr_block=cidr,
            availability_zone=zones[index],
            map_public_ip_on_launch=False,
            tags=make.tags(f"{kind}-{number}"),
            # A new zone in the Region must not move subnets that are in use.
            opts=make.child(f"{kind}-subnet-{number}", ignore_changes=["availabilityZone"]),
        )
        ec2.RouteTableAssociation(
            f"{make.name}-{kind}-association-{number}",
            subnet_id=subnet.id,
            route_table_id=table.id,
            opts=make.child(f"{kind}-association-{number}"),
        )
        subnets.append(subnet)
    return subnets, table
