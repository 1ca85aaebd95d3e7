"""Every combination of backend, production, way out, domain and VPC there is, and what holds in all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ops.engine.standin.schema import check_inputs
from tests.components.harness import Deployment
from tests.components.orchestrator_api.make import KEY_ARN

IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/api@sha256:{'a' * 64}"
VPC: dict[str, Any] = {
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"],
}
PRODUCTION: dict[str, Any] = {"protect_data": True, "stack": "prod", "key": KEY_ARN, "min_tasks": 2}
DOMAIN: dict[str, Any] = {"domain": "example.com"}

WILDCARD_SIDS = {"Traces", "Metrics", "SystemsManager", "PullLogin", "Groups"}
"""Statements whose actions name no resources; the guardrails' exceptions say so one by one."""


def combinations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and arguments of each combination."""
    ways = {
        "fargate": ("auto", "nat", "nat-instance", "public-ip", "endpoints"),
        "ec2": ("auto", "nat", "nat-instance", "endpoints"),
    }
    for backend, own in ways.items():
        for place, egress, vpc in [
            *(("own", e, {}) for e in own),
            *(("existing", e, VPC) for e in ("auto", "endpoints")),
        ]:
            for production in (False, True):
                for domain in (False, True):
                    arguments: dict[str, Any] = {"backend": backend, "egress": egress, **vpc}
                    arguments |= PRODUCTION if production else {}
                    arguments |= DOMAIN if domain else {}
                    if backend == "fargate" and egress == "endpoints":
                        arguments["image"] = IMAGE
                    words = (
                        backend,
                        place,
                        egress,
                        "prod" if production else "dev",
                        "domain" if domain else "",
                    )
                    yield "-".join(filter(None, words)), arguments


COMBINATIONS = dict(combinations())


def assert_closed(d: Deployment) -> None:
    """No way in but from CloudFront and among the groups themselves, and out over HTTPS alone."""
    groups = {g.outputs["id"]: g for g in d.all("aws:ec2/securityGroup:SecurityGroup")}
    for group in groups.values():
        assert not {"ingress", "egress"} & set(group.inputs), group.name
    for rule in d.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        assert not {"cidrIpv4", "cidrIpv6"} & set(rule.inputs), rule.name
        assert ("prefixListId" in rule.inputs) != ("referencedSecurityGroupId" in rule.inputs)
        assert rule.inputs.get("referencedSecurityGroupId", next(iter(groups))) in groups
        assert rule.inputs["fromPort"] == rule.inputs["toPort"]
        assert rule.inputs["fromPort"] in (80, 443, 8080)
    for rule in d.all("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"):
        ports = (rule.inputs["fromPort"], rule.inputs["toPort"])
        if rule.name == "api-balancer-out":
            assert ports == (8080, 8080)
            assert rule.inputs["referencedSecurityGroupId"] in groups
        else:
            assert ports == (443, 443), rule.name
    for balancer in d.all("aws:lb/loadBalancer:LoadBalancer"):
        assert balancer.inputs["internal"] is True
    for subnet in d.all("aws:ec2/subnet:Subnet"):
        assert subnet.inputs["mapPublicIpOnLaunch"] is False
    for instance in d.all("aws:ec2/instance:Instance"):
        assert instance.inputs["metadataOptions"]["httpTokens"] == "required"
        assert instance.inputs["rootBlockDevice"]["encrypted"] is True
        assert "keyName" not in instance.inputs
        if instance.name == "api-instance":
            assert instance.inputs["associatePublicIpAddress"] is False


def assert_least_privilege(d: Deployment) -> None:
    """Every action by name; ``*`` as resource only where the service knows nothing else."""
    for policy in d.all("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            assert [a for a in statement["Action"] if "*" in a] == [], (policy.name, statement)
            assert statement["Sid"] in WILDCARD_SIDS or "*" not in statement["Resource"], statement
    for endpoint in d.all("aws:ec2/vpcEndpoint:VpcEndpoint"):
        for statement in json.loads(endpoint.inputs["policy"])["Statement"]:
            assert [a for a in statement["Action"] if "*" in a] == [], endpoint.name
            own = statement.get("Condition") == {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}
            assert own or statement["Sid"] == "Amazon", endpoint.name


def assert_logs_end(d: Deployment, days: int) -> None:
    """Every log group has an end."""
    groups = d.all("aws:cloudwatch/logGroup:LogGroup")
    assert groups
    assert {g.inputs["retentionInDays"] for g in groups} == {days}


def assert_well_typed(d: Deployment) -> None:
    """No unknown, missing, misspelt or deprecated input at any depth."""
    for resource in d.resources:
        if resource.custom:
            assert check_inputs(resource.type, resource.inputs) == [], resource.name
