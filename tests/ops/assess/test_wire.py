"""What the fake account cannot show: real bytes on the wire, through moto and through retries."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws

import ops.assess.checks  # noqa: F401  # registers
from ops.assess.collect import bucket as bucket_collector
from ops.assess.collect.locate import locate
from ops.assess.model import Request
from ops.assess.reader import Read, Reader, boto_clients


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


@mock_aws
def test_a_bucket_over_the_wire(keys: None) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="yourdomain.com")
    policy = {"Version": "2012-10-17", "Statement": []}
    s3.put_bucket_policy(Bucket="yourdomain.com", Policy=json.dumps(policy))
    s3.put_bucket_website(
        Bucket="yourdomain.com", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}
    )
    reader = Reader(boto_clients())
    site = locate(reader, Request(domain="yourdomain.com"))
    facts = bucket_collector.collect(reader, site)
    reader.close()
    assert site.request.bucket == "yourdomain.com"
    assert site.distribution is None
    assert json.loads(facts["bucket_policy"]) == policy
    assert facts["bucket_website"]["IndexDocument"]["Suffix"] == "index.html"
    # Error codes as S3 spells them become "there is none".
    assert facts["bucket_public_access"] is None
    assert facts["bucket_lifecycle"] is None
    assert facts["bucket_ownership"] is None
    assert facts["bucket_acl"][0]["Permission"] == "FULL_CONTROL"


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._body


def _http(status: int, body: bytes) -> AWSResponse:
    return AWSResponse("https://sts.amazonaws.com/", status, {}, _Raw(body))  # pyright: ignore[reportArgumentType]


_THROTTLED = b"<ErrorResponse><Error><Code>Throttling</Code><Message>slow</Message></Error></ErrorResponse>"
_IDENTITY = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/a</Arn>"
    b"<UserId>A</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


@pytest.mark.parametrize(("failures", "expected"), [(3, "answered"), (99, "throttled")])
def test_throttling_is_retried_and_then_told(
    keys: None, monkeypatch: pytest.MonkeyPatch, failures: int, expected: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # the waits between tries
    sent = []

    def before_send(**_: Any) -> AWSResponse:
        sent.append(1)
        return _http(400, _THROTTLED) if len(sent) <= failures else _http(200, _IDENTITY)

    make = boto_clients()

    def client(service: str, region: str) -> Any:
        made = make(service, region)
        made.meta.events.register("before-send", before_send)
        return made

    reader = Reader(client)
    answer = reader.ask(Read(service="sts", operation="GetCallerIdentity"))
    reader.close()
    if expected == "answered":
        assert answer["Account"] == "123456789012"
        assert len(sent) == 4
    else:
        assert answer.reason == "throttled"
        assert len(sent) == 6
    assert reader.calls == [("sts", "GetCallerIdentity")]
