"""Policy documents, statement by statement."""

import pulumi
import pytest

from components.orchestrator_api import permissions as p
from tests.components.harness import deploy

ACCOUNT = "123456789012"


def test_foundation_models_are_called_in_the_region_and_share_a_statement():
    assert p.bedrock(["amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0"], "eu-west-1", ACCOUNT) == [
        {
            "Sid": "Models",
            "Effect": "Allow",
            "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
            "Resource": [
                "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0",
                "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0",
            ],
        }
    ]


@pytest.mark.parametrize("scope", ["us", "eu", "jp", "au", "apac", "ca"])
def test_a_geographic_profile_needs_itself_and_its_model_only_through_it(scope: str):
    name = f"{scope}.anthropic.claude-sonnet-5-5"
    profile = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/{name}"
    assert [(s["Resource"], s.get("Condition")) for s in p.bedrock([name], "us-east-1", ACCOUNT)] == [
        ([profile], None),
        (
            ["arn:aws:bedrock:*::foundation-model/anthropic.claude-sonnet-5-5"],
            {"StringEquals": {"bedrock:InferenceProfileArn": profile}},
        ),
    ]


def test_a_global_profile_needs_three_allows():
    name = "global.amazon.nova-2-lite-v1:0"
    profile = f"arn:aws:bedrock:eu-central-1:{ACCOUNT}:inference-profile/{name}"
    through = {"bedrock:InferenceProfileArn": profile}
    assert [(s["Resource"], s.get("Condition")) for s in p.bedrock([name], "eu-central-1", ACCOUNT)] == [
        ([profile], None),
        (
            ["arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-2-lite-v1:0"],
            {"StringEquals": through},
        ),
        (
            ["arn:aws:bedrock:::foundation-model/amazon.nova-2-lite-v1:0"],
            {"StringEquals": {"aws:RequestedRegion": "unspecified", **through}},
        ),
    ]


def test_a_provider_that_looks_like_a_scope_is_a_model():
    (statement,) = p.bedrock(["auria.model-v1"], "us-east-1", ACCOUNT)
    assert statement["Resource"] == ["arn:aws:bedrock:us-east-1::foundation-model/auria.model-v1"]


def test_statement_ids_are_unique_and_of_letters_and_digits():
    models = ["global.a.x", "us.a.x", "a.x", "us.a.x", "eu.b.y"]
    sids = [s["Sid"] for s in p.bedrock(models, "us-east-1", ACCOUNT)]
    assert len(set(sids)) == len(sids) == 1 + 3 + 2 + 2
    assert all(sid.isalnum() for sid in sids)


def test_decrypting_goes_through_the_services_alone():
    assert p.decrypt("arn:key", "eu-west-1", ["secretsmanager", "dynamodb"]) == {
        "Sid": "Decrypt",
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": ["arn:key"],
        "Condition": {
            "StringEquals": {
                "kms:ViaService": [
                    "secretsmanager.eu-west-1.amazonaws.com",
                    "dynamodb.eu-west-1.amazonaws.com",
                ]
            }
        },
    }


def test_the_table_is_never_scanned_nor_changed():
    actions = p.use_table("arn:table")["Action"]
    assert "dynamodb:Query" in actions
    assert not {a for a in actions if any(w in a for w in ("Scan", "Table", "*", "Export", "Backup"))}


def test_trust_names_account_and_source():
    assert p.trust("ecs-tasks.amazonaws.com", ACCOUNT, f"arn:aws:ecs:us-east-1:{ACCOUNT}:*") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": ACCOUNT},
                    "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:*"},
                },
            }
        ],
    }


def test_join_stays_plain_as_long_as_it_can():
    assert p.join("a", "b") == "ab"
    joined = deploy(lambda: {"both": p.join("a", pulumi.Output.from_input("b"))})
    assert joined.value("both") == "ab"
