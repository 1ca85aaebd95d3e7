"""What is checked before the first write: account, bucket, distribution, store, tree, options."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ops.deploy.aws_world import STORE_ARN, World
from tests.ops.deploy.conftest import IN_PLACE, RELEASE, Ops, live_release, write


def refused(ops: Ops, world: World, site, *more, target=RELEASE) -> str:
    """Deploys; it must be refused with 2 and nothing written."""
    done = ops("deploy", site, *target, "--yes", *more)
    assert done.code == 2, done.err
    assert world.writes() == []
    assert "Traceback" not in done.err
    return done.err


def test_another_account_owns_the_bucket(ops: Ops, site, world: World):
    world.owner = "999999999999"
    assert "bucket site-bucket does not belong to account 123456789012" in refused(ops, world, site)
    (call,) = world.operations("HeadBucket")
    assert call.headers["x-amz-expected-bucket-owner"] == "123456789012"


def test_no_bucket(ops: Ops, site, world: World):
    message = refused(ops, world, site, target=("--bucket", "another-bucket"))
    assert "bucket another-bucket does not exist" in message


def test_the_expected_account(ops: Ops, site, world: World):
    message = refused(ops, world, site, "--expect-account", "111111111111")
    assert "belong to account 123456789012, expected is 111111111111" in message


def test_the_store_of_another_account(ops: Ops, site, world: World):
    arn = STORE_ARN.replace("123456789012", "222222222222")
    world.store_arn = arn
    message = refused(ops, world, site, target=("--bucket", "site-bucket", "--kvs-arn", arn))
    assert "the key-value store belongs to account 222222222222" in message


def test_no_store(ops: Ops, site, world: World):
    world.store_arn = "another"
    assert f"key-value store {STORE_ARN} does not exist" in refused(ops, world, site)


def test_no_distribution(ops: Ops, site, world: World):
    world.distribution = "EOTHER"
    assert "distribution E2QWRUHAPOMQZL does not exist" in refused(ops, world, site)


def test_a_disabled_distribution(ops: Ops, site, world: World):
    world.enabled = False
    assert "distribution E2QWRUHAPOMQZL is disabled" in refused(ops, world, site)


@pytest.mark.parametrize(
    "host", ["other.s3.us-east-1.amazonaws.com", "site-bucket2.s3.amazonaws.com", "a.example"]
)
def test_a_distribution_of_another_bucket(ops: Ops, site, world: World, host):
    world.origin = host
    assert "does not have bucket site-bucket as an origin" in refused(ops, world, site)


@pytest.mark.parametrize(
    "host", ["site-bucket.s3.amazonaws.com", "site-bucket.s3-website-us-east-1.amazonaws.com"]
)
def test_every_form_of_the_buckets_host(ops: Ops, site, world: World, host):
    world.origin = host
    assert ops("deploy", site, *RELEASE, "--yes").code == 0


def test_an_origin_path(ops: Ops, site, world: World):
    world.origin_path = "/www"
    assert "reads bucket site-bucket below /www only" in refused(ops, world, site)


def test_a_function_without_the_store_is_said(ops: Ops, site, world: World):
    world.function_store = "arn:other"
    assert "is not associated with" in ops("deploy", site, *RELEASE, "--yes").err
    world.has_function = False
    assert "has no viewer-request function" in ops("deploy", site, *RELEASE, "--yes").err


def test_on_aws_a_missing_association_stops_the_run(aws, monkeypatch):
    from ops.deploy.aws.client import Aws
    from ops.deploy.preflight import Preflight
    from ops.deploy.target import Target

    session = Aws(endpoint_url=aws.endpoint_url, region="us-east-1")
    monkeypatch.setattr(
        Aws, "endpoint", lambda self, service: "" if service == "CLOUDFRONT" else self.endpoint_url
    )
    monkeypatch.setattr(
        "ops.deploy.aws.client.CloudFront.__init__",
        lambda self, it: self.__dict__.update(_aws=it, _base=aws.endpoint_url),
    )
    aws.world.function_store = "arn:other"
    target = Target(bucket="site-bucket", distribution_id="E2QWRUHAPOMQZL", kvs_arn=STORE_ARN)
    answers = Preflight(session, target, release=True).result()
    session.http.close()
    assert [problem for problem in answers.problems if "is not associated with" in problem]


def test_the_region_comes_from_the_bucket(ops: Ops, site, world: World, monkeypatch):
    world.region = "eu-central-1"
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 0, done.err
    assert "the bucket is in eu-central-1, the environment says us-east-1" in done.err
    monkeypatch.delenv("AWS_REGION")
    write(site, "index.html", "two")
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 0
    assert "environment" not in done.err
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    done = ops("deploy", site, *RELEASE, "--yes")
    assert (done.code, done.out[:13]) == (0, "nothing to do"), done.err


def test_what_was_read_in_the_wrong_region_is_read_again(ops: Ops, site, world: World):
    world.region = "eu-central-1"
    assert ops("deploy", site, *IN_PLACE, "--yes", "--grace", 0).code == 0
    write(site, "index.html", "turn 2")
    done = ops("deploy", site, *IN_PLACE, "--yes", "--grace", 0)
    assert done.code == 0, done.err
    assert ": 1 to send (6 bytes), 4 unchanged, invalidated: /" in done.out


def test_another_region_asked_for(ops: Ops, site, world: World):
    world.region = "eu-central-1"
    assert "is in eu-central-1, --region says us-west-2" in refused(ops, world, site, "--region", "us-west-2")


def test_no_credentials(ops: Ops, site, world: World, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "there are no AWS credentials" in refused(ops, world, site)


def test_refused_credentials(ops: Ops, site, world: World):
    world.fail("GetCallerIdentity", times=-1, status=403, code="InvalidClientTokenId")
    assert "AWS refuses the credentials" in refused(ops, world, site)


def test_a_clock_that_is_off(ops: Ops, site, world: World):
    """Signatures follow the servers' clock; what obstore signs cannot, so S3's refusal is told in words."""
    world.skew, world.check_skew = timedelta(hours=2), True
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code in (1, 2)
    assert "Traceback" not in done.err
    assert "off by" in done.err or "RequestTimeTooSkewed" in done.err
    assert live_release(world) == ""


def test_a_servers_clock_that_differs_changes_nothing(ops: Ops, site, world: World):
    world.skew = timedelta(days=-3)
    assert ops("deploy", site, *RELEASE, "--yes").code == 0
    write(site, "index.html", "two")
    assert ops("deploy", site, *RELEASE, "--yes").code == 0
    first, second = json.loads(ops("releases", *RELEASE, "--json").out)
    assert first["active"]
    assert not second["active"]
    assert first["created"][:10] == world.now().date().isoformat()


def test_everything_wrong_comes_at_once(ops: Ops, site, world: World):
    world.owner, world.enabled = "999999999999", False
    write(site, ".env", "A=B")
    write(site, "key.pem", "x\n-----BEGIN PRIVATE KEY-----\n")
    (site / "out.txt").symlink_to("/etc/hostname")
    message = refused(ops, world, site)
    for part in (
        "does not belong",
        "is disabled",
        ".env:",
        "key.pem: line 2 holds a private key",
        "out.txt: is a link",
    ):
        assert part in message


@pytest.mark.parametrize("target", [RELEASE, IN_PLACE])
def test_refused_trees(ops: Ops, site, world: World, target):
    write(site, "_releases/x.html", "x")
    assert "_releases: this name belongs" in refused(ops, world, site, target=target)
    (site / "_releases/x.html").unlink()
    (site / "_releases").rmdir()
    (site / "index.html").unlink()
    assert "index.html: there is none" in refused(ops, world, site, target=target)


def test_a_false_alarm_is_let_through_by_either_path(ops: Ops, site, world: World):
    write(site, "docs/example.txt", "-----BEGIN PRIVATE KEY-----")
    assert "--allow-secret docs/example.txt" in refused(ops, world, site)
    assert ops("deploy", site, *RELEASE, "--dry-run", "--allow-secret", "docs/example.txt").code == 0
    assert ops("deploy", site, *RELEASE, "--dry-run", "--allow-secret", site / "docs/example.txt").code == 0


# Options


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ([], "there is no target"),
        (["--bucket", "B"], "--bucket 'B' is no bucket name"),
        (["--bucket", "site-bucket", "--mode", "release"], "--mode release needs a key-value store"),
        (["--bucket", "site-bucket", "--stack", "dev"], "--stack and --bucket exclude each other"),
        (["--bucket", "site-bucket", "--kvs-arn", "x"], "--kvs-arn 'x' must be the ARN"),
        (["--bucket", "site-bucket", "--api"], "--api (or DEPLOY_API=true) needs --stack"),
        (["--bucket", "site-bucket", "--header", "x"], "--header 'x' must be"),
        (["--bucket", "site-bucket", "--concurrency", "0"], "--concurrency 0 must be at least 1"),
        (["--bucket", "site-bucket", "--max-deletes", "-1"], "--max-deletes -1 must be at least 0"),
        (["--bucket", "site-bucket", "--site-url", "ftp://x"], "--site-url 'ftp://x' must be"),
        (["--bucket", "site-bucket", "--mode", "both"], "invalid choice"),
    ],
)
def test_wrong_options(ops: Ops, site, world: World, options, part):
    done = ops("deploy", site, "--yes", *options)
    assert done.code == 2
    assert part in done.err
    assert world.calls == []


def test_a_directory_that_is_none(ops: Ops, site, world: World):
    assert "does not exist" in ops("deploy", site / "no", *RELEASE, "--yes").err
    done = ops("deploy", site / "index.html", *RELEASE, "--yes")
    assert done.code == 2
    assert "is no directory" in done.err


def test_without_a_terminal_yes_is_needed(ops: Ops, site, world: World):
    for words in (["deploy", site], ["rollback"]):
        done = ops(*words, *RELEASE)
        assert done.code == 2
        assert "add --yes" in done.err
    assert world.calls == []


def test_deploy_api_in_the_environment(ops: Ops, site, monkeypatch):
    monkeypatch.setenv("DEPLOY_API", "true")
    assert "DEPLOY_API=true" in ops("deploy", site, *RELEASE, "--yes").err


@pytest.mark.parametrize("command", ["deploy", "releases", "rollback"])
def test_help(ops: Ops, command):
    done = ops(command, "--help")
    assert done.code == 0
    for option in ("--stack", "--bucket", "--kvs-arn", "--endpoint-url", "--site-url", "--log-dir"):
        assert option in done.out


def test_every_run_leaves_one_log_without_secrets(ops: Ops, site, world: World, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-value")
    runs = [
        ("deploy", site, *RELEASE, "--yes"),
        ("deploy", site, *RELEASE, "--dry-run"),
        ("releases", *RELEASE),
    ]
    runs += [("deploy", site, *RELEASE), ("rollback", *RELEASE, "--yes")]
    for count, words in enumerate(runs, 1):
        ops(*words)
        assert len(os.listdir(tmp_path / "log")) == count
    for path in (tmp_path / "log").iterdir():
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert lines[0]["event"] == "begin"
        assert lines[-1]["event"] == "end"
        assert "exit_code" in lines[-1]
        assert "very-secret-value" not in path.read_text()
        assert world.kvs["preview-token"] not in path.read_text()
    ops("deploy", "--no-such-option")
    assert len(os.listdir(tmp_path / "log")) == len(runs)
