"""Every check fires where it should and nowhere else."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import pytest

import ops.assess.checks  # noqa: F401  # registers
from ops.assess.model import AREAS, CHECKS, FACTS, Snapshot, Unread, check, judge
from ops.assess.upgrades import UPGRADES
from tests.ops.assess import cases_around, cases_edge
from tests.ops.assess.accounts import healthy
from tests.ops.assess.aws_shapes import ID
from tests.ops.assess.edits import Case
from tests.ops.assess.near_misses import NEAR_MISSES
from tests.ops.assess.run import assess

CASES = {**cases_around.CASES, **cases_edge.CASES}


@pytest.fixture(scope="module")
def sound() -> Snapshot:
    """The account in which nothing is wrong, read through the collectors."""
    return assess(healthy())[0]


def flat(cases: Mapping[str, tuple[Case, ...]]) -> list[Any]:
    """Parameters of a test, named by check and number."""
    return [
        pytest.param(id_, case, id=f"{id_}-{number}")
        for id_, several in cases.items()
        for number, case in enumerate(several)
    ]


def changed(sound: Snapshot, case: Case) -> Snapshot:
    """The same account after one change."""
    facts: dict[str, Any] = copy.deepcopy(dict(sound.facts))
    case.change(facts)
    request = dataclasses.replace(sound.request, **case.request)
    return dataclasses.replace(sound, facts=facts, request=request)


def test_nothing_is_found_in_a_sound_account(sound: Snapshot) -> None:
    verdict = judge(sound)
    assert [f.check for f in verdict.findings] == []
    assert verdict.not_checked == ()
    assert set(verdict.passed) == set(CHECKS)


def test_every_check_has_a_case() -> None:
    assert set(CASES) == set(CHECKS)
    assert set(NEAR_MISSES) <= set(CHECKS)


@pytest.mark.parametrize(
    ("id_", "case"),
    flat(CASES),
)
def test_fires(sound: Snapshot, id_: str, case: Case) -> None:
    found = judge(changed(sound, case), {id_: CHECKS[id_]}).findings
    assert found, f"{id_} found nothing"
    assert case.evidence in " ".join(f.evidence for f in found)
    assert found[0].severity == (case.severity or CHECKS[id_].severity)
    assert all(f.resource and f.mend.endswith((".", ")")) for f in found)


@pytest.mark.parametrize(("id_", "case"), flat(NEAR_MISSES))
def test_does_not_fire_for_what_only_looks_like_it(sound: Snapshot, id_: str, case: Case) -> None:
    assert judge(changed(sound, case), {id_: CHECKS[id_]}).findings == ()


@pytest.mark.parametrize("fact", sorted(FACTS))
def test_a_fact_that_cannot_be_read_is_never_judged(sound: Snapshot, fact: str) -> None:
    unread = Unread(action="any:Action", reason="denied")
    facts: Mapping[str, Any] = {name: value for name, value in sound.facts.items() if name != fact}
    verdict = judge(dataclasses.replace(sound, facts=facts, unread={fact: unread}))
    concerned = {id_ for id_, one in CHECKS.items() if fact in one.needs}
    assert {one.check for one in verdict.not_checked} == concerned
    assert all(one.reasons == ("needs any:Action",) for one in verdict.not_checked)
    # What does not rest on it is judged as before: a check that looked at it unasked would fire or fail.
    assert {f.check for f in verdict.findings} <= {"cloudfront-missing"} - concerned
    assert verdict.findings == ()


def test_every_fact_but_what_only_informs_is_needed_by_a_check() -> None:
    needed = {fact for one in CHECKS.values() for fact in one.needs}
    assert set(FACTS) - needed == {"costs"}


def test_every_case_leaves_the_other_areas_alone(sound: Snapshot) -> None:
    # A change in one place must not crash the checks of another, whatever they say.
    for cases in CASES.values():
        for case in cases:
            verdict = judge(changed(sound, case))
            assert len(verdict.passed) < len(CHECKS)


def test_the_words_of_a_check_are_complete() -> None:
    for one in CHECKS.values():
        assert one.source.startswith("https://docs.aws.amazon.com/"), one.id
        assert one.why.endswith("."), one.id
        assert one.title[0].isupper() or one.title.startswith("www"), one.id
        assert one.area in AREAS


def test_an_upgrade_that_is_named_exists(sound: Snapshot) -> None:
    named = set()
    for cases in CASES.values():
        for case in cases:
            for finding in judge(changed(sound, case)).findings:
                named |= set(re.findall(r"--upgrade ([a-z0-9-]+)", finding.mend + finding.command))
    assert named
    assert named <= set(UPGRADES)


def test_a_mend_by_an_upgrade_is_a_command_that_can_be_typed(sound: Snapshot) -> None:
    told: dict[str, set[str]] = {}
    for cases in CASES.values():
        for case in cases:
            for finding in judge(changed(sound, case)).findings:
                if "--upgrade" not in finding.command:
                    continue
                asked = re.findall(r"--upgrade ([a-z0-9-]+)", finding.command)
                words = " ".join(f"--upgrade {name}" for name in asked)
                assert finding.command == f"python -m ops adopt --stack prod --distribution-id {ID} {words}"
                # What one upgrade needs of another is asked for with it.
                assert not {"error-pages"} & set(asked) or "edge-function" in asked
                told.setdefault(finding.check, set()).update(asked)
    # The check that calls for an upgrade names it.
    assert {one.name for one in UPGRADES.values() if one.name not in told.get(one.check, ())} == set()


def test_a_check_cannot_be_registered_twice_or_without_facts() -> None:
    for id_, needs in (
        ("s3-versioning", ("bucket",)),
        ("s3-new", ()),
        ("nowhere-new", ("bucket",)),
        ("s3-x", ("no",)),
    ):
        with pytest.raises(ValueError, match=id_):
            check(id_, "low", "t", why="w.", source="https://docs.aws.amazon.com/x", needs=needs)
