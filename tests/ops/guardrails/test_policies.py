"""Every policy fires where it must and is silent where it must be."""

from __future__ import annotations

from dataclasses import replace

import pytest

import ops.guardrails as guardrails
from ops.guardrails import POLICIES
from ops.guardrails.model import label, run
from ops.plan import Plan
from tests.ops.guardrails import cases_edge, cases_inside, cases_running
from tests.ops.guardrails.plans import plan as made
from tests.ops.guardrails.plans import res

CASES = {**cases_edge.CASES, **cases_inside.CASES, **cases_running.CASES}
FIRING = [(id_, n, plan) for id_, (fires, _) in CASES.items() for n, plan in enumerate(fires)]
SILENT = [(id_, n, plan) for id_, (_, silent) in CASES.items() for n, plan in enumerate(silent)]


def test_every_policy_has_a_firing_and_a_silent_case():
    assert set(CASES) == set(POLICIES)
    assert all(fires and silent for fires, silent in CASES.values())


@pytest.mark.parametrize(
    ("id_", "number", "plan"), FIRING, ids=lambda v: "" if isinstance(v, Plan) else str(v)
)
def test_fires_once(id_: str, number: int, plan: Plan):
    findings = list(run(POLICIES[id_], plan))
    assert len(findings) == 1, findings
    finding = findings[0]
    assert finding.policy == id_
    assert finding.severity == POLICIES[id_].severity
    assert finding.message
    assert finding.mend
    assert finding.source.startswith("https://docs.aws.amazon.com/")


@pytest.mark.parametrize(
    ("id_", "number", "plan"), SILENT, ids=lambda v: "" if isinstance(v, Plan) else str(v)
)
def test_is_silent(id_: str, number: int, plan: Plan):
    assert list(run(POLICIES[id_], plan)) == []


def test_findings_name_the_resource_as_the_engine_does():
    (finding,) = run(POLICIES["log-group-ends"], CASES["log-group-ends"][0][0])
    assert finding.resource == "aws:cloudwatch/logGroup:LogGroup::x"


def test_mandatory_findings_come_first_and_go_out_as_plain_data():
    plan = cases_inside.plan(cases_inside.res("aws:s3/bucket:Bucket", "site"))
    findings = guardrails.check(plan, exemptions=())
    severities = [f.severity for f in findings]
    assert severities == sorted(severities, key=lambda s: s != "mandatory")
    assert {f.policy for f in guardrails.mandatory(findings)} == {
        "bucket-public-access-block", "bucket-tls-only", "bucket-encrypted", "bucket-lifecycle", "tagged",
    }  # fmt: skip
    data = guardrails.to_json(findings)[0]
    assert set(data) == {"policy", "severity", "resource", "message", "mend", "source", "subjects"}
    assert isinstance(data["subjects"], list)


def test_what_was_adopted_as_it_ran_does_not_fail_a_preview():
    bucket = res("aws:s3/bucket:Bucket", "site-bucket")
    own = [f for f in guardrails.check(made(bucket), ()) if f.resource == label(bucket)]
    adopted = [
        f
        for f in guardrails.check(made(replace(bucket, import_id="live")), ())
        if f.resource == label(bucket)
    ]
    assert "mandatory" in {f.severity for f in own}
    assert {f.severity for f in adopted} == {"advisory"}
    assert {f.policy: f"{f.message} (so it ran before it was adopted)" for f in own} == {
        f.policy: f.message for f in adopted
    }
