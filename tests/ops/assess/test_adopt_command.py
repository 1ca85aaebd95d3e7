"""``ops adopt``: what it writes, what it shows, and what stops it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.static_site.adoption import load
from ops.assess import adopt_command, check_command
from ops.assess.adopting.conflicts import BLOCKING, HARMLESS, MUST_BE_READ, NOTED, UNACCEPTABLE
from ops.assess.adopting.stackfile import with_keys
from ops.assess.model import CHECKS, FACTS
from ops.cli import main
from tests.ops.assess.accounts import plain_site
from tests.ops.assess.aws_shapes import (
    CERTIFICATE,
    DOMAIN,
    ID,
    NAMES,
    NS,
    certificate,
    custom_origin,
    distribution,
    distribution_config,
    distribution_list,
    many,
    path_behaviors,
    s3_origin,
    summary,
)
from tests.ops.assess.fake_aws import FakeAws, Refusal

STACK_FILE = "# Only what differs.\nconfig:\n  aws:region: us-east-1 # home\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of its own, with one stack."""
    (tmp_path / "Pulumi.yaml").write_text("name: orchestrator\nconfig: {}\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(STACK_FILE)
    monkeypatch.setattr(adopt_command, "ROOT", tmp_path)
    monkeypatch.setattr(check_command, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Any]:
    """The account of a plain site; tests may change its answers."""
    answers: dict[tuple[str, str], Any] = dict(plain_site())
    monkeypatch.setattr(
        "ops.assess.reader.boto_clients", lambda **_: lambda s, r: FakeAws(answers).client(s, r)
    )
    monkeypatch.setattr("ops.assess.collect.lookup", lambda _: NS)
    return answers


def adopt(*options: str) -> int:
    return main(["adopt", "--stack", "prod", "--domain", DOMAIN, *options])


def file(project: Path) -> dict[str, Any]:
    return json.loads((project / "adopted" / "prod.json").read_text())


def live(account: dict[Any, Any], **changes: Any) -> None:
    """Changes the live distribution."""
    config = distribution_config(**changes)
    account["cloudfront", "GetDistribution"] = distribution(config)
    account["cloudfront", "ListDistributions"] = distribution_list([summary(config)])


def test_a_plain_site_is_adopted(
    project: Path, account: dict[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert adopt() == 0
    written = file(project)
    assert written["distribution"]["id"] == ID
    expected = distribution_config()
    del expected["CallerReference"]
    assert written["distribution"]["config"] == expected
    assert written["bucket"]["policy"] == account["s3", "GetBucketPolicy"]["Policy"]
    assert written["records"] == [[DOMAIN, "A"]]
    assert written["aliases"] == []  # the certificate covers the apex alone
    assert written["upgrades"] == []
    shown = capsys.readouterr().out
    assert "note: left out, www.yourdomain.com: the certificate does not cover it" in shown
    for part in (
        f"distribution {ID} and its host",
        "its policy's 1 statements, byte for byte",
        "a behavior for /api/* before all others",
        "Changed, as asked\n  nothing",
        "Never touched\n",
    ):
        assert part in shown
    # StaticSite can use it as it stands.
    assert load(project / "adopted" / "prod.json", {}).bucket == DOMAIN


def test_configuration_keys_are_set_and_nothing_else_of_the_file_changes(
    project: Path, account: dict[Any, Any]
) -> None:
    assert adopt() == 0
    text = (project / "Pulumi.prod.yaml").read_text()
    assert text.startswith(STACK_FILE)
    assert yaml.safe_load(text)["config"] == {
        "aws:region": "us-east-1",
        "orchestrator:domain": DOMAIN,
        "orchestrator:hostedZoneId": "Z0123456789ABC",
        "orchestrator:certificateArn": CERTIFICATE,
    }


def test_a_zone_elsewhere_makes_dns_external(project: Path, account: dict[Any, Any]) -> None:
    account["route53", "ListHostedZonesByName"] = {"HostedZones": [], "IsTruncated": False, "MaxItems": "10"}
    assert adopt() == 0
    config = yaml.safe_load((project / "Pulumi.prod.yaml").read_text())["config"]
    assert config["orchestrator:dnsProvider"] == "external"
    assert "orchestrator:hostedZoneId" not in config


@pytest.mark.parametrize(
    ("answer", "page", "mode"),
    [("200", "/index.html", "spa"), ("404", "/index.html", None), ("200", "/other.html", None)],
)
def test_a_single_page_site_says_so_to_the_edge_function(
    project: Path, account: dict[Any, Any], answer: str, page: str, mode: str | None
) -> None:
    rule = {"ErrorCode": 404, "ResponsePagePath": page, "ResponseCode": answer, "ErrorCachingMinTTL": 10}
    live(account, CustomErrorResponses=many([rule]))
    assert adopt() == 0
    config = yaml.safe_load((project / "Pulumi.prod.yaml").read_text())["config"]
    assert config.get("orchestrator:siteMode") == mode


def test_a_site_without_a_domain_gets_only_the_keys_that_fit(project: Path, account: dict[Any, Any]) -> None:
    _plan(account)
    live(account, Aliases=many([]), ViewerCertificate={"CloudFrontDefaultCertificate": True})
    accepted = ("--accept", "cloudfront-plan")
    assert main(["adopt", "--stack", "prod", "--distribution-id", ID, *accepted]) == 0
    config = yaml.safe_load((project / "Pulumi.prod.yaml").read_text())["config"]
    assert config == {"aws:region": "us-east-1", "orchestrator:waf": False}


def test_names_the_certificate_covers_are_added(project: Path, account: dict[Any, Any]) -> None:
    account["acm", "DescribeCertificate"] = certificate([DOMAIN, f"*.{DOMAIN}"])
    assert adopt() == 0
    assert file(project)["aliases"] == [NAMES[2], NAMES[1]]


def test_a_dry_run_writes_nothing(project: Path, account: dict[Any, Any]) -> None:
    before = sorted(project.rglob("*"))
    assert adopt("--dry-run") == 0
    assert sorted(project.rglob("*")) == before
    assert (project / "Pulumi.prod.yaml").read_text() == STACK_FILE


def test_header_values_are_printed_only_when_asked_and_never_written(
    project: Path, account: dict[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    origin = {**s3_origin(), "CustomHeaders": many([{"HeaderName": "Referer", "HeaderValue": "hunter2"}])}
    live(account, Origins=many([origin]))
    assert adopt() == 0
    assert "hunter2" not in (project / "adopted" / "prod.json").read_text()
    out = capsys.readouterr()
    assert "hunter2" not in out.out + out.err
    assert "--print-headers | pulumi config set --secret --stack prod adopted:headers" in out.out
    assert adopt("--print-headers") == 0
    values = json.loads(capsys.readouterr().out)
    assert values == {f"S3-{DOMAIN}/Referer": "hunter2"}
    assert load(project / "adopted" / "prod.json", values).header(f"S3-{DOMAIN}", "Referer") == "hunter2"


def test_upgrades_are_steps_that_can_be_taken_back(
    project: Path, account: dict[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert adopt() == 0
    first = file(project)
    account.clear()  # from here on nothing is read from AWS
    assert adopt("--upgrade", "tls", "--upgrade", "http3") == 0
    assert file(project) == {**first, "upgrades": ["http3", "tls"]}
    assert "tls: the TLS floor rises to TLSv1.2_2021." in capsys.readouterr().out
    assert adopt("--without", "http3") == 0
    assert file(project)["upgrades"] == ["tls"]
    assert adopt("--without", "tls") == 0
    assert file(project) == first


def _api_behavior(account: dict[Any, Any]) -> None:
    config = distribution_config(
        Origins=many([s3_origin(), custom_origin("old.example.com", id_="old")]),
        CacheBehaviors=many([{**path_behaviors(1, "old")[0], "PathPattern": "/api/*"}]),
    )
    account["cloudfront", "GetDistribution"] = distribution(config)


def _quota(account: dict[Any, Any]) -> None:
    live(account, CacheBehaviors=many(path_behaviors(74, f"S3-{DOMAIN}")))
    account["service-quotas", "ListServiceQuotas"] = {"Quotas": []}


def _other_distribution(account: dict[Any, Any]) -> None:
    config = distribution_config()
    account["cloudfront", "ListDistributions"] = distribution_list(
        [summary(config), summary(distribution_config(Aliases=many([NAMES[1]])), id_="E2OTHER")]
    )


def _managed(account: dict[Any, Any]) -> None:
    tag = {"Key": "aws:cloudformation:stack-name", "Value": "web"}
    account["resourcegroupstaggingapi", "GetResources"] = lambda p: {
        "ResourceTagMappingList": [{"ResourceARN": p["ResourceARNList"][0], "Tags": [tag]}]
    }


def _foreign_bucket(account: dict[Any, Any]) -> None:
    account["s3", "ListBuckets"] = {"Buckets": []}


def _plan(account: dict[Any, Any]) -> None:
    found = distribution(distribution_config())["Distribution"]
    account["pricing-plan-manager", "ListSubscriptions"] = {
        "subscriptionSummaries": [
            {
                "arn": "arn:aws:pricingplanmanager::1:subscription/s",
                "planFamily": "CLOUDFRONT",
                "planTier": "FREE",
                "status": "ACTIVE",
                "resourceArns": [found["ARN"]],
                "createdAt": found["LastModifiedTime"],
                "updatedAt": found["LastModifiedTime"],
                "eTag": "e",
            }
        ]
    }


def _two_zones(account: dict[Any, Any]) -> None:
    zone = {"Id": "/hostedzone/Z1", "Name": f"{DOMAIN}.", "CallerReference": "x"}
    account["route53", "ListHostedZonesByName"] = {
        "HostedZones": [zone, {**zone, "Id": "/hostedzone/Z2"}],
        "IsTruncated": False,
        "MaxItems": "10",
    }


def _denied_policy(account: dict[Any, Any]) -> None:
    account["s3", "GetBucketPolicy"] = Refusal("AccessDenied", status=403)


@pytest.mark.parametrize(
    ("change", "expected", "accept"),
    [
        (_api_behavior, "/api/* goes to origin old", "cloudfront-api-behavior"),
        (_quota, "76 behaviors with the API, 75 allowed", "cloudfront-quota"),
        (_other_distribution, "E2OTHER of this account has it", "cloudfront-alias-conflict"),
        (_managed, "tags of CloudFormation stack web", "cloudfront-managed"),
        (_foreign_bucket, f"has no bucket {DOMAIN}", ""),
        (_plan, "plan FREE, ACTIVE", "cloudfront-plan"),
        (_two_zones, "zones Z1, Z2", "dns-zone-twice"),
        (_denied_policy, "bucket policy could not be read. it needs s3:GetBucketPolicy", ""),
    ],
)
def test_conflicts_are_found_before_anything_is_written(
    change: Any,
    expected: str,
    accept: str,
    project: Path,
    account: dict[Any, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(account)
    assert adopt() == 1
    out, err = capsys.readouterr()
    assert expected in out
    assert "nothing was written" in err
    assert not (project / "adopted").exists()
    assert (project / "Pulumi.prod.yaml").read_text() == STACK_FILE
    assert f"(--accept {accept})" in out if accept else "--accept" not in out


def test_an_accepted_conflict_is_only_told(
    project: Path, account: dict[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    _plan(account)
    assert adopt("--accept", "cloudfront-plan") == 0
    assert "note: A flat-rate plan forbids" in capsys.readouterr().out
    assert "orchestrator:waf: false" in (project / "Pulumi.prod.yaml").read_text()


def test_a_setting_that_would_be_lost_stops_it(
    project: Path, account: dict[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    live(account, ConnectionMode="tenant-only")
    assert adopt("--upgrade", "error-pages") == 1
    err = capsys.readouterr().err
    assert (
        "ConnectionMode is 'tenant-only', which the AWS provider cannot carry: adopting would lose it" in err
    )
    assert "upgrade 'error-pages' takes away what answers unknown paths" in err
    assert not (project / "adopted").exists()


def test_what_a_stack_of_ours_has_already_is_not_read_again(
    project: Path, account: dict[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.ops.assess.accounts import healthy

    account["resourcegroupstaggingapi", "GetResources"] = healthy()[
        "resourcegroupstaggingapi", "GetResources"
    ]
    assert adopt("--again") == 1
    assert "is a stack's of this program already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--upgrade", "tsl"], "there is no 'tsl' (did you mean 'tls'?)"),
        (["--accept", "s3-manged"], "there is no 's3-manged' (did you mean 's3-managed'?)"),
        (["--accept", "s3-bucket-missing"], "s3-bucket-missing cannot be accepted"),
    ],
)
def test_unknown_names_are_wrong_usage(
    options: list[str], why: str, project: Path, account: dict[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert adopt(*options) == 2
    assert why in capsys.readouterr().err


def test_a_stack_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adopt", "--domain", DOMAIN]) == 2
    assert "name the stack" in capsys.readouterr().err


def test_the_lists_of_conflicts_name_checks_and_facts() -> None:
    assert set(BLOCKING) | set(NOTED) | set(HARMLESS) <= set(CHECKS)
    assert not set(BLOCKING) & set(NOTED)
    assert set(UNACCEPTABLE) < set(BLOCKING)
    assert set(MUST_BE_READ) <= set(FACTS)


ALONE = """
import sys
from pathlib import Path
from ops.assess import adopt_command, check_command, collect, reader
from tests.ops.assess.accounts import plain_site
from tests.ops.assess.aws_shapes import NS
from tests.ops.assess.fake_aws import FakeAws
adopt_command.ROOT = check_command.ROOT = Path(sys.argv.pop(1))
reader.boto_clients = lambda **_: FakeAws(plain_site()).client
collect.lookup = lambda _: NS
from ops.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_the_command_stands_alone(project: Path) -> None:
    # A process of its own: nothing but the command has imported what it needs.
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(project), "adopt", "--stack", "prod", "--domain", DOMAIN],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[-1][:6]) == (0, "next: "), done.stderr
    assert file(project)["distribution"]["id"] == ID


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "config:\n  a:b: true\n"),
        ("config: {}\n", "config:\n  a:b: true\n"),
        ("config:\n  a:b: no # old\n  c:d: 1\n", "config:\n  a:b: true\n  c:d: 1\n"),
        ("config:\n  a:b: true # why\n", "config:\n  a:b: true # why\n"),
        ("config:\n  a:b: 'true'\n", "config:\n  a:b: 'true'\n"),
        ("config:\n  a:b: truest\n", "config:\n  a:b: true\n"),
        ("config:\n  c:d: 1\n\nbackend: x\n", "config:\n  c:d: 1\n  a:b: true\n\nbackend: x\n"),
        (
            "x: 1\nconfig:\n  # why\n  c:d:\n    - 1\n",
            "x: 1\nconfig:\n  # why\n  c:d:\n    - 1\n  a:b: true\n",
        ),
    ],
)
def test_keys_are_set_in_a_stack_file(before: str, after: str) -> None:
    assert with_keys(before, {"a:b": True}) == after
    assert str(yaml.safe_load(after)["config"]["a:b"]).lower() == "true"
