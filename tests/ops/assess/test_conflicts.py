"""Every conflict an adoption can meet: which stop it, which are told, what can be accepted."""

from __future__ import annotations

import pytest

from ops.assess.adopting.conflicts import (
    BLOCKING,
    HARMLESS,
    MUST_BE_READ,
    NOTED,
    UNACCEPTABLE,
    Conflict,
    conflicts,
)
from ops.assess.model import CHECKS, Snapshot, Unread
from tests.ops.assess.accounts import healthy
from tests.ops.assess.edits import Case
from tests.ops.assess.run import assess
from tests.ops.assess.test_checks import CASES, changed, flat


@pytest.fixture(scope="module")
def sound() -> Snapshot:
    """The account in which nothing is wrong."""
    return assess(healthy())[0]


def found(listed: list[Conflict], id_: str) -> list[Conflict]:
    """The conflicts of one check; those that cannot be accepted carry its title alone."""
    return [one for one in listed if one.text.startswith(f"{CHECKS[id_].title}: ")]


def test_a_sound_site_has_none(sound: Snapshot) -> None:
    assert conflicts(sound, ()) == ([], [])


@pytest.mark.parametrize(("id_", "case"), flat({id_: CASES[id_] for id_ in BLOCKING}))
def test_what_stops_an_adoption_and_what_accepting_it_does(sound: Snapshot, id_: str, case: Case) -> None:
    snapshot = changed(sound, case)
    stopping, told = conflicts(snapshot, ())
    harmless = HARMLESS.get(id_) == (case.severity or CHECKS[id_].severity)
    assert bool(found(stopping, id_)) is not harmless
    assert bool(found(told, id_)) is harmless
    for one in found(stopping + told, id_):
        assert case.evidence in one.text
        assert one.mend.endswith((".", ")"))
        assert one.check == ("" if id_ in UNACCEPTABLE else id_)
    if id_ not in UNACCEPTABLE:
        stopping, told = conflicts(snapshot, (id_,))
        assert found(stopping, id_) == []
        assert found(told, id_)


@pytest.mark.parametrize(("id_", "case"), flat({id_: CASES[id_] for id_ in NOTED}))
def test_what_is_only_told(sound: Snapshot, id_: str, case: Case) -> None:
    stopping, told = conflicts(changed(sound, case), ())
    assert found(stopping, id_) == []
    assert all(case.evidence in one.text for one in found(told, id_)[:1])
    assert found(told, id_)


@pytest.mark.parametrize("fact", MUST_BE_READ)
def test_what_must_be_read_stops_it_when_it_cannot_be(sound: Snapshot, fact: str) -> None:
    facts = {name: value for name, value in sound.facts.items() if name != fact}
    unread = {fact: Unread(action="any:Read", reason="denied")}
    snapshot = Snapshot(request=sound.request, facts=facts, unread=unread, at=sound.at)
    stopping, _ = conflicts(snapshot, tuple(CHECKS))
    assert [one.text for one in stopping] == [f"{fact.replace('_', ' ')} could not be read"]
    assert stopping[0].mend == "it needs any:Read."
    assert stopping[0].check == ""
