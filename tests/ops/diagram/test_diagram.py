"""The picture shows what the plan says, is well-formed, and cuts what does not fit."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from ops import diagram
from ops.cli import main
from ops.cost import cli
from ops.diagram.facts import Card, count, picture, short_model
from ops.diagram.svg import card, fit, width_of
from ops.errors import OpsError
from ops.plan import Plan, PlannedResource

SVG = "{http://www.w3.org/2000/svg}"


def res(type_: str, logical: str = "x", /, **inputs: Any) -> PlannedResource:
    outputs = {"arn": f"arn:{logical}"}
    return PlannedResource(
        type=type_, name=logical, urn=f"urn::{type_}::{logical}", inputs=inputs, outputs=outputs
    )


def plan(*resources: PlannedResource, **config: str) -> Plan:
    return Plan(
        stack="dev",
        region="eu-central-1",
        resources=resources,
        config={f"orchestrator:{k}": v for k, v in config.items()},
    )


def distribution(api: dict[str, Any] | None, **more: Any) -> PlannedResource:
    origins = [{"originId": "site", "domainName": "b.s3.x.amazonaws.com", "originAccessControlId": "E1"}]
    ordered = []
    if api is not None:
        origins.append({"originId": "api", **api})
        ordered = [
            {
                "pathPattern": "/api/*",
                "targetOriginId": "api",
                "cachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
                "allowedMethods": ["GET", "POST"],
            }
        ]
    return res(
        "aws:cloudfront/distribution:Distribution",
        origins=origins,
        orderedCacheBehaviors=ordered,
        defaultCacheBehavior={
            "targetOriginId": "site",
            "cachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        },
        httpVersion="http2and3",
        isIpv6Enabled=True,
        **more,
    )


REST = {
    "domainName": "a.execute-api.x.amazonaws.com",
    "customHeaders": [{"name": "X-Origin-Verify", "value": "never-shown"}],
}
LAMBDA = [
    distribution(REST),
    res("aws:apigateway/integration:Integration", responseTransferMode="STREAM"),
    res(
        "aws:lambda/function:Function",
        "api-function",
        runtime="python3.13",
        architectures=["arm64"],
        memorySize=2048,
        timeout=900,
    ),
    res("aws:lambda/function:Function", "secrets-rotation", runtime="python3.13"),
]
VPC = {"domainName": "lb.internal", "vpcOriginConfig": {"vpcOriginId": "vo"}}
FARGATE = [
    distribution(VPC),
    res("aws:ec2/vpc:Vpc", cidrBlock="10.20.0.0/16"),
    res("aws:lb/loadBalancer:LoadBalancer", internal=True),
    res("aws:lb/listener:Listener", protocol="HTTPS"),
    res("aws:ecs/service:Service", desiredCount=2),
    res(
        "aws:ecs/taskDefinition:TaskDefinition",
        cpu="512",
        memory="1024",
        runtimePlatform={"cpuArchitecture": "ARM64"},
    ),
    res("aws:appautoscaling/target:Target", minCapacity=2, maxCapacity=6),
    res("aws:ec2/natGateway:NatGateway"),
]
EC2 = [
    distribution(VPC),
    res("aws:ec2/instance:Instance", "api", instanceType="t4g.small"),
    res("aws:ec2/instance:Instance", "nat", instanceType="t4g.nano", sourceDestCheck=False),
]


WATCHING = [
    res("aws:cloudwatch/metricAlarm:MetricAlarm", "a"),
    res("aws:cloudwatch/metricAlarm:MetricAlarm", "b"),
    res("aws:cloudwatch/compositeAlarm:CompositeAlarm"),
    res("aws:sns/topicSubscription:TopicSubscription"),
    res("aws:cloudwatch/logGroup:LogGroup", "a", retentionInDays=30),
    res("aws:cloudwatch/logGroup:LogGroup", "b", retentionInDays=365),
    res("aws:cloudwatch/dashboard:Dashboard"),
    res("aws:route53/healthCheck:HealthCheck"),
    res("aws:budgets/budget:Budget", limitAmount="50"),
]


def labels(p: Plan) -> list[str]:
    root = ET.fromstring(diagram.svg(p))
    return [t.text or "" for t in root.iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("resources", "shown"),
    [
        (LAMBDA, ["API Gateway REST API", "Regional, streams answers", "known by secret X-Origin-Verify",
                  "Lambda", "python3.13 · arm64 · 2,048 MB", "never cached · all methods"]),
        (FARGATE, ["VPC 10.20.0.0/16 · private subnets", "internal · HTTPS · VPC origin",
                   "Fargate, 2–6 tasks", "0.5 vCPU · 1,024 MB · arm64", "1 NAT gateway"]),
        (EC2, ["existing VPC · private subnets", "EC2 t4g.small", "one NAT instance"]),
        ([distribution(None), *WATCHING],
         ["2 alarms", "SNS topic → e-mail", "2 log groups", "kept 30–365 days", "1 health check from outside",
          "Budget $50 / month"]),
        ([distribution(None)], ["S3 bucket", "/*", "cached · GET, HEAD"]),
    ],
    ids=["lambda", "fargate", "ec2", "watching", "none"],
)  # fmt: skip
def test_it_shows_what_is_planned(resources: list[PlannedResource], shown: list[str]):
    found = labels(plan(*resources))
    assert [s for s in shown if s not in found] == []
    assert "orchestrator · stack dev · eu-central-1" in found


def test_no_secret_and_no_other_backend_is_in_it():
    text = diagram.svg(plan(*LAMBDA))
    assert "never-shown" not in text
    assert "Fargate" not in text
    assert "secrets-rotation" not in text


def test_without_an_api_nothing_hangs_on_it():
    assert "Amazon Bedrock" not in labels(
        plan(distribution(None), apiBackend="none", bedrockModels='["a.b-c"]')
    )
    assert "Amazon Bedrock" in labels(plan(*LAMBDA, apiBackend="lambda", bedrockModels='["a.b-c"]'))


def test_everything_stands_within_the_page():
    for resources in (LAMBDA, FARGATE, EC2, [*LAMBDA, *WATCHING], [distribution(None)]):
        root = ET.fromstring(diagram.svg(plan(*resources)))
        width, height = float(root.get("width", 0)), float(root.get("height", 0))
        for rect in root.iter(f"{SVG}rect"):
            x, y, w, h = (float(rect.get(k, 0)) for k in ("x", "y", "width", "height"))
            assert x >= 0
            assert y >= 0
            assert x + w <= width
            assert y + h <= height


def test_it_follows_the_readers_setting_and_needs_nothing_else():
    text = diagram.svg(plan(*LAMBDA))
    assert "prefers-color-scheme:dark" in text
    assert "href" not in text
    assert "url(" not in text.replace("url(#tip)", "")


def test_long_text_is_cut_and_stands_whole_in_the_tooltip():
    long = "a very long description of what the function at the edge does to each request"
    drawn = card(Card("edge", "Title", (long,)), 0, 0, 200)
    assert f"\n{long}</title>" in drawn
    assert drawn.count(long) == 1
    cut = fit(long, 12, 160)
    assert cut.endswith("…")
    assert width_of(cut, 12) <= 160
    assert fit("short", 12, 160) == "short"


def test_text_is_escaped():
    root = ET.fromstring(f"<svg>{card(Card('edge', 'a < b & c', ('“x” > y',)), 0, 0, 300)}</svg>")
    assert [t.text for t in root.iter("text")] == ["a < b & c", "“x” > y"]


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5 (global)"),
        ("amazon.nova-micro-v1:0", "nova-micro"),
        ("us.amazon.nova-lite-v1:0", "nova-lite (us)"),
    ],
)
def test_models_have_short_names(model: str, shown: str):
    assert short_model(model) == shown


def test_counts():
    assert [count(n, "alarm") for n in (0, 1, 1200)] == ["0 alarms", "1 alarm", "1,200 alarms"]


def test_a_plan_without_a_distribution_is_refused():
    with pytest.raises(ValueError, match="no CloudFront distribution"):
        picture(plan())
    with pytest.raises(OpsError, match="stack dev"):
        diagram.svg(plan())


def test_the_command_writes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(cli, "planned", lambda stack, overrides: plan(*LAMBDA))
    assert main(["diagram", "-o", str(tmp_path / "a.svg")]) == 0
    assert (tmp_path / "a.svg").read_text("utf-8") == diagram.svg(plan(*LAMBDA))
    assert main(["diagram"]) == 0
    assert capsys.readouterr().out == diagram.svg(plan(*LAMBDA))
    assert main(["diagram", "-o", str(tmp_path / "no" / "a.svg")]) == 1
    assert "cannot be written" in capsys.readouterr().err
