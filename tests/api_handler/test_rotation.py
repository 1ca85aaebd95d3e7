"""Rotation: four steps against Secrets Manager, and keys that live one turn longer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.events.models import EventsBackend

from api_handler import rotation
from api_handler.auth import parse_keys

TOKEN = "00000000-0000-0000-0000-000000000001"
FIRST = [{"name": "default", "key": "old-key", "rpm": 60, "note": "ours"}, {"name": "bot", "key": "bot-key"}]


class Vault:
    """A secret under rotation, as Secrets Manager drives it."""

    def __init__(self, value: str) -> None:
        self.client = boto3.client("secretsmanager", region_name="us-east-1")
        name = f"orchestrator/api-key-{uuid.uuid4()}"  # another test may hold the same pretended account
        self.arn = self.client.create_secret(Name=name, SecretString=value)["ARN"]
        self.turns = 0

    def turn(
        self, steps: tuple[str, ...] = ("createSecret", "setSecret", "testSecret", "finishSecret")
    ) -> None:
        self.turns += 1
        self.token = f"{TOKEN[:-1]}{self.turns}"
        for step in steps:
            self.step(step)

    def step(self, step: str) -> None:
        event = {"SecretId": self.arn, "ClientRequestToken": self.token, "Step": step}
        # moto knows no rotation: what Secrets Manager adds to the description is put in here.
        described = self.client.describe_secret(SecretId=self.arn)
        versions = described["VersionIdsToStages"]
        versions.setdefault(self.token, ["AWSPENDING"])
        described["RotationEnabled"] = True
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "botocore.client.BaseClient._make_api_call",
                _answering("DescribeSecret", described),
            )
            rotation.handler(event)

    def value(self) -> list[dict[str, Any]]:
        return json.loads(
            self.client.get_secret_value(SecretId=self.arn, VersionStage="AWSCURRENT")["SecretString"]
        )


def _answering(operation: str, answer: Any) -> Any:
    from botocore.client import BaseClient

    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(self: Any, name: str, arguments: Any) -> Any:
        return answer if name == operation else real(self, name, arguments)

    return call


@pytest.fixture
def vault(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    with mock_aws():
        yield Vault(json.dumps(FIRST))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    events: list[Any] = []
    put = EventsBackend.put_events

    def keep(self: Any, entries: Any) -> Any:
        events.extend(entries)
        return put(self, entries)

    monkeypatch.setattr(EventsBackend, "put_events", keep)
    return events


def test_a_turn_adds_a_generation_and_tells(vault: Vault, told: list[Any]) -> None:
    vault.turn()
    entries = vault.value()
    assert [entry["name"] for entry in entries] == ["default", "default", "bot", "bot"]
    assert [entries[1]["key"], entries[3]["key"]] == ["old-key", "bot-key"]
    assert len({entry["key"] for entry in entries}) == 4
    assert (entries[0]["rpm"], entries[0]["note"]) == (60, "ours")
    assert all(len(entries[index]["key"]) >= 40 for index in (0, 2))
    assert len(parse_keys(json.dumps(entries), strict=False)) == 4
    (event,) = told
    assert event["Source"] == "orchestrator.secrets"
    assert json.loads(event["Detail"])["names"] == ["bot", "default"]
    assert not any(entry["key"] in json.dumps(event) for entry in entries)


def test_a_stack_tells_under_a_source_of_its_own(
    vault: Vault, told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_SOURCE", "orchestrator.prod.keys")
    vault.turn()
    assert [event["Source"] for event in told] == ["orchestrator.prod.keys"]


def test_the_old_key_dies_at_the_next_turn(vault: Vault, told: list[Any]) -> None:
    vault.turn()
    second = vault.value()[0]["key"]
    vault.turn()
    keys = [entry["key"] for entry in vault.value() if entry["name"] == "default"]
    assert len(keys) == 2
    assert keys[1] == second
    assert "old-key" not in keys
    assert len(told) == 2


def test_steps_may_be_repeated(vault: Vault, told: list[Any]) -> None:
    vault.turn(
        (
            "createSecret",
            "createSecret",
            "setSecret",
            "testSecret",
            "testSecret",
            "finishSecret",
            "finishSecret",
        )
    )
    assert len(vault.value()) == 4
    assert len(told) == 1


def test_what_is_revoked_does_not_come_back() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    before = [
        {"name": "gone", "key": "a", "expires_at": "2026-01-01T00:00:00Z"},
        {"name": "mixed", "key": "b", "expires_at": "2026-01-01T00:00:00Z"},
        {"name": "mixed", "key": "c", "expires_at": "2027-01-01T00:00:00+02:00"},
    ]
    after = json.loads(rotation.next_generation(json.dumps(before), now))
    assert [entry["key"] for entry in after if entry["name"] == "gone"] == ["a"]
    mixed = [entry for entry in after if entry["name"] == "mixed"]
    assert [mixed[1]["key"], mixed[0]["created_at"]] == ["c", "2026-11-24T00:00:00Z"]


def test_a_grace_time_outlives_a_turn() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    before = [
        {"name": "a", "key": "new"},
        {"name": "a", "key": "grace", "expires_at": "2026-11-25T00:00:00Z"},
        {"name": "a", "key": "turned"},
        {"name": "a", "key": "over", "expires_at": "2026-11-23T00:00:00Z"},
        {"name": "lent", "key": "l1", "expires_at": "2027-01-01T00:00:00Z"},
        {"name": "lent", "key": "l2", "expires_at": "2027-01-01T02:00:00+02:00"},
        {"name": "lent", "key": "l3", "expires_at": "2026-12-01T00:00:00Z"},
    ]
    after = json.loads(rotation.next_generation(json.dumps(before), now))
    keys = [entry["key"] for entry in after]
    assert (keys[1:3], keys[4:]) == (["new", "grace"], ["l1", "l3"])
    assert rotation.made_from(json.dumps(after), json.dumps(before))


@pytest.mark.parametrize(
    ("changed", "last"),
    [
        (FIRST[:1], "finishSecret"),  # bot is revoked
        (FIRST[:1], "testSecret"),
        ([*FIRST, {"name": "third", "key": "third-key"}], "finishSecret"),
        ([{**FIRST[0], "rpm": 5}, FIRST[1]], "finishSecret"),
        (
            [{"name": "default", "key": "x"}, {**FIRST[0], "expires_at": "2099-01-01T00:00:00Z"}, FIRST[1]],
            "testSecret",
        ),
    ],
)
def test_a_turn_gives_way_to_a_change(vault: Vault, told: list[Any], changed: list[Any], last: str) -> None:
    vault.turn(("createSecret",))
    vault.client.put_secret_value(SecretId=vault.arn, SecretString=json.dumps(changed))
    with pytest.raises(ValueError, match="were changed during this turn, which gives way"):
        vault.step(last)
    assert vault.value() == changed
    assert told == []
    # Else Secrets Manager would refuse every later turn.
    labels = vault.client.describe_secret(SecretId=vault.arn)["VersionIdsToStages"].values()
    assert not any("AWSPENDING" in one for one in labels)


def test_the_turn_after_one_that_gave_way(vault: Vault, told: list[Any]) -> None:
    vault.turn(("createSecret",))
    vault.client.put_secret_value(SecretId=vault.arn, SecretString=json.dumps(FIRST[:1]))
    with pytest.raises(ValueError, match="gives way"):
        vault.step("finishSecret")
    vault.turn()
    assert [entry["name"] for entry in vault.value()] == ["default", "default"]
    assert len(told) == 1


@pytest.mark.parametrize("value", ["SECRET", "{}", '[{"name": "a"}]', "[1]"])
def test_a_broken_value_is_left_alone(aws: None, value: str) -> None:
    with mock_aws():
        vault = Vault(value)
        with pytest.raises(ValueError, match=r"^(?!.*SECRET)") as caught:
            vault.turn()
        assert "SECRET" not in str(caught.value)
        assert vault.client.get_secret_value(SecretId=vault.arn)["SecretString"] == value


def test_wrong_calls_are_refused(vault: Vault) -> None:
    with pytest.raises(ValueError, match="step 'x' is unknown"):
        rotation.handler({"SecretId": vault.arn, "ClientRequestToken": TOKEN, "Step": "x"})
    with pytest.raises(ValueError, match="not enabled"):
        rotation.handler({"SecretId": vault.arn, "ClientRequestToken": TOKEN, "Step": "createSecret"})


def test_a_test_step_finds_a_value_the_api_cannot_read(vault: Vault) -> None:
    vault.turn(())
    vault.client.put_secret_value(
        SecretId=vault.arn, ClientRequestToken=vault.token, VersionStages=["AWSPENDING"], SecretString="[1]"
    )
    with pytest.raises(ValueError, match=r"\[0\] must be an object"):
        vault.step("testSecret")


def test_a_test_step_finds_a_lost_name(vault: Vault) -> None:
    vault.turn(())
    vault.client.put_secret_value(
        SecretId=vault.arn, ClientRequestToken=vault.token, VersionStages=["AWSPENDING"],
        SecretString='[{"name": "default", "key": "x"}]',
    )  # fmt: skip
    with pytest.raises(ValueError, match="gives way"):
        vault.step("testSecret")
