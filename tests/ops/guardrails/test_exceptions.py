"""The exceptions file: what it excuses, what it does not, and when an entry is itself a finding."""

from __future__ import annotations

from pathlib import Path

import pytest

import ops.guardrails as guardrails
from ops.guardrails import exceptions
from ops.guardrails.exceptions import Exemption
from tests.ops.guardrails.plans import allow, document, plan, res

POLICY = "exact-resource"
TRACES = document(allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"))


def entry(**changes):
    values = {
        "id": "traces",
        "policy": POLICY,
        "resource": "aws:iam/rolePolicy:RolePolicy::api-*",
        "reason": "r",
    }
    return Exemption(**{**values, **changes})


def findings(plan_, *exemptions):
    wanted = {POLICY, exceptions.UNUSED}
    return [f for f in guardrails.check(plan_, exemptions) if f.policy in wanted]


API = plan(res("aws:iam/rolePolicy:RolePolicy", "api-role", policy=TRACES))


def test_an_entry_excuses_its_finding():
    assert [f.policy for f in findings(API)] == [POLICY]
    assert findings(API, entry(subjects=("xray:*",))) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"resource": "aws:iam/rolePolicy:RolePolicy::site-*"},
        {"policy": "no-wildcard-action"},
        {"subjects": ("xray:PutTraceSegments",)},
        {"when": {"apiBackend": ("fargate",)}},
    ],
)
def test_it_excuses_nothing_else(wrong):
    assert POLICY in [f.policy for f in findings(API, entry(**wrong))]


def test_an_entry_that_excuses_nothing_is_a_finding():
    tidy = plan(
        res("aws:iam/rolePolicy:RolePolicy", "api-role", policy=document(allow("x:Y", "arn:aws:s3:::b/*")))
    )
    (found,) = findings(tidy, entry())
    assert (found.policy, found.severity, found.subjects) == (exceptions.UNUSED, "advisory", ("traces",))


def test_an_entry_for_another_plan_is_no_finding():
    tidy = plan(
        res("aws:iam/rolePolicy:RolePolicy", "api-role", policy=document(allow("x:Y", "arn:aws:s3:::b/*")))
    )
    assert findings(tidy, entry(when={"apiBackend": ("fargate",)})) == []
    assert findings(tidy, entry(resource="aws:ecs/*")) == []


def test_neighbours_of_an_entry_must_be_there_or_must_not():
    stage = res("aws:apigateway/stage:Stage", "api-stage")
    alone, beside = API, plan(*API.resources, stage)
    with_stage = entry(beside=("aws:apigateway/stage:Stage::*",))
    without_stage = entry(beside=("!aws:apigateway/stage:Stage::*",))
    assert [f.policy for f in findings(alone, with_stage)] == [POLICY]
    assert findings(beside, with_stage) == []
    assert findings(alone, without_stage) == []
    assert [f.policy for f in findings(beside, without_stage)] == [POLICY]


def test_settings_of_when_are_compared_as_text():
    fargate = plan(*API.resources, config={"orchestrator:apiBackend": "fargate", "orchestrator:waf": True})
    assert findings(fargate, entry(when={"apiBackend": ("fargate",), "waf": ("true",)})) == []


def test_a_setting_can_be_any_but_one():
    here = plan(*API.resources, config={"orchestrator:apiKeyRotationDays": "0"})
    assert findings(here, entry(when={"apiKeyRotationDays": ("!30",)})) == []
    assert [f.policy for f in findings(here, entry(when={"apiKeyRotationDays": ("!0",)}))] == [POLICY]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "exceptions.toml"
    path.write_text(text)
    return path


def test_the_file_is_read(tmp_path: Path):
    path = write(
        tmp_path,
        """
        [[exception]]
        id = "a"
        policy = "exact-resource"
        resource = "aws:iam/*"
        subjects = ["xray:*"]
        when = { apiBackend = ["lambda"], waf = false }
        reason = "X-Ray knows no resources"
        """,
    )
    (read,) = exceptions.load(path)
    assert read.subjects == ("xray:*",)
    assert read.when == {"apiBackend": ("lambda",), "waf": ("false",)}


def test_all_mistakes_of_the_file_come_at_once(tmp_path: Path):
    path = write(
        tmp_path,
        """
        [[exception]]
        id = "a"
        policy = "exact-resourse"
        resource = "*"
        reason = "r"
        [[exception]]
        id = "a"
        policy = "tagged"
        resource = "*"
        reasn = "r"
        """,
    )
    with pytest.raises(ValueError, match=r"exceptions\.toml") as error:
        exceptions.load(path)
    text = str(error.value)
    for part in ("no policy 'exact-resourse'", "unknown key 'reasn'", "reason must be a text", "used twice"):
        assert part in text


def test_the_projects_own_file_is_valid():
    ids = [e.id for e in exceptions.load()]
    assert len(ids) == len(set(ids))
