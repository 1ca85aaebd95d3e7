"""Secrets: exact policies, nothing secret in the open, generations, protection."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.interfaces import Artifact, SecretsTelemetry
from components.secrets import Secrets, SecretsArgs
from ops.engine.recorder import walk
from tests.components.harness import Deployment, deploy

ACCOUNT = "123456789012"
TAGS = {"Project": "orchestrator", "Stack": "dev"}
ARTIFACT = Artifact(path="./tests/conftest.py", sha256="0" * 64, size=1, runtime="python3.13", compiled=True)
SECRET = "aws:secretsmanager/secret:Secret"
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
PASSWORD = "random:index/randomPassword:RandomPassword"


def run(preview: bool = False, transforms: Any = None, **changes: Any) -> Deployment:
    values = {
        "prefix": "orchestrator/dev",
        "account_id": ACCOUNT,
        "region": "us-east-1",
        "stack": "dev",
        "tags": TAGS,
    }
    values.update(changes)

    def build() -> dict[str, Any]:
        secrets = Secrets("secrets", SecretsArgs(**values), transforms=transforms)
        refs = secrets.refs
        return {
            "refs": refs,
            **({"api_key_arn": refs.api_key_arn, "value": refs.origin_verify_value} if refs else {}),
            "telemetry": secrets.telemetry,
            "key": secrets.kms_key_arn,
        }

    return deploy(build, preview=preview)


def full(**changes: Any) -> Deployment:
    return run(
        **{
            "protect_data": True,
            "customer_key": True,
            "rotation_days": 90,
            "artifact": ARTIFACT,
            "origin_verify_generation": 2,
            "anomalies_publish": True,
            **changes,
        }
    )


def test_minimal_makes_two_secrets_and_no_key_and_no_rotation() -> None:
    d = run()
    assert [s.inputs["name"] for s in d.all(SECRET)] == [
        "orchestrator/dev/api-key",
        "orchestrator/dev/origin-verify",
    ]
    for secret in d.all(SECRET):
        assert secret.inputs["recoveryWindowInDays"] == 0
        assert "kmsKeyId" not in secret.inputs
        assert (secret.protect, secret.retain_on_delete) == (False, False)
    for type_ in (
        "aws:kms/key:Key",
        "aws:lambda/function:Function",
        "aws:secretsmanager/secretRotation:SecretRotation",
    ):
        d.none(type_)
    assert d.result["telemetry"].rotation_function_name is None
    assert d.result["key"] is None


@pytest.mark.parametrize("build", [run, full])
def test_without_an_api_nothing_of_it_is_made(build: Any) -> None:
    d = build(with_api=False)
    assert d.result["refs"] is None
    assert d.result["telemetry"] == SecretsTelemetry()
    made = {r.type for r in d.resources if r.custom}
    assert made == (set() if build is run else {"aws:kms/key:Key", "aws:kms/alias:Alias"})
    for key in d.all("aws:kms/key:Key"):
        assert "events.amazonaws.com" not in key.inputs["policy"]  # nothing turns that would be told of


def test_the_api_key_is_seeded_once_in_the_contract_s_shape() -> None:
    d = run()
    version = d.one(VERSION, "secrets-api-key-version")
    (entry,) = json.loads(version.inputs["secretString"])
    assert entry == {"name": "default", "key": d.one(PASSWORD, "secrets-api-key-seed").outputs["result"]}
    assert len(entry["key"]) == 43
    # A label of its own keeps the version, so that no refresh drops it and no `up` seeds again.
    assert version.inputs["versionStages"] == ["AWSCURRENT", "SEEDED"]
    assert version.ignore_changes == ("secretString", "versionStages")
    assert version.secret_paths == {"secretString"}


def test_no_value_stands_outside_a_secret() -> None:
    d = full()
    values = {p.outputs["result"] for p in d.all(PASSWORD)}
    assert len(values) == 3
    seen = 0
    for resource in d.resources:
        for path, leaf in walk(resource.inputs):
            if any(value in str(leaf) for value in values):
                seen += 1
                assert path in resource.secret_paths, f"{resource.urn} {path}"
    assert seen == 2  # the two secret versions and nothing else
    assert d.is_secret("value")
    assert not d.is_secret("api_key_arn")


@pytest.mark.parametrize(("generation", "kept"), [(1, [1]), (2, [2, 1]), (7, [7, 6])])
def test_origin_verify_is_accepted_in_two_generations(generation: int, kept: list[int]) -> None:
    d = run(origin_verify_generation=generation)
    names = [f"secrets-origin-verify-value-{g}" for g in kept]
    made = {p.name: p.outputs["result"] for p in d.all(PASSWORD) if "origin" in p.name}
    assert set(made) == set(names)
    accepted = json.loads(d.one(VERSION, "secrets-origin-verify-version").inputs["secretString"])
    assert accepted == [made[name] for name in names]
    assert d.value("value") == made[names[0]]


def test_a_production_stack_protects_keeps_and_encrypts() -> None:
    d = full()
    key = d.one("aws:kms/key:Key")
    for resource in (key, *d.all(SECRET), d.one(VERSION, "secrets-api-key-version")):
        assert (resource.protect, resource.retain_on_delete) == (True, True), resource.name
    assert {s.inputs["kmsKeyId"] for s in d.all(SECRET)} == {key.outputs["arn"]}
    assert {s.inputs["recoveryWindowInDays"] for s in d.all(SECRET)} == {30}
    assert key.inputs["enableKeyRotation"] is True
    assert d.one("aws:kms/alias:Alias").inputs["name"] == "alias/orchestrator-dev"


def test_the_key_policy_is_exact() -> None:
    policy = json.loads(full().one("aws:kms/key:Key").inputs["policy"])
    by_sid = {s["Sid"]: s for s in policy["Statement"]}
    publishers = {"TopicForcloudwatch", "TopicForevents", "TopicForbudgets", "TopicForcostalerts"}
    assert set(by_sid) == {"AccountDecidesByIam", "LogGroups"} | publishers
    assert by_sid["AccountDecidesByIam"]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert by_sid["LogGroups"]["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
    assert by_sid["LogGroups"]["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:*"}
    }
    assert by_sid["TopicForcloudwatch"] == {
        "Sid": "TopicForcloudwatch",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": ["*"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:orchestrator-dev-*"},
        },
    }
    # EventBridge sends no source: a condition would drop its messages in silence.
    assert "Condition" not in by_sid["TopicForevents"]


def test_who_does_not_publish_may_not_use_the_key() -> None:
    def sids(**changes: Any) -> set[str]:
        policy = json.loads(full(**changes).one("aws:kms/key:Key").inputs["policy"])
        return {s["Sid"] for s in policy["Statement"]} - {"AccountDecidesByIam", "LogGroups"}

    assert sids(rotation_days=0, region="eu-central-1") == {"TopicForcloudwatch"}
    assert sids(rotation_days=0, events_publish=True, region="eu-central-1") == {
        "TopicForcloudwatch",
        "TopicForevents",
    }
    here = {"TopicForcloudwatch", "TopicForbudgets"}
    assert sids(rotation_days=0, anomalies_publish=False) == here
    assert sids(rotation_days=0, anomalies_publish=True) == here | {"TopicForcostalerts"}
    # Money is told of in us-east-1 alone.
    assert sids(rotation_days=0, anomalies_publish=True, region="eu-central-1") == {"TopicForcloudwatch"}


def test_rotation_may_touch_one_secret_and_is_invoked_for_it_alone() -> None:
    d = full()
    secret = d.one(SECRET, "secrets-api-key")
    function = d.one("aws:lambda/function:Function")
    assert function.inputs["handler"] == "api_handler.rotation.handler"
    assert function.inputs["runtime"] == "python3.13"
    role_policy = d.one("aws:iam/rolePolicy:RolePolicy")
    role = d.one("aws:iam/role:Role")
    assert role_policy.inputs["role"] == role.outputs["name"]
    assert function.inputs["role"] == role.outputs["arn"]
    assert json.loads(role_policy.inputs["policy"])["Statement"] == [
        {
            "Sid": "TurnTheSecret",
            "Effect": "Allow",
            "Action": [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            "Resource": [secret.outputs["arn"]],
        },
        {
            "Sid": "TellOfIt",
            "Effect": "Allow",
            "Action": ["events:PutEvents"],
            "Resource": [f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"],
            "Condition": {"StringEquals": {"events:source": "orchestrator.dev.keys"}},
        },
        {
            "Sid": "WriteItsLog",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [
                f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/orchestrator/dev/rotation:*",
            ],
        },
        {
            "Sid": "UseTheKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": [d.one("aws:kms/key:Key").outputs["arn"]],
            "Condition": {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}},
        },
    ]
    permission = d.one("aws:lambda/permission:Permission").inputs
    assert permission == {
        "action": "lambda:InvokeFunction",
        "function": function.outputs["name"],
        "principal": "secretsmanager.amazonaws.com",
        "sourceAccount": ACCOUNT,
        "sourceArn": secret.outputs["arn"],
    }
    rotation = d.one("aws:secretsmanager/secretRotation:SecretRotation")
    assert rotation.inputs["secretId"] == secret.outputs["id"]
    assert rotation.inputs["rotationRules"] == {"automaticallyAfterDays": 90}
    assert rotation.inputs["rotateImmediately"] is False
    assert d.one("aws:lambda/permission:Permission").urn in rotation.depends_on
    # Secrets Manager runs testSecret at once, which reads the secret.
    assert d.one(VERSION, "secrets-api-key-version").urn in rotation.depends_on
    assert d.one("aws:cloudwatch/logGroup:LogGroup").inputs["retentionInDays"] == 30


@pytest.mark.parametrize("build", [run, full])
def test_known_and_unknown_outputs_register_the_same_resources(build: Any) -> None:
    assert build(preview=True).urns() == build().urns()


def test_every_taggable_child_carries_the_tags_and_the_component_is_the_parent() -> None:
    d = full()
    component = d.by_name("secrets").urn
    for r in d.resources:
        if r.custom:
            assert r.parent == component
            if r.type not in (VERSION, PASSWORD) and not r.type.startswith(
                (
                    "aws:kms/alias",
                    "aws:iam/rolePolicy",
                    "aws:lambda/permission",
                    "aws:secretsmanager/secretRotation",
                )
            ):
                assert r.inputs["tags"] == TAGS, r.urn


def test_the_outputs_are_registered() -> None:
    d = full()
    arns = {s.name: s.outputs["arn"] for s in d.all(SECRET)}
    assert d.component_outputs("Secrets::secrets") == {
        "api_key_arn": arns["secrets-api-key"],
        "origin_verify_arn": arns["secrets-origin-verify"],
        "kms_key_arn": d.one("aws:kms/key:Key").outputs["arn"],
    }


def test_all_wrong_arguments_come_in_one_message() -> None:
    with pytest.raises(
        ValueError, match=r"prefix is '/x/'.*rotation_days is set without artifact.*generation is 0"
    ):
        run(prefix="/x/", rotation_days=5, origin_verify_generation=0)


def test_a_transform_reaches_its_child() -> None:
    d = run(transforms={"api-key": {"description": "ours"}})
    assert d.one(SECRET, "secrets-api-key").inputs["description"] == "ours"
