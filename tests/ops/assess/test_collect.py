"""What is read of an account, in how many calls, and what happens when it cannot be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

import ops.assess.checks  # noqa: F401  # registers
from ops.assess.collect import collect
from ops.assess.grants import GRANTS, policy_document
from ops.assess.model import FACTS, Request, judge
from ops.assess.reader import NotReadOnly, Read, Reader
from ops.errors import UsageError
from tests.ops.assess import fake_aws
from tests.ops.assess.accounts import healthy, plain_site
from tests.ops.assess.aws_shapes import (
    ACCOUNT,
    DOMAIN,
    ID,
    NOW,
    custom_origin,
    distribution,
    distribution_config,
    distribution_list,
    many,
    path_behaviors,
    s3_origin,
    summary,
)
from tests.ops.assess.fake_aws import FakeAws, Refusal, pages
from tests.ops.assess.run import assess, nameservers
from tests.timing import PATIENCE_S

MAX_CALLS = 40
MAX_SECONDS = 10.0


# -- what it costs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [plain_site, healthy])
def test_a_typical_account_takes_at_most_forty_calls(account: Any) -> None:
    snapshot, reader = assess(account())
    assert snapshot.calls == len(reader.calls) <= MAX_CALLS
    assert len(set(reader.calls)) >= MAX_CALLS - 5  # few of them are asked twice


def test_it_ends_within_ten_seconds_at_a_tenth_of_a_second_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    # Making the clients is part of it: a run begins with none.
    monkeypatch.setattr(fake_aws, "_CLIENTS", {})
    started = time.monotonic()
    snapshot, _ = assess(plain_site(), delay_s=0.1)
    assert time.monotonic() - started < MAX_SECONDS
    assert snapshot.calls >= MAX_CALLS - 5


def test_calls_run_side_by_side() -> None:
    flying, most, changed = 0, 0, threading.Condition()
    answers = plain_site()
    ends = time.monotonic() + PATIENCE_S

    def counted(key: tuple[str, str]) -> Any:
        plain = answers[key]

        def answer(params: Mapping[str, Any]) -> Any:
            nonlocal flying, most
            with changed:
                flying += 1
                most = max(most, flying)
                changed.notify_all()
                # None is answered before so many have been made: how quickly they are made is no matter.
                changed.wait_for(lambda: most >= 8, ends - time.monotonic())
            time.sleep(0.02)
            with changed:
                flying -= 1
            return plain(params) if callable(plain) else plain

        return answer

    assess({key: counted(key) for key in answers})
    assert 8 <= most <= 16


# -- read-only, and the policy ----------------------------------------------------------------------


def test_only_reads_are_made_and_each_is_in_the_policy() -> None:
    made = set()
    for answers, request in SETUPS:
        made |= set(assess(answers, **request)[1].calls)
    assert made <= set(GRANTS)
    assert all(operation.startswith(("Get", "List", "Describe", "Head", "Simulate")) for _, operation in made)
    # The other way round: nothing is asked for in the policy that no run needs.
    assert made == set(GRANTS)


@pytest.mark.parametrize(("service", "operation"), [("s3", "PutBucketPolicy"), ("s3", "GetObject")])
def test_any_other_call_is_refused_before_it_is_sent(
    service: str, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeAws({(service, operation): {}})
    reader = Reader(fake.client)
    client = reader._client(Read(service=service, operation="GetBucketPolicy"))
    params: dict[str, Any] = {"Bucket": "b"} | (
        {"Policy": "{}"} if operation == "PutBucketPolicy" else {"Key": "k"}
    )
    method = {"PutBucketPolicy": client.put_bucket_policy, "GetObject": client.get_object}[operation]
    with pytest.raises(NotReadOnly, match=f"{service}:{operation}"):
        method(**params)
    reader.close()


def test_the_policy_is_the_smallest_one() -> None:
    document: Any = policy_document(bucket=DOMAIN)
    any_, bucket = document["Statement"]
    assert any_["Resource"] == "*"
    assert bucket["Resource"] == f"arn:aws:s3:::{DOMAIN}"
    assert all(action.startswith("s3:Get") for action in bucket["Action"])
    actions = set(any_["Action"]) | set(bucket["Action"])
    assert actions == {g.action for g in GRANTS.values() if g.action and g.scope != "billed"}
    assert not any("*" in action or action.startswith("ce:") for action in actions)
    billed: Any = policy_document(costs=True)
    assert billed["Statement"][2]["Action"] == ["ce:GetAnomalyMonitors", "ce:GetCostAndUsage"]


# -- what cannot be read ----------------------------------------------------------------------------


def everything_but(*kept: tuple[str, str], refusal: Refusal) -> dict[tuple[str, str], Any]:
    answers = healthy()
    return {key: answers[key] if key in kept else refusal for key in answers}


def test_a_caller_who_may_do_nothing_gets_a_report_of_what_is_needed() -> None:
    who = ("sts", "GetCallerIdentity")
    snapshot, _ = assess(everything_but(who, refusal=Refusal("AccessDenied", status=403)))
    verdict = judge(snapshot)
    assert [f.check for f in verdict.findings] == []
    by_check = {one.check: one.reasons for one in verdict.not_checked}
    assert by_check["cloudfront-tls-floor"] == ("needs cloudfront:ListDistributions",)
    assert by_check["s3-versioning"] == ("needs s3:ListAllMyBuckets",)
    assert by_check["account-root-mfa"] == ("needs iam:GetAccountSummary",)
    assert by_check["bedrock-access"] == ("needs bedrock:GetFoundationModelAvailability",)
    # Only what rests on the caller alone, or on Cost Explorer which was not asked, is left.
    assert set(verdict.passed) == {"account-root-caller", "account-user-keys", "monitoring-anomalies"}


@pytest.mark.parametrize("key", sorted(set(healthy()) - {("sts", "GetCallerIdentity")}))
def test_one_missing_permission_names_itself_and_leaves_the_rest(key: tuple[str, str]) -> None:
    answers = healthy()
    answers[key] = Refusal("AccessDeniedException", status=403)
    snapshot, _ = assess(answers)
    verdict = judge(snapshot)
    assert verdict.findings == ()
    reasons = {reason for one in verdict.not_checked for reason in one.reasons}
    assert reasons == {f"needs {GRANTS[key].action}"}
    assert verdict.passed


def test_a_throttled_account_says_so() -> None:
    answers = plain_site()
    answers["acm", "ListCertificates"] = Refusal("ThrottlingException", "Rate exceeded")
    snapshot, _ = assess(answers)
    assert snapshot.unread["certificates"].reason == "throttled"
    reasons = {one.check: one.reasons for one in judge(snapshot).not_checked}
    assert reasons["acm-missing"] == ("acm:ListCertificates was throttled; run it again",)


def test_a_service_that_fails_is_quoted() -> None:
    answers = plain_site()
    answers["bedrock", "ListInferenceProfiles"] = Refusal("InternalServerException", "boom\nsecond line")
    snapshot, _ = assess(answers)
    text = snapshot.unread["inference_profiles"].text
    assert text == "bedrock:ListInferenceProfiles: InternalServerException: boom"


def test_bad_credentials_end_the_run_with_one_message() -> None:
    answers = plain_site()
    answers["sts", "GetCallerIdentity"] = Refusal("ExpiredToken", status=403)
    with pytest.raises(UsageError, match="ExpiredToken"):
        assess(answers)


# -- half-configured, huge, elsewhere ---------------------------------------------------------------


def test_two_thousand_distributions_in_pages() -> None:
    others = [
        summary(distribution_config(Aliases=many([f"shop{n}.example.org"])), id_=f"E{n:06}")
        for n in range(1999)
    ]
    answers = plain_site()
    answers["cloudfront", "ListDistributions"] = distribution_list([*others, summary(distribution_config())])
    snapshot, reader = assess(answers)
    assert len(snapshot["distributions"]) == 2000
    assert reader.calls.count(("cloudfront", "ListDistributions")) == 20
    assert snapshot["distribution"]["Id"] == ID
    assert reader.truncated == []


def test_a_listing_without_an_end_is_cut_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.assess.reader.MAX_PAGES", 3)
    answers = plain_site()
    groups = [{"logGroupName": f"/g{n}", "retentionInDays": 1} for n in range(500)]
    answers["logs", "DescribeLogGroups"] = pages("logGroups", groups, size=50, marker="nextToken")
    snapshot, reader = assess(answers)
    assert len(snapshot["log_groups"]) == 150
    assert reader.truncated == ["logs DescribeLogGroups: only the first 150 were read"]


def test_pages_are_followed_to_the_end() -> None:
    answers = plain_site()
    functions = [{"FunctionName": f"f{n}"} for n in range(120)]
    answers["lambda", "ListFunctions"] = lambda p: {
        "Functions": functions[int(p.get("Marker", 0)) :][:50],
        **({"NextMarker": str(int(p.get("Marker", 0)) + 50)} if int(p.get("Marker", 0)) < 100 else {}),
    }
    assert len(assess(answers)[0]["lambda_functions"]) == 120


def test_an_empty_account() -> None:
    answers = plain_site()
    answers["cloudfront", "ListDistributions"] = distribution_list([])
    answers["s3", "ListBuckets"] = {"Buckets": []}
    snapshot, reader = assess(answers)
    found = {f.check: f for f in judge(snapshot).findings}
    assert found["cloudfront-missing"].evidence == "none of 0 distributions has it as alias or origin"
    assert found["s3-bucket-missing"].severity == "info"
    assert not {op for service, op in reader.calls if service == "s3"} - {"ListBuckets"}
    assert judge(snapshot).not_checked == ()


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"domain": DOMAIN}, (DOMAIN, DOMAIN, ID)),
        ({"bucket": DOMAIN}, (DOMAIN, DOMAIN, ID)),
        ({"distribution_id": ID}, (DOMAIN, DOMAIN, ID)),
        ({}, (DOMAIN, DOMAIN, ID)),
    ],
)
def test_any_of_the_three_finds_the_other_two(request_: dict[str, Any], expected: tuple[str, ...]) -> None:
    wanted: dict[str, Any] = {"domain": "", **request_}
    snapshot, _ = assess(plain_site(), **wanted)
    found = snapshot.request
    assert (found.domain, found.bucket, found.distribution_id) == expected


def test_several_distributions_are_named_and_none_is_guessed() -> None:
    answers = plain_site()
    configs = [distribution_config(Aliases=many([name])) for name in ("a.example", "b.example")]
    answers["cloudfront", "ListDistributions"] = distribution_list(
        summary(config, id_=f"E{n}") for n, config in enumerate(configs)
    )
    snapshot, _ = assess(answers, domain="")
    assert snapshot.candidates == ("E0", "E1")
    assert snapshot["distribution"] is None
    finding = next(f for f in judge(snapshot).findings if f.check == "cloudfront-missing")
    assert finding.evidence == "several fit: E0, E1"
    assert finding.mend == "Name one with --distribution-id."


def test_a_bucket_in_another_region_is_asked_there() -> None:
    answers = plain_site()
    answers["s3", "ListBuckets"] = {"Buckets": [{"Name": DOMAIN, "BucketRegion": "eu-central-1"}]}
    fake = FakeAws(answers)
    regions = {}

    def client(service: str, region: str) -> Any:
        regions.setdefault(service, set()).add(region)
        return fake.client(service, region)

    reader = Reader(client, region="eu-west-1")
    snapshot = collect(
        reader, Request(domain=DOMAIN, region="eu-west-1"), nameservers=nameservers, now=lambda: NOW
    )
    reader.close()
    assert regions["s3"] == {"eu-west-1", "eu-central-1"}
    assert regions["acm"] == {"us-east-1", "eu-west-1"}
    assert regions["cloudfront"] == regions["cloudwatch"] == {"us-east-1"}
    assert regions["resourcegroupstaggingapi"] == {"us-east-1", "eu-central-1"}
    assert regions["lambda"] == {"eu-west-1"}
    assert snapshot["home_certificates"] is not None


def test_single_sign_on_roles_are_simulated_under_their_real_path() -> None:
    answers = plain_site()
    answers["sts", "GetCallerIdentity"] = {
        "UserId": "A:b",
        "Account": ACCOUNT,
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/anna",
    }
    path = "/aws-reserved/sso.amazonaws.com/"
    asked = []

    def simulate(params: Mapping[str, Any]) -> Any:
        asked.append(params["PolicySourceArn"])
        return {"EvaluationResults": [], "IsTruncated": False}

    answers["iam", "SimulatePrincipalPolicy"] = simulate
    answers["iam", "GetRole"] = role(path, "AWSReservedSSO_Admin_0123456789abcdef")
    assess(answers)
    assert asked == [f"arn:aws:iam::{ACCOUNT}:role{path}AWSReservedSSO_Admin_0123456789abcdef"]


def role(path: str, name: str) -> dict[str, Any]:
    """GetRole's answer."""
    return {
        "Role": {
            "Path": path,
            "RoleName": name,
            "RoleId": "AROAEXAMPLEROLEID0001",
            "Arn": f"arn:aws:iam::{ACCOUNT}:role{path}{name}",
            "CreateDate": NOW,
        }
    }


def test_the_root_user_is_not_simulated_and_lacks_nothing() -> None:
    answers = plain_site()
    answers["sts", "GetCallerIdentity"] = {
        "UserId": ACCOUNT,
        "Account": ACCOUNT,
        "Arn": f"arn:aws:iam::{ACCOUNT}:root",
    }
    snapshot, reader = assess(answers)
    assert ("iam", "SimulatePrincipalPolicy") not in reader.calls
    assert "account-permissions" in judge(snapshot).passed


def test_a_federated_user_cannot_be_simulated_and_that_is_said() -> None:
    answers = plain_site()
    answers["sts", "GetCallerIdentity"] = {
        "UserId": "1:b",
        "Account": ACCOUNT,
        "Arn": f"arn:aws:sts::{ACCOUNT}:federated-user/bob",
    }
    assert (
        assess(answers)[0].unread["simulation"].text == "federated-user cannot be simulated: log in as a role"
    )


def test_a_silent_resolver_leaves_only_the_delegation_open() -> None:
    def silent(_: str) -> Any:
        raise OSError("timed out")

    snapshot, _ = assess(plain_site(), dns=silent)
    assert set(snapshot.unread) == {"delegation"}
    assert "no DNS answer for yourdomain.com: timed out" in snapshot.unread["delegation"].text


def test_a_zone_above_the_domain_is_found_by_its_longest_suffix() -> None:
    answers = plain_site()
    answers["route53", "ListHostedZonesByName"] = lambda p: {
        "HostedZones": (
            [{"Id": "/hostedzone/Z9", "Name": "example.co.uk.", "CallerReference": "x"}]
            if p["DNSName"] == "example.co.uk"
            else [{"Id": "/hostedzone/Z8", "Name": "zz.example.", "CallerReference": "y"}]
        ),
        "IsTruncated": False,
        "MaxItems": "10",
    }
    answers["route53", "GetHostedZone"] = GET_ZONE
    asked = []
    snapshot, _ = assess(
        answers, domain="shop.example.co.uk", dns=lambda zone: asked.append(zone) or ["ns-9.awsdns"]
    )
    assert [z["Id"] for z in snapshot["zones"]] == ["/hostedzone/Z9"]
    assert asked == ["example.co.uk"]
    assert "dns-delegation" in judge(snapshot).passed


GET_ZONE = {
    "HostedZone": {"Id": "/hostedzone/Z9", "Name": "example.co.uk.", "CallerReference": "x"},
    "DelegationSet": {"NameServers": ["ns-9.awsdns"]},
}


def test_money_is_asked_for_only_when_told() -> None:
    answers = plain_site()
    snapshot, reader = assess(answers)
    assert not [call for call in reader.calls if call[0] == "ce"]
    answers.update(COSTS)
    snapshot, reader = assess(answers, domain=DOMAIN, costs=True)
    assert [call for call in reader.calls if call[0] == "ce"] != []
    assert snapshot["costs"] == {"Amazon CloudFront": 1.5, "Amazon S3": 0.25}


def _costs(params: Mapping[str, Any]) -> dict[str, Any]:
    assert params["TimePeriod"] == {"Start": "2026-11-01", "End": str((NOW + timedelta(days=1)).date())}
    groups = [("Amazon CloudFront", "1.5"), ("Amazon S3", "0.25")]
    return {
        "ResultsByTime": [
            {
                "Groups": [
                    {"Keys": [name], "Metrics": {"UnblendedCost": {"Amount": usd, "Unit": "USD"}}}
                    for name, usd in groups
                ]
            }
        ]
    }


COSTS: dict[tuple[str, str], Any] = {
    ("ce", "GetCostAndUsage"): _costs,
    ("ce", "GetAnomalyMonitors"): {"AnomalyMonitors": []},
}


def _everything() -> dict[tuple[str, str], Any]:
    """A site below its zone, with a firewall, seventy-five behaviors, ACLs, a role with a path, and costs."""
    answers = plain_site()
    base = healthy()
    full = distribution_config(
        Aliases=many([DOMAIN]),
        Origins=many(
            [s3_origin(oac="E2OACEXAMPLE", id_="site"), custom_origin("api.example.com", id_="api")]
        ),
        CacheBehaviors=many(path_behaviors(75)),
    )
    for key in (
        ("wafv2", "GetWebACL"),
        ("wafv2", "GetLoggingConfiguration"),
        ("cloudfront", "DescribeFunction"),
    ):
        answers[key] = base[key]
    answers["cloudfront", "GetOriginAccessControl"] = base["cloudfront", "GetOriginAccessControl"]
    sound = base["cloudfront", "GetDistribution"]
    assert isinstance(sound, Mapping)
    healthy_cfg = sound["Distribution"]["DistributionConfig"]
    full["WebACLId"] = healthy_cfg["WebACLId"]
    full["DefaultCacheBehavior"] = healthy_cfg["DefaultCacheBehavior"]
    answers["cloudfront", "GetDistribution"] = distribution(full)
    answers["service-quotas", "ListServiceQuotas"] = {
        "Quotas": [{"QuotaName": "Cache behaviors per distribution", "Value": 100.0}]
    }
    return {**answers, **COSTS}


def test_the_quota_is_asked_for_only_near_its_default() -> None:
    snapshot, _ = assess(_everything(), domain=DOMAIN, costs=True)
    assert snapshot["behavior_quota"] == 100.0
    assert "cloudfront-quota" in judge(snapshot).passed


SETUPS: tuple[tuple[dict[tuple[str, str], Any], dict[str, Any]], ...] = (
    (_everything(), {"domain": DOMAIN, "costs": True}),
    (
        {
            **plain_site(),
            ("route53", "ListHostedZonesByName"): lambda p: {
                "HostedZones": [{"Id": "/hostedzone/Z9", "Name": f"{p['DNSName']}.", "CallerReference": "x"}]
                if p["DNSName"] == DOMAIN
                else [],
                "IsTruncated": False,
                "MaxItems": "10",
            },
            ("route53", "GetHostedZone"): GET_ZONE,
            ("iam", "SimulatePrincipalPolicy"): Refusal("NoSuchEntity", status=404),
            ("iam", "GetRole"): role("/ci/", "Deployer"),
        },
        {"domain": f"shop.{DOMAIN}", "distribution_id": ID},
    ),
)


def test_the_facts_are_all_read_or_do_not_apply() -> None:
    snapshot, _ = assess(_everything(), domain=DOMAIN, costs=True)
    assert set(snapshot.facts) == set(FACTS)
    with pytest.raises(KeyError):
        _ = snapshot["bukcet"]


def test_a_certificate_that_is_gone_is_no_error() -> None:
    answers = plain_site()
    answers["acm", "DescribeCertificate"] = Refusal("ResourceNotFoundException")
    assert assess(answers)[0]["certificate"] is None
