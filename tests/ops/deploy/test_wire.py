"""Each request of the small client against the one botocore sends for the same call."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import botocore.session
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import ClientError

from ops.deploy.aws.client import Aws, Bucket, CloudFront, KeyValueStore, caller_account
from ops.deploy.aws.credentials import Credentials
from ops.deploy.aws.sigv4 import sign
from ops.deploy.store import StoreError
from tests.ops.deploy.aws_world import DISTRIBUTION, STORE_ARN, World

KEY = "a b/ü+€&c.html"


@pytest.fixture
def ours(aws):
    session = Aws(endpoint_url=aws.endpoint_url, region="us-east-1")
    yield session
    session.http.close()


@pytest.fixture
def boto(aws):
    session = botocore.session.get_session()
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    made = []

    def client(name: str):
        made.append(
            session.create_client(name, region_name="us-east-1", endpoint_url=aws.endpoint_url, config=config)
        )
        return made[-1]

    yield client
    for one in made:
        one.close()


def both(world: World, mine, theirs):
    """The two requests, ours first."""
    world.calls.clear()
    mine()
    theirs()
    return world.calls


CALLS = {
    "sts": (caller_account, lambda boto: boto("sts").get_caller_identity()),
    "head-bucket": (
        lambda aws: Bucket(aws, "site-bucket", "123456789012").head_bucket(),
        lambda boto: boto("s3").head_bucket(Bucket="site-bucket", ExpectedBucketOwner="123456789012"),
    ),
    "head": (
        lambda aws: Bucket(aws, "site-bucket").head(KEY),
        lambda b: b("s3").head_object(Bucket="site-bucket", Key=KEY),
    ),
    "put": (
        lambda aws: Bucket(aws, "site-bucket").put(KEY, b"x", {"content-type": "text/plain"}),
        lambda b: b("s3").put_object(Bucket="site-bucket", Key=KEY, Body=b"x", ContentType="text/plain"),
    ),
    "copy": (
        lambda aws: Bucket(aws, "site-bucket").copy(KEY, "to.html", {"Cache-Control": "no-store"}),
        lambda b: b("s3").copy_object(
            Bucket="site-bucket", Key="to.html", CopySource={"Bucket": "site-bucket", "Key": KEY},
            MetadataDirective="REPLACE", CacheControl="no-store",
        ),
    ),
    "delete": (
        lambda aws: Bucket(aws, "site-bucket").delete(["x", "<&>"]),
        lambda b: b("s3").delete_objects(
            Bucket="site-bucket", Delete={"Objects": [{"Key": "x"}, {"Key": "<&>"}], "Quiet": True}
        ),
    ),
    "distribution": (
        lambda aws: CloudFront(aws).distribution_config(DISTRIBUTION),
        lambda b: b("cloudfront").get_distribution_config(Id=DISTRIBUTION),
    ),
    "function": (
        lambda aws: CloudFront(aws).function("site-edge"),
        lambda b: b("cloudfront").describe_function(Name="site-edge", Stage="LIVE"),
    ),
    "invalidation": (
        lambda aws: CloudFront(aws).invalidate(DISTRIBUTION, ["/", "/a&b"], "ref"),
        lambda b: b("cloudfront").create_invalidation(
            DistributionId=DISTRIBUTION,
            InvalidationBatch={"Paths": {"Quantity": 2, "Items": ["/", "/a&b"]}, "CallerReference": "ref"},
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_request_is_botocores(name, ours, boto, world: World):
    Bucket(ours, "site-bucket").put(KEY, b"x", {})
    mine, theirs = CALLS[name]
    first, second = both(world, lambda: mine(ours), lambda: theirs(boto))
    assert (first.operation, first.key, first.query) == (second.operation, second.key, second.query)
    if name == "sts":
        assert first.body == second.body
    elif name != "put":
        assert squeezed(first.body) == squeezed(second.body)
    assert scope(first.headers["authorization"]) == scope(second.headers["authorization"])
    ignored = {
        "authorization", "x-amz-date", "user-agent", "accept", "accept-encoding", "host", "amz-sdk-request",
        "amz-sdk-invocation-id", "content-length", "content-md5", "transfer-encoding", "x-amz-content-sha256",
        "connection", "x-amz-trailer", "x-amz-decoded-content-length", "content-encoding", "expect",
    }  # fmt: skip
    plain = {k: v for k, v in second.headers.items() if k not in ignored and "checksum" not in k}
    sent = {k: v for k, v in first.headers.items() if k not in ignored}
    if name in ("delete", "invalidation"):
        sent.pop("content-type")
        plain.pop("content-type", None)
    if name == "copy":
        assert plain.pop("x-amz-copy-source") == sent.pop("x-amz-copy-source").lstrip("/")
    assert sent == plain


def scope(authorization: str) -> str:
    """Region, service and kind of a signature."""
    return authorization.partition("Credential=AKIDEXAMPLE/")[2].partition(",")[0].partition("/")[2]


def squeezed(body: bytes) -> str:
    """XML without its declaration, namespace and the order of siblings."""
    text = re.sub(r"<\?xml[^>]*\?>|\sxmlns=\"[^\"]*\"", "", body.decode())
    return "".join(sorted(re.findall(r"<[^>]+>[^<]*", text)))


def test_the_key_value_store_under_an_override_is_called_at_that_very_host(ours, world: World):
    store = KeyValueStore(ours, STORE_ARN)
    etag = store.describe()
    store.update(etag, {"release": "r1"}, [])
    assert store.get("release") == "r1"
    for call in world.calls:
        assert "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/" in call.headers["authorization"]
        assert "/cloudfront-keyvaluestore/aws4_request" in call.headers["authorization"]
        assert call.headers["x-amz-region-set"] == "*"
        assert call.headers["host"] == ours.endpoint_url.split("//")[1]
    update = world.calls[1]
    assert update.body == b'{"Puts": [{"Key": "release", "Value": "r1"}]}'
    assert update.headers["if-match"] == etag


def test_on_aws_the_account_stands_before_the_host():
    store = KeyValueStore(Aws(region="us-east-1"), STORE_ARN)
    assert store._base == "https://123456789012.cloudfront-kvs.global.api.aws"
    assert store._path.startswith(
        "/key-value-stores/arn%3Aaws%3Acloudfront%3A%3A123456789012%3Akey-value-store%2F"
    )


@pytest.mark.parametrize("service", ["s3", "sts", "cloudfront"])
@pytest.mark.parametrize("token", ["", "session-token"])
def test_the_signature_is_botocores(service, token, monkeypatch):
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    url = "https://example.amazonaws.com/a%20b/%C3%BC%2B?list-type=2&prefix=a%2Fb%20c"
    headers = {"content-type": "text/plain", "x-amz-meta-a": "  two   words "}
    keys = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", token)
    mine = sign("PUT", url, headers, b"body", service=service, region="eu-west-1", credentials=keys, now=now)
    theirs = AWSRequest("PUT", url, dict(headers), b"body")
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: now.replace(tzinfo=None))
    theirs.context["client_config"] = Config(s3={"payload_signing_enabled": True})
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(
        BotoCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI", token or None), service, "eu-west-1"
    )
    signer.add_auth(theirs)
    assert (
        mine["authorization"].split("Signature=")[1] == theirs.headers["Authorization"].split("Signature=")[1]
    )


def test_profiles_come_from_botocore(ours, tmp_path, monkeypatch):
    from ops.deploy.aws.credentials import CredentialSource

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    file = tmp_path / "credentials"
    file.write_text(
        "[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = s\naws_session_token = t\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert CredentialSource().current() == Credentials("AKIDWORK", "s", "t")


def test_a_profile_deploys(ops, site, world: World, tmp_path, monkeypatch):
    from tests.ops.deploy.conftest import RELEASE

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert ops("deploy", site, *RELEASE, "--yes").code == 0
    assert all("AKIDFILE" in call.headers["authorization"] for call in world.calls)


def test_the_test_server_speaks_to_botocore_too(boto, world: World):
    with pytest.raises(ClientError, match="404"):
        boto("s3").head_object(Bucket="site-bucket", Key="no")
    assert StoreError("x").exit_code == 1
