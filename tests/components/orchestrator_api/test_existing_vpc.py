"""An existing VPC: nothing of it is changed, and what does not suit is said before anything is made."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from components.orchestrator_api import existing_vpc
from components.orchestrator_api.existing_vpc import SubnetFacts, default_route, problems
from tests.components.orchestrator_api import matrix
from tests.components.orchestrator_api.make import run, run_anew

VPC_ID = "vpc-0123456789abcdef0"


def subnet(number: int, zone: str = "", route: str = "nat-1", vpc: str = VPC_ID) -> SubnetFacts:
    return SubnetFacts(
        subnet_id=f"subnet-{number}", vpc_id=vpc, zone=zone or f"z{number}", default_route=route
    )


def test_private_subnets_in_two_zones_suit():
    assert problems(VPC_ID, [subnet(1), subnet(2)], True, "auto") == []
    assert problems(VPC_ID, [subnet(1, route="eni-1"), subnet(2, route="tgw-1")], True, "auto") == []
    assert problems(VPC_ID, [subnet(1, route=""), subnet(2, route="")], True, "endpoints") == []


def test_all_that_does_not_suit_is_said():
    found = problems(
        VPC_ID,
        [subnet(1, "a", route="igw-1"), subnet(2, "a", route=""), subnet(3, "a", vpc="vpc-2")],
        False,
        "auto",
    )
    assert [p.split(";")[0] for p in found] == [
        "subnetIds: subnet-1 is public (0.0.0.0/0 goes to igw-1)",
        "subnetIds: subnet-2 has no route to 0.0.0.0/0, so the API would not reach Bedrock",
        f"subnetIds: subnet-3 is in vpc-2, not in vpcId {VPC_ID}",
        "subnetIds: all are in a",
        f"vpcId: {VPC_ID} has no internet gateway",
    ]


def test_a_zone_that_cloudfront_does_not_reach_is_said():
    (problem,) = problems(VPC_ID, [subnet(1, "use1-az3"), subnet(2, "use1-az1")], True, "auto")
    assert problem.startswith(
        "subnetIds: subnet-1 is in the zone use1-az3, into which CloudFront does not reach"
    )


def route(cidr: str, **targets: str) -> SimpleNamespace:
    return SimpleNamespace(cidr_block=cidr, **targets)


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (
            [
                route("10.0.0.0/16", gateway_id="local"),
                route("0.0.0.0/0", nat_gateway_id="nat-1", gateway_id=""),
            ],
            "nat-1",
        ),
        ([route("0.0.0.0/0", gateway_id="igw-1")], "igw-1"),
        ([route("0.0.0.0/0", network_interface_id="eni-1", instance_id="i-1")], "eni-1"),
        ([route("10.0.0.0/16", gateway_id="local"), route("", gateway_id="vpce-1")], ""),
        ([], ""),
    ],
)
def test_the_default_route(routes: list[SimpleNamespace], expected: str):
    assert default_route(routes) == expected


def test_a_subnet_without_its_own_table_has_the_vpcs_main_one(monkeypatch: pytest.MonkeyPatch):
    asked: list[dict[str, object]] = []

    def get_route_table(**kwargs: object) -> SimpleNamespace:
        asked.append(kwargs)
        if "subnet_id" in kwargs:
            raise Exception(
                "invoking aws:ec2/getRouteTable: query returned no results. Please change your search"
            )
        return SimpleNamespace(routes=[route("0.0.0.0/0", transit_gateway_id="tgw-1")])

    def get_subnet(**kwargs: object) -> SimpleNamespace:
        return SimpleNamespace(vpc_id=VPC_ID, availability_zone_id="a")

    def get_internet_gateway(**kwargs: object) -> SimpleNamespace:
        raise Exception("no matching EC2 Internet Gateway found")

    for name, answer in list(locals().items()):
        if name.startswith("get_"):
            monkeypatch.setattr(existing_vpc.ec2, name, answer)
    subnets, has_gateway = existing_vpc.read(VPC_ID, ["subnet-1"], None)  # type: ignore[arg-type]
    assert subnets == [subnet(1, "a", "tgw-1")]
    assert not has_gateway
    assert [sorted(k) for k in asked] == [["opts", "subnet_id"], ["filters", "opts", "vpc_id"]]


def test_other_failures_are_not_taken_for_an_answer(monkeypatch: pytest.MonkeyPatch):
    def denied(**kwargs: object) -> None:
        raise Exception("AccessDenied: not authorized to perform ec2:DescribeSubnets")

    monkeypatch.setattr(existing_vpc.ec2, "get_subnet", denied)
    with pytest.raises(Exception, match="AccessDenied"):
        existing_vpc.read(VPC_ID, ["subnet-1"], None)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", ["fargate", "ec2"])
def test_nothing_of_the_vpc_is_changed(backend: str):
    d = run(backend=backend, **matrix.VPC)
    kinds = ("vpc:Vpc", "subnet:Subnet", "route:Route", "routeTable:RouteTable", "vpcEndpoint:VpcEndpoint")
    for kind in (*kinds, "internetGateway:InternetGateway", "defaultSecurityGroup:DefaultSecurityGroup"):
        d.none(f"aws:ec2/{kind}")
    for group in d.all("aws:ec2/securityGroup:SecurityGroup"):
        assert group.inputs["vpcId"] == VPC_ID
    if backend == "fargate":
        service = d.one("aws:ecs/service:Service").inputs["networkConfiguration"]
        assert service["subnets"] == matrix.VPC["subnet_ids"]
        assert service["assignPublicIp"] is False
        assert d.one("aws:lb/loadBalancer:LoadBalancer").inputs["subnets"] == matrix.VPC["subnet_ids"]
    else:
        assert d.one("aws:ec2/instance:Instance").inputs["subnetId"] == matrix.VPC["subnet_ids"][0]


def test_a_vpc_that_does_not_suit_stops_the_program(monkeypatch: pytest.MonkeyPatch):
    facts = [subnet(1, "a"), subnet(2, "a", route="")]
    monkeypatch.setattr(existing_vpc, "read", lambda *_: (facts, True))
    with pytest.raises(ValueError, match="two Availability Zones are wanted"):
        run_anew(backend="ec2", **matrix.VPC)
