"""The check of inputs against the SDK's own types: what is wrong, where, and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime import rpc

from ops.engine.standin.schema import check_inputs, input_names, output_names, python_name, resource_class
from ops.plan import UNKNOWN

BUCKET = "aws:s3/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
RECORD = "aws:route53/record:Record"
ASSET = {rpc._special_sig_key: rpc._special_asset_sig, "path": "x", "hash": "0"}
ARCHIVE = {rpc._special_sig_key: rpc._special_archive_sig, "path": "x", "hash": "0"}


def said(type_token: str, inputs: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in check_inputs(type_token, inputs)]


@pytest.mark.parametrize(
    ("type_token", "inputs"),
    [
        (BUCKET, {}),
        (BUCKET, {"bucket": "site", "forceDestroy": True, "tags": {"a": "b"}}),
        (BUCKET, {"bucket": UNKNOWN, "tags": {"a": UNKNOWN}}),
        (BUCKET, {"tags": UNKNOWN}),
        (BUCKET, {"bucket": {rpc._special_sig_key: rpc._special_secret_sig, "value": "site"}}),
        (BUCKET, {"bucket": {rpc._special_sig_key: rpc._special_output_value_sig}}),
        (VERSIONING, {"bucket": "b", "versioningConfiguration": {"status": "Enabled"}}),
        (RECORD, {"zoneId": "Z", "name": "x", "type": "HTTPS"}),
        ("aws:lambda/function:Function", {"role": "r", "code": ARCHIVE, "memorySize": 128.0}),
        ("aws:s3/bucketObjectv2:BucketObjectv2", {"bucket": "b", "key": "k", "source": ASSET}),
        ("aws:iam/rolePolicy:RolePolicy", {"role": "r", "policy": "{}"}),
        (
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            {"role": "r", "policyArn": "arn:aws:iam::1:policy/x"},
        ),
        ("random:index/randomPassword:RandomPassword", {"length": 20, "special": False}),
    ],
)
def test_right_inputs_pass(type_token: str, inputs: dict[str, Any]) -> None:
    assert said(type_token, inputs) == []


@pytest.mark.parametrize(
    ("type_token", "inputs", "problem"),
    [
        (BUCKET, {"bucket": 3}, "bucket: 3 is a number, but must be text"),
        (BUCKET, {"forceDestroy": "true"}, "force_destroy: 'true' is text, but must be a boolean"),
        (BUCKET, {"tags": {"a": 1}}, "tags['a']: 1 is a number, but must be text"),
        (BUCKET, {"tags": ["a"]}, "tags: ['a'] is a list, but must be a mapping to (text)"),
        (
            VERSIONING,
            {"bucket": "b", "versioningConfiguration": {}},
            "versioning_configuration.status: is missing; it is text",
        ),
        (
            "aws:lambda/function:Function",
            {"role": "r", "memorySize": 128.5},
            "memory_size: 128.5 is a number, but must be a whole number",
        ),
        (
            "aws:lambda/function:Function",
            {"role": "r", "publish": 1},
            "publish: 1 is a number, but must be a boolean",
        ),
        (
            "aws:lambda/function:Function",
            {"role": "r", "memorySize": True},
            "memory_size: True is a boolean, but must be a whole number",
        ),
        (
            RECORD,
            {
                "zoneId": "Z",
                "name": "x",
                "type": "A",
                "aliases": [
                    {"name": "n", "zoneId": "z", "evaluateTargetHealth": False},
                    {"name": "n", "zoneId": "z", "evaluateTargetHealth": "no"},
                ],
            },
            "aliases[1].evaluate_target_health: 'no' is text, but must be a boolean",
        ),
        (
            "aws:lambda/function:Function",
            {"role": "r", "code": "function.zip"},
            "code: 'function.zip' is text, but must be Archive",
        ),
    ],
)
def test_a_wrong_type_is_named_with_path_value_and_what_is_allowed(
    type_token: str, inputs: dict[str, Any], problem: str
) -> None:
    assert said(type_token, inputs) == [problem]


def test_a_wrong_key_is_found_at_any_depth_with_the_nearest_right_one() -> None:
    statement = {"notStatement": {"statements": [{"geoMatchStatement": {"countryCodes": ["DE"]}}]}}
    visibility = {"cloudwatchMetricsEnabled": True, "metricName": "m", "sampledRequestsEnabled": True}
    inputs = {
        "scope": "CLOUDFRONT",
        "defaultAction": {"allow": {}},
        "visibilityConfig": visibility,
        "rules": [{"name": "r", "priority": 1, "statement": statement, "visibilityConfig": visibility}],
    }
    assert said("aws:wafv2/webAcl:WebAcl", inputs) == [
        "rules[0].statement.not_statement.statements: is no property of "
        "aws.wafv2.WebAclRuleStatementNotStatementArgs (did you mean 'statement'?); known are statement"
    ]


def test_a_misspelt_key_is_both_unknown_and_missing() -> None:
    found = said(VERSIONING, {"bucket": "b", "versioningConfiguration": {"statis": "Enabled"}})
    assert len(found) == 2
    assert found[0] == "versioning_configuration.status: is missing; it is text"
    assert found[1].startswith("versioning_configuration.statis: is no property of")
    assert "(did you mean 'status'?)" in found[1]


def test_every_problem_of_a_resource_is_told_at_once() -> None:
    inputs = {"bucket": 1, "forceDestroy": "x", "tagz": {}, "acl": "private"}
    paths = {problem.path for problem in check_inputs(BUCKET, inputs)}
    assert paths == {"bucket", "force_destroy", "tagz", "acl"}


@pytest.mark.parametrize(
    ("type_token", "inputs", "path", "advice"),
    [
        (BUCKET, {"acl": "private"}, "acl", "Use the s3.BucketAcl resource instead"),
        (BUCKET, {"website": {"indexDocument": "i"}}, "website", "s3.BucketWebsiteConfiguration"),
        (
            "aws:iam/role:Role",
            {"assumeRolePolicy": "{}", "inlinePolicies": []},
            "inline_policies",
            "RolePolicy",
        ),
        ("random:index/randomPassword:RandomPassword", {"length": 8, "number": True}, "number", "numeric"),
    ],
)
def test_a_deprecated_argument_is_a_problem(
    type_token: str, inputs: dict[str, Any], path: str, advice: str
) -> None:
    found = [p for p in check_inputs(type_token, inputs) if "is deprecated" in p.message]
    assert [p.path for p in found] == [path]
    assert advice in found[0].message


def test_a_deprecated_class_is_a_problem() -> None:
    assert said("aws:s3/bucketV2:BucketV2", {}) == [
        "BucketV2 is deprecated: s3.BucketV2 has been deprecated in favor of s3.Bucket"
    ]


def test_a_value_outside_an_enum_is_told_with_the_allowed_ones() -> None:
    (found,) = said(RECORD, {"zoneId": "Z", "name": "x", "type": "AAAAA"})
    assert found.startswith("type: 'AAAAA' is not allowed (did you mean 'AAAA'?); allowed are 'A', 'AAAA', ")


def test_the_text_of_an_output_is_found() -> None:
    text = "arn of Calling __str__ on an Output[T] is not supported."
    assert said(BUCKET, {"tags": {"a": text}}) == [
        "tags['a']: holds the text of an Output: build it with Output.concat, Output.format or apply"
    ]


def test_an_unknown_type_is_a_problem() -> None:
    assert said("aws:s3/buckett:Buckett", {}) == [
        "the installed SDK has no resource type aws:s3/buckett:Buckett"
    ]
    assert said("nonsense", {}) == ["the installed SDK has no resource type nonsense"]


def test_inputs_and_outputs_of_a_type() -> None:
    assert "bucket" in input_names(BUCKET)
    assert {"arn", "bucketRegionalDomainName"} <= output_names(BUCKET)
    assert not {"id", "urn"} & output_names(BUCKET)
    assert python_name(BUCKET, "forceDestroy") == "force_destroy"
    assert python_name(BUCKET, "nothing") == "nothing"
    assert resource_class(BUCKET).__name__ == "Bucket"  # pyright: ignore[reportOptionalMemberAccess]
