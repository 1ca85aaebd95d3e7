"""The EC2 backend: a hardened instance, releases by association, repairs, replacement without an outage."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from components.orchestrator_api import instance_setup
from tests.components.harness import Deployment
from tests.components.orchestrator_api.make import ACCOUNT, ARTIFACT, ORIGIN_VERIFY_VALUE, run


@pytest.fixture(scope="module")
def dev() -> Deployment:
    return run(backend="ec2", max_concurrency=9)


def statements(d: Deployment) -> dict[str, dict[str, Any]]:
    policy = d.by_name("api-instance-policy").inputs
    assert policy["role"] == d.by_name("api-instance-role").outputs["name"]
    return {s["Sid"]: s for s in json.loads(policy["policy"])["Statement"]}


def test_the_instance(dev: Deployment):
    instance = dev.by_name("api-instance")
    inputs = instance.inputs
    assert inputs["instanceType"] == "t4g.small"
    assert inputs["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
        "instanceMetadataTags": "disabled",
    }
    assert inputs["associatePublicIpAddress"] is False
    assert inputs["subnetId"] == dev.by_name("api-private-subnet-1").outputs["id"]
    assert inputs["vpcSecurityGroupIds"] == [dev.by_name("api-instance-group").outputs["id"]]
    assert (inputs["rootBlockDevice"]["volumeType"], inputs["rootBlockDevice"]["encrypted"]) == ("gp3", True)
    assert inputs["creditSpecification"] == {"cpuCredits": "standard"}
    assert inputs["userDataReplaceOnChange"] is True
    assert instance.ignore_changes == ("ami",)
    script = base64.b64decode(inputs["userDataBase64"]).decode()
    assert script == instance_setup.user_data("/orchestrator/dev/api/instance", "orchestrator/dev/instance")
    assert not instance.delete_before_replace  # the new one first


def test_code_and_environment_change_no_instance(dev: Deployment):
    other = run(backend="ec2", bedrock_models=["global.anthropic.claude-sonnet-5-5"])
    assert other.by_name("api-instance").inputs == dev.by_name("api-instance").inputs
    parameters = other.one("aws:ssm/association:Association").inputs["parameters"]
    assert parameters != dev.one("aws:ssm/association:Association").inputs["parameters"]


def test_one_port_for_cloudfront_alone(dev: Deployment):
    rules = [
        r.inputs
        for r in dev.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if r.inputs["securityGroupId"] == dev.by_name("api-instance-group").outputs["id"]
    ]
    assert [(r["fromPort"], r["toPort"], r["prefixListId"][:3]) for r in rules] == [(8080, 8080, "pl-")]


def test_what_the_instance_may_do(dev: Deployment):
    policy = statements(dev)
    assert set(policy) == {
        "Profile0", "ProfileModel0", "ProfileModelGlobal0", "Secrets", "Table", "Alarms", "Artifact", "Logs",
        "Metrics", "SystemsManager",
    }  # fmt: skip
    assert policy["Metrics"]["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": "orchestrator/dev/instance"}
    }
    actions = policy["SystemsManager"]["Action"]
    # What Amazon's managed policy allows beyond the agents' needs: every parameter of the account.
    assert not [a for a in actions if "Parameter" in a]
    assert {a.split(":")[0] for a in actions} == {"ssm", "ssmmessages", "ec2messages"}
    assert policy["Logs"]["Resource"] == [
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/orchestrator/dev/api/instance:log-stream:*"
    ]
    dev.none("aws:iam/rolePolicyAttachment:RolePolicyAttachment")


def test_a_release_is_named_by_hash_and_waited_for(dev: Deployment):
    association = dev.one("aws:ssm/association:Association")
    inputs = association.inputs
    assert inputs["targets"] == [
        {"key": "InstanceIds", "values": [dev.by_name("api-instance").outputs["id"]]}
    ]
    assert inputs["name"] == dev.one("aws:ssm/document:Document").outputs["name"]
    assert inputs["scheduleExpression"] == "rate(30 minutes)"
    assert inputs["waitForSuccessTimeoutSeconds"] == 1800
    assert association.delete_before_replace  # two of one name would both be applied
    parameters = dict(inputs["parameters"])
    environment = json.loads(base64.b64decode(parameters.pop("environment")))
    assert parameters == {
        "bucket": dev.one("aws:s3/bucket:Bucket").outputs["bucket"],
        "key": f"api/{ARTIFACT.sha256}.zip",
        "sha256": ARTIFACT.sha256,
        "size": str(ARTIFACT.size),
        "region": "us-east-1",
    }
    assert environment["BACKEND"] == "ec2"
    assert environment["MAX_CONCURRENCY"] == "9"
    assert environment["TABLE_NAME"] == dev.one("aws:dynamodb/table:Table").outputs["name"]
    assert ORIGIN_VERIFY_VALUE not in json.dumps(environment)
    assert dev.one("aws:s3/bucketObjectv2:BucketObjectv2").urn in association.depends_on
    document = json.loads(dev.one("aws:ssm/document:Document").inputs["content"])
    assert document == instance_setup.release_document()


def test_cloudfront_moves_only_to_an_instance_that_answered(dev: Deployment):
    origin = dev.one("aws:cloudfront/vpcOrigin:VpcOrigin")
    config = origin.inputs["vpcOriginEndpointConfig"]
    instance = dev.by_name("api-instance")
    assert config["arn"] == instance.outputs["arn"]
    assert (config["httpPort"], config["originProtocolPolicy"]) == (8080, "http-only")
    assert config["name"] == f"orchestrator-dev-{instance.outputs['id']}"  # another instance, another name
    for name in ("api-release", "api-instance-in", "api-internet-gateway"):
        assert dev.by_name(name).urn in origin.depends_on, name
    assert dev.value("domain") == instance.outputs["privateDns"]


def test_repairs(dev: Deployment):
    alarms = {a.name: a.inputs for a in dev.all("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert {name: (a["metricName"], a["alarmActions"]) for name, a in alarms.items()} == {
        "api-instance-recover": ("StatusCheckFailed_System", ["arn:aws:automate:us-east-1:ec2:recover"]),
        "api-instance-reboot": ("StatusCheckFailed_Instance", ["arn:aws:automate:us-east-1:ec2:reboot"]),
    }
    # EC2's own advice: the restart waits longer than the move, so that they do not meet.
    assert (
        alarms["api-instance-recover"]["evaluationPeriods"]
        < alarms["api-instance-reboot"]["evaluationPeriods"]
    )


def test_telemetry(dev: Deployment):
    telemetry = dev.result["api"].telemetry
    assert telemetry.kind == "ec2"
    assert telemetry.instance.namespace == "orchestrator/dev/instance"
    assert telemetry.instance.association_name == "orchestrator-dev-release"
    assert telemetry.function is telemetry.rest_api is telemetry.service is telemetry.load_balancer is None


@pytest.mark.parametrize("kind", ["t4g.micro", "m7g.large", "c8gd.xlarge", "r6gd.medium", "c7gn.large"])
def test_graviton_types(kind: str):
    instance = run(backend="ec2", instance_type=kind).by_name("api-instance").inputs
    assert instance["instanceType"] == kind
    assert ("creditSpecification" in instance) == kind.startswith("t4g")


@pytest.mark.parametrize(
    ("kind", "moves"),
    [
        ("t4g.small", True), ("m7g.large", True), ("c7gn.large", True), ("a1.medium", True),
        ("c8gd.xlarge", False), ("r6gd.medium", False), ("x2gd.medium", False), ("im4gn.large", False),
        ("i8g.large", False), ("is4gen.medium", False),
    ],
)  # fmt: skip
def test_what_has_disks_in_its_host_does_not_promise_to_move(kind: str, moves: bool):
    made = run(backend="ec2", instance_type=kind).all("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert ("api-instance-recover" in {alarm.name for alarm in made}) is moves
    assert "api-instance-reboot" in {alarm.name for alarm in made}


@pytest.mark.parametrize("kind", ["t3.medium", "m7i.large", "g5.xlarge", "t4g", ""])
def test_other_types_are_refused(kind: str):
    with pytest.raises(ValueError, match="a Graviton type is wanted"):
        run(backend="ec2", instance_type=kind)
