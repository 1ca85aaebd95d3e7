"""The whole program, for every stack: same resources known and unknown, types, guardrails, snapshots."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from ops import cost, guardrails
from ops.cost import readme
from ops.engine.recorder import rehearse, walk
from ops.engine.standin.schema import check_inputs
from ops.plan import Plan
from tests.components import snapshots
from tests.ops.program_plans import plan_of

ROOT = Path(__file__).parents[2]
DOMAIN = {"domain": "yourdomain.com"}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"

CASES: dict[str, tuple[str, dict[str, str]]] = {
    "dev": ("dev", {}),
    "prod": ("prod", {}),
    "dev with a domain": ("dev", {**DOMAIN, "waf": "true"}),
    "prod with an address": ("prod", {"alarmEmail": "ops@yourdomain.com"}),
    "prod without a domain": ("prod", {"domain": ""}),
    "prod without a firewall": ("prod", {"waf": "false"}),
    "site only": ("dev", {"apiBackend": "none"}),
    "site only, prod": ("prod", {**DOMAIN, "apiBackend": "none"}),
    "dns elsewhere": ("prod", {**DOMAIN, "dnsProvider": "external", "certificateArn": CERTIFICATE}),
    "in Europe": ("prod", {**DOMAIN, "aws:region": "eu-central-1"}),
    "public chat, spa": ("dev", {**DOMAIN, "publicChat": "true", "siteMode": "spa"}),
    "keys turn in dev": ("dev", {"apiKeyRotationDays": "30", "originVerifyGeneration": "3"}),
    "costs watched for anomalies": ("prod", {**DOMAIN, "costAnomalyMonitor": "true"}),
    "concurrency bound": ("dev", {"apiMaxConcurrency": "5", "apiGatewayAccountRole": "existing"}),
}


@cache
def planned(case: str, preview: bool = False) -> Plan:
    stack, overrides = CASES[case]
    return rehearse(ROOT, stack, overrides, preview=True) if preview else plan_of(stack, overrides)


# The others run in CI: each runs the program twice.
QUICK = ("dev", "prod", "site only")


def _case(case: str, *more: object) -> object:
    return pytest.param(case, *more, marks=() if case in QUICK else pytest.mark.slow)


every_case = pytest.mark.parametrize("case", [_case(case) for case in CASES])


@every_case
def test_unknown_outputs_register_the_same_resources(case: str) -> None:
    known = {r.urn for r in planned(case).resources}
    unknown = {r.urn for r in planned(case, preview=True).resources}
    assert known == unknown, "a resource is made inside an apply"
    assert len(known) > 25


@every_case
def test_every_input_fits_the_sdk_s_own_types(case: str) -> None:
    wrong = [
        f"{r.type} {r.name}: {problem}"
        for r in planned(case).custom()
        for problem in check_inputs(r.type, r.inputs)
    ]
    assert wrong == []


@every_case
def test_the_guardrails_are_silent(case: str) -> None:
    found = [f"{f.severity} {f.policy} {f.resource}: {f.message}" for f in guardrails.check(planned(case))]
    assert found == []


@every_case
def test_every_resource_has_a_component_as_parent_and_its_name_as_prefix(case: str) -> None:
    components = {r.urn: r for r in planned(case).resources if not r.custom}
    names = {r.name for r in components.values()}
    assert names == {"secrets", "site", "monitoring"} | (set() if "site only" in case else {"api"})
    for r in planned(case).custom():
        assert r.parent in components, r.urn
        assert r.name.startswith(components[str(r.parent)].name), r.urn


@every_case
def test_no_secret_value_stands_outside_a_secret(case: str) -> None:
    plan = planned(case)
    values = {
        str(r.outputs["result"]): r.name for r in plan.resources if r.type.startswith("random:") and r.outputs
    }
    assert values
    leaks, kept = [], 0
    for r in plan.resources:
        for path, leaf in walk(r.inputs):
            if any(value in str(leaf) for value in values):
                if _is_secret(path, r.secret_paths):
                    kept += 1
                else:
                    leaks.append(f"{r.urn} {path}")
    assert leaks == []
    assert kept >= (1 if "site only" in case else 2)  # a site alone has the token of previews
    assert not [k for k, v in walk(plan.exports) if any(value in str(v) for value in values)]


def _is_secret(path: str, secret_paths: frozenset[str]) -> bool:
    return any(path == s or path.startswith((f"{s}.", f"{s}[")) for s in secret_paths)


def test_cloudfront_sends_a_new_value_only_after_it_is_among_those_accepted() -> None:
    plan = planned("prod")
    (distribution,) = plan.all("aws:cloudfront/distribution:Distribution")
    versions = {r.name: r.urn for r in plan.all("aws:secretsmanager/secretVersion:SecretVersion")}
    # On its way the value waits for the version that holds it; the seed of the API keys concerns nobody here.
    assert versions["secrets-origin-verify-version"] in distribution.depends_on
    assert versions["secrets-api-key-version"] not in distribution.depends_on


@every_case
def test_physical_names_keep_within_aws_limits(case: str) -> None:
    # Autonaming adds a hyphen and seven characters to the logical name.
    limits = {
        "aws:lambda/function:Function": 64,
        "aws:iam/role:Role": 64,
        "aws:lb/targetGroup:TargetGroup": 32,
        "aws:lb/loadBalancer:LoadBalancer": 32,
        "aws:s3/bucket:Bucket": 63,
        "aws:sqs/queue:Queue": 80,
        "aws:cloudfront/function:Function": 64,
    }
    for r in planned(case).custom():
        name = r.inputs.get("name") or r.inputs.get("bucket") or f"{r.name}-1234567"
        assert len(str(name)) <= limits.get(r.type, 128), r.urn


@pytest.mark.parametrize("case", [_case("prod"), _case("prod without a domain"), _case("site only, prod")])
def test_production_protects_and_keeps_what_holds_data(case: str) -> None:
    holds_data = (
        "aws:s3/bucket:Bucket",
        "aws:dynamodb/table:Table",
        "aws:secretsmanager/secret:Secret",
        "aws:cloudfront/distribution:Distribution",
        "aws:kms/key:Key",
    )
    found = [r for r in planned(case).custom() if r.type in holds_data]
    assert len(found) >= (4 if "site only" in case else 7)
    for r in found:
        assert r.protect, r.urn
        assert r.retain_on_delete, r.urn


def test_a_site_alone_has_nothing_of_an_api() -> None:
    plan = planned("site only")
    types = {r.type for r in plan.custom()}
    assert not {t for t in types if t.startswith(("aws:secretsmanager/", "aws:lambda/", "aws:iam/"))}
    assert "apiKeySecretArn" not in plan.exports
    assert "apiKeySecretArn" in planned("dev").exports


def test_dev_protects_nothing_so_that_destroy_clears_it() -> None:
    assert [r.urn for r in planned("dev").resources if r.protect] == []


@pytest.mark.slow
def test_nothing_regional_of_the_edge_leaves_us_east_1() -> None:
    plan = planned("in Europe")
    must = ("aws:acm/", "aws:wafv2/", "aws:cloudwatch/logDelivery")
    for r in plan.custom():
        if r.type.startswith(must):
            assert r.inputs.get("region") == "us-east-1", r.urn
    edge = ("AWS/CloudFront", "AWS/WAFV2", "AWS/Route53", "AWS/CertificateManager")
    alarms = plan.all("aws:cloudwatch/metricAlarm:MetricAlarm")
    seen = set()
    for alarm in alarms:
        home = "us-east-1" if any(name in json.dumps(alarm.inputs) for name in edge) else "eu-central-1"
        seen.add(home)
        assert alarm.inputs.get("region", "eu-central-1") == home, alarm.name
        # Alarm actions do not cross Regions.
        assert {arn.split(":")[3] for arn in alarm.inputs["alarmActions"]} == {home}, alarm.name
    assert seen == {"us-east-1", "eu-central-1"}


def test_the_two_stacks_of_one_account_share_no_physical_name() -> None:
    keys = ("name", "bucket", "alarmName", "dashboardName", "family")

    def named(case: str) -> set[tuple[str, str]]:
        return {(r.type, str(r.inputs[k])) for r in planned(case).custom() for k in keys if r.inputs.get(k)}

    both = named("dev") & named("prod")
    assert {(t, n) for t, n in both if not _may_repeat(t)} == set()


def _may_repeat(type_: str) -> bool:
    """Names that live within their own parent: an alias in its function, a policy in its role."""
    return type_ in ("aws:lambda/alias:Alias", "aws:iam/rolePolicy:RolePolicy", "aws:route53/record:Record")


def test_exports_are_camel_case_and_hold_no_secret() -> None:
    exports = planned("prod").exports
    assert exports["url"] == "https://yourdomain.com"
    assert re.fullmatch(r"E[A-Z0-9]{13}", exports["distributionId"])
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", key) for key in exports)


@pytest.mark.parametrize(("case", "limit"), [_case("dev", 3.0), _case("prod", 25.0)])
def test_an_idle_stack_stays_under_its_price(case: str, limit: float) -> None:
    idle = cost.estimate(planned(case))
    assert idle.missing == ()
    assert 0.5 < idle.total < limit


def test_the_readme_says_what_the_stacks_cost_now() -> None:
    page = (ROOT / "README.md").read_text()
    made = readme.table({name: planned(name) for name in ("dev", "prod")})
    assert readme.inserted(page, made) == page, "run: python -m ops.cost.readme"


@pytest.mark.parametrize("case", [_case(case) for case in snapshots.REVIEWED])
def test_the_whole_program_is_as_reviewed(case: str) -> None:
    stored = json.loads(snapshots.path(case).read_text())
    now = snapshots.taken(planned(case))
    assert now == stored, "review the change, then: python -m tests.components.snapshots"
