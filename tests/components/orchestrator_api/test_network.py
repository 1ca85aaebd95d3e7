"""The network in every combination, and each way out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.orchestrator_api import endpoints
from tests.components.orchestrator_api import matrix
from tests.components.orchestrator_api.make import ACCOUNT, run

QUICK = (
    "fargate-own-auto-dev", "fargate-own-nat-prod-domain", "fargate-own-endpoints-dev",
    "fargate-existing-auto-prod-domain", "ec2-own-auto-dev-domain", "ec2-own-endpoints-prod",
    "ec2-existing-endpoints-dev",
)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in matrix.COMBINATIONS],
)
def test_what_holds_in_every_combination(name: str):
    arguments = matrix.COMBINATIONS[name]
    made = run(**arguments)
    matrix.assert_closed(made)
    matrix.assert_least_privilege(made)
    matrix.assert_logs_end(made, 30)
    matrix.assert_well_typed(made)
    assert run(preview=True, **arguments).urns() == made.urns()
    origin = made.result["api"].origin
    assert origin.vpc_origin_id is not None
    tls = arguments["backend"] == "fargate" and "domain" in arguments
    assert origin.protocol == ("https-only" if tls else "http-only")
    assert bool(made.all("aws:ec2/flowLog:FlowLog")) == (
        "protect_data" in arguments and "vpc_id" not in arguments
    )


def test_the_quick_ones_are_some_of_all():
    assert set(QUICK) <= set(matrix.COMBINATIONS)
    assert len(matrix.COMBINATIONS) == 4 * (5 + 2) + 4 * (4 + 2)


def test_two_zones_and_routes():
    d = run(backend="fargate")
    subnets = {s.name: s for s in d.all("aws:ec2/subnet:Subnet")}
    assert len(subnets) == 4
    zones = {k: s.inputs["availabilityZone"] for k, s in subnets.items()}
    assert zones["api-private-subnet-1"] == zones["api-public-subnet-1"] != zones["api-private-subnet-2"]
    assert all(s.ignore_changes == ("availabilityZone",) for s in subnets.values())
    (route,) = d.all("aws:ec2/route:Route")
    assert route.inputs["gatewayId"] == d.one("aws:ec2/internetGateway:InternetGateway").outputs["id"]
    assert route.inputs["routeTableId"] == d.by_name("api-public-routes").outputs["id"]
    tables = {d.by_name(f"api-{k}-routes").outputs["id"] for k in ("public", "private")}
    for service in ("s3", "dynamodb"):
        endpoint = d.by_name(f"api-endpoint-{service}").inputs
        assert set(endpoint["routeTableIds"]) == tables
        assert endpoint["vpcEndpointType"] == "Gateway"


def test_the_default_group_is_emptied():
    group = run(backend="ec2").one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs
    assert (group["ingress"], group["egress"]) == ([], [])


def test_only_cloudfront_and_then_the_balancer_come_in():
    d = run(backend="fargate")
    rules = {r.name: r.inputs for r in d.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")}
    assert set(rules) == {"api-balancer-in", "api-tasks-in"}
    assert rules["api-balancer-in"]["prefixListId"].startswith("pl-")
    assert rules["api-balancer-in"]["fromPort"] == 80
    balancer = d.by_name("api-balancer-group").outputs["id"]
    assert rules["api-tasks-in"]["referencedSecurityGroupId"] == balancer
    assert rules["api-tasks-in"]["securityGroupId"] == d.by_name("api-tasks-group").outputs["id"]


@pytest.mark.parametrize(
    ("backend", "production", "expected"),
    [
        ("fargate", False, "public-ip"),
        ("ec2", False, "nat-instance"),
        ("fargate", True, "nat"),
        ("ec2", True, "nat"),
    ],
)
def test_auto(backend: str, production: bool, expected: str):
    d = run(backend=backend, **(matrix.PRODUCTION if production else {}))
    found = {
        "nat": bool(d.all("aws:ec2/natGateway:NatGateway")),
        "nat-instance": any(i.name == "api-nat-instance" for i in d.all("aws:ec2/instance:Instance")),
        "public-ip": any(
            s.inputs["networkConfiguration"].get("assignPublicIp") for s in d.all("aws:ecs/service:Service")
        ),
    }
    assert [way for way, there in found.items() if there] == [expected]


def test_a_nat_gateway():
    d = run(backend="fargate", egress="nat")
    gateway = d.one("aws:ec2/natGateway:NatGateway")
    assert gateway.inputs["subnetId"] == d.by_name("api-public-subnet-1").outputs["id"]
    route = d.by_name("api-private-route").inputs
    assert route["natGatewayId"] == gateway.outputs["id"]
    assert route["routeTableId"] == d.by_name("api-private-routes").outputs["id"]
    service = d.one("aws:ecs/service:Service")
    assert d.by_name("api-private-route").urn in service.depends_on
    private = {d.by_name(f"api-private-subnet-{n}").outputs["id"] for n in (1, 2)}
    assert set(service.inputs["networkConfiguration"]["subnets"]) == private


def test_a_nat_instance_outlived_by_its_address():
    d = run(backend="ec2")
    instance, interface = d.by_name("api-nat-instance"), d.one("aws:ec2/networkInterface:NetworkInterface")
    assert interface.inputs["sourceDestCheck"] is False
    assert instance.inputs["primaryNetworkInterface"] == {"networkInterfaceId": interface.outputs["id"]}
    assert d.one("aws:ec2/eip:Eip").inputs["networkInterface"] == interface.outputs["id"]
    assert d.by_name("api-private-route").inputs["networkInterfaceId"] == interface.outputs["id"]
    assert instance.delete_before_replace
    # The provider cannot be told on the instance, and turns the check on again at the second run if it may.
    assert "sourceDestCheck" not in instance.inputs
    assert instance.ignore_changes == ("ami", "sourceDestCheck")
    assert "iamInstanceProfile" not in instance.inputs
    (rule,) = [
        r for r in d.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") if "nat" in r.name
    ]
    assert rule.inputs["securityGroupId"] == d.by_name("api-nat-group").outputs["id"]
    assert rule.inputs["referencedSecurityGroupId"] == d.by_name("api-instance-group").outputs["id"]


@pytest.mark.parametrize("backend", ["fargate", "ec2"])
def test_endpoints_are_those_that_are_needed(backend: str):
    image = matrix.IMAGE if backend == "fargate" else ""
    d = run(backend=backend, egress="endpoints", image=image)
    made = {
        e.inputs["serviceName"].removeprefix("com.amazonaws.us-east-1."): e
        for e in d.all("aws:ec2/vpcEndpoint:VpcEndpoint")
    }
    api = {"s3", "dynamodb", "bedrock-runtime", "logs", "monitoring", "secretsmanager"}
    own = {"fargate": {"ecr.api", "ecr.dkr"}, "ec2": {"ssm", "ssmmessages"}}[backend]
    assert set(made) == api | own
    for service in set(made) - {"s3", "dynamodb"}:
        assert made[service].inputs["privateDnsEnabled"] is True
        assert len(made[service].inputs["subnetIds"]) == 2
        (statement,) = json.loads(made[service].inputs["policy"])["Statement"]
        assert statement["Action"] == endpoints.SERVICES[backend][service]
    d.none("aws:ec2/natGateway:NatGateway")
    d.none("aws:ec2/eip:Eip")
    assert [r.name for r in d.all("aws:ec2/route:Route")] == ["api-public-route"]
    rules = d.all("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    assert [r.name for r in rules if "cidrIpv4" in r.inputs] == []


def test_every_permission_of_the_api_passes_its_endpoint():
    for backend in ("fargate", "ec2"):
        image = matrix.IMAGE if backend == "fargate" else ""
        d = run(backend=backend, egress="endpoints", image=image)
        through = {
            action
            for e in d.all("aws:ec2/vpcEndpoint:VpcEndpoint")
            for statement in json.loads(e.inputs["policy"])["Statement"]
            for action in statement["Action"]
        }
        for policy in d.all("aws:iam/rolePolicy:RolePolicy"):
            for statement in json.loads(policy.inputs["policy"])["Statement"]:
                # The agent's older way is open to it where there is a way out; endpoints are for the newer.
                used = set(statement["Action"]) - set(endpoints.AGENT_MESSAGES)
                assert used <= through, (policy.name, statement["Sid"])


def test_the_artifact_and_amazons_buckets_alone_pass_the_s3_endpoint():
    d = run(backend="ec2")
    own, amazon = json.loads(d.by_name("api-endpoint-s3").inputs["policy"])["Statement"]
    assert own["Resource"] == [d.one("aws:s3/bucket:Bucket").outputs["arn"] + "/*"]
    assert own["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    assert amazon["Action"] == ["s3:GetObject"]
    assert "arn:aws:s3:::al2023-repos-us-east-1-de612dc2/*" in amazon["Resource"]


@pytest.mark.parametrize("backends", [("fargate", "ec2"), ("ec2", "fargate")])
def test_two_backends_have_the_endpoints_of_both_and_what_each_may(backends: tuple[str, str]):
    both = endpoints.interface_endpoints(backends)
    assert set(both) == set(endpoints.SERVICES["fargate"]) | set(endpoints.SERVICES["ec2"])
    assert both["monitoring"] == ["cloudwatch:DescribeAlarms", "cloudwatch:PutMetricData"]
    # Tasks send no metrics of their own: theirs are lines of the log.
    assert endpoints.interface_endpoints(["fargate"])["monitoring"] == ["cloudwatch:DescribeAlarms"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backend": "ec2", "egress": "public-ip"}, "only Fargate tasks may stand in public subnets"),
        ({"backend": "fargate", "standby": "ec2", "egress": "public-ip"}, "only Fargate tasks"),
        ({"backend": "ec2", "egress": "nut"}, "egress is 'nut'; allowed are: auto, nat, nat-instance"),
        ({"backend": "ec2", "vpc_id": "vpc-1"}, "vpc_id and subnet_ids belong together"),
        ({"backend": "ec2", **matrix.VPC, "egress": "nat"}, "an existing VPC keeps its own way out"),
        ({"backend": "fargate", "egress": "endpoints"}, "a public image cannot be pulled"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match="OrchestratorApi 'api':") as caught:
        run(**changes)
    assert message in str(caught.value)
