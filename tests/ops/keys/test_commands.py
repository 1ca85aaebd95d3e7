"""``ops keys`` against moto: what each action prints, what the secret holds afterwards."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from api_handler.auth import parse_keys
from ops.cli import main
from ops.deploy.api_first import key_of
from ops.errors import OpsError
from tests.ops.keys.conftest import NAME, SEED, SEEDED, Keys, Secret

KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{42}")


def ahead(text: str) -> timedelta:
    return datetime.fromisoformat(text) - datetime.now(UTC)


def old(name: str, key: str, days: float, **more: Any) -> dict[str, Any]:
    end = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
    return {"name": name, "key": key, "expires_at": end, **more}


# --- add


def test_add_prints_the_key_alone_and_once(secret: Secret, keys: Keys) -> None:
    ran = keys("add", "laptop")
    assert ran.code == 0
    key = ran.out.removesuffix("\n")
    assert KEY.fullmatch(key)
    assert "'laptop' is added; the key works within ten seconds" in ran.err
    assert key not in ran.err
    default, laptop = secret.entries()
    assert default == SEEDED[0]
    assert laptop == {"name": "laptop", "key": key, "created_at": laptop["created_at"]}
    assert timedelta(seconds=-60) < ahead(laptop["created_at"]) <= timedelta()
    # The version before is kept, and no label of ours stays behind.
    assert secret.entries("AWSPREVIOUS") == SEEDED
    assert secret.stages() == [["AWSCURRENT"], ["AWSPREVIOUS"]]


def test_two_keys_are_never_the_same(secret: Secret, keys: Keys) -> None:
    made = {keys("add", f"n{number}").out for number in range(5)}
    assert len(made) == 5


def test_add_with_limits_and_an_end(secret: Secret, keys: Keys) -> None:
    ran = keys("add", "bot", "--rpm", "60", "--daily-usd", "5", "--expires", "30d", "--json")
    assert ran.code == 0
    added = secret.entries()[1]
    assert (added["rpm"], added["daily_usd"]) == (60, 5)
    assert timedelta(days=29, hours=23) < ahead(added["expires_at"]) <= timedelta(days=30)
    told = ran.json
    assert told.pop("secret").endswith(f":secret:{NAME}-{told_suffix(secret)}")
    assert told == {
        "name": "bot",
        "ends_with": added["key"][-4:],
        "status": "active",
        "created_at": added["created_at"],
        "expires_at": added["expires_at"],
        "rpm": 60,
        "daily_usd": 5,
        "key": added["key"],
        "previous": [],
        "verified": True,
    }
    (key,) = [one for one in parse_keys(secret.text(), strict=False) if one.name == "bot"]
    assert (key.rpm, key.daily_usd) == (60, 5.0)


def told_suffix(secret: Secret) -> str:
    return secret.client.describe_secret(SecretId=NAME)["ARN"][-6:]


def test_an_end_as_a_time(secret: Secret, keys: Keys) -> None:
    assert keys("add", "bot", "--expires", "2099-01-31T02:00:00+02:00").code == 0
    assert secret.entries()[1]["expires_at"] == "2099-01-31T00:00:00Z"


def test_names_of_every_script(secret: Secret, keys: Keys) -> None:
    assert keys("add", "团队 Büro 🚀").code == 0
    # Decomposed on the command line (as macOS types it), composed in the secret.
    assert keys("add", "cafe\u0301").code == 0
    assert [entry["name"] for entry in secret.entries()] == ["default", "团队 Büro 🚀", "caf\u00e9"]
    assert keys("revoke", "cafe\u0301", "--yes").code == 0
    assert keys("add", "n" * 64).code == 0
    assert keys("add", "🚀" * 64).code == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "the name '' has 0 characters; allowed: 1 to 64 printable characters"),
        ("n" * 65, "has 65 characters; allowed: 1 to 64"),
        ("a\nb", r"the name 'a\nb' has 3 characters, not all of them printable"),
        ("a\u202eb", "not all of them printable"),
        ("\udcff", "not all of them printable"),
        (" laptop", "begins or ends with a space; meant is probably 'laptop'"),
        ("default", "there is a key named 'default' already: `keys rotate default` gives it a new key"),
        ("Default", "already (as 'default'; names that look alike get mixed up)"),
    ],
)
def test_names_that_cannot_be(secret: Secret, keys: Keys, name: str, message: str) -> None:
    ran = keys("add", name)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert secret.entries() == SEEDED
    assert secret.stages() == [["AWSCURRENT"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rpm", "0"), "--rpm '0': allowed is a whole number from 1 to 1000000"),
        (("--rpm", "1.5"), "--rpm '1.5'"),
        (("--rpm", "none"), "--rpm 'none'"),
        (("--daily-usd", "0"), "--daily-usd '0': allowed is a number above 0"),
        (("--daily-usd", "inf"), "--daily-usd 'inf'"),
        (("--expires", "soon"), "--expires 'soon' is no end; allowed: a whole number and s, m, h, d or w"),
        (("--expires", "2020-01-01T00:00:00Z"), "is not in the future (it is 20"),
        (("--expires", "2027-02-30T00:00:00Z"), "is no time of the calendar"),
        (("--expires", "0d"), "is not in the future"),
        (("--expires", "9999w"), "is longer than ten years"),
    ],
)
def test_options_that_are_wrong(secret: Secret, keys: Keys, options: Any, message: str) -> None:
    ran = keys("add", "bot", *options)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert secret.entries() == SEEDED


# --- list


def test_list_never_shows_a_key(secret: Secret, keys: Keys) -> None:
    entries = [
        {"name": "bot", "key": "b" * 40 + "NEWW", "created_at": "2026-11-24T00:00:00Z", "rpm": 60},
        old("bot", "b" * 40 + "OLDD", 3, daily_usd=0.25),
        {"name": "short", "key": "short-key-of-a-person"},
        old("gone", "g" * 40 + "GONE", -1),
    ]
    secret.put(entries)
    ran = keys("list")
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows == [
        ["name", "key", "status", "created", "ends", "rpm", "usd", "a", "day"],
        ["bot", "…NEWW", "active", "2026-11-24T00:00:00Z", "-", "60", "-"],
        ["bot", "…OLDD", "previous", "-", entries[1]["expires_at"], "-", "0.25"],
        ["short", "…", "active", "-", "-", "-", "-"],
        ["gone", "…GONE", "expired", "-", entries[3]["expires_at"], "-", "-"],
    ]
    assert "3 names, 4 keys" in ran.err
    listed = keys("list", "--json")
    assert [(one["name"], one["status"]) for one in listed.json["keys"]] == [
        ("bot", "active"), ("bot", "previous"), ("short", "active"), ("gone", "expired"),
    ]  # fmt: skip
    everything = ran.out + ran.err + listed.out + listed.err
    assert not any(entry["key"][-5:] in everything for entry in entries)


def test_list_says_when_there_is_none(secret: Secret, keys: Keys) -> None:
    secret.put([])
    ran = keys("list")
    assert (ran.code, ran.out) == (0, "")
    assert "the API has no keys: python -m ops keys add NAME --stack dev" in ran.err
    assert keys("list", "--json").json["keys"] == []
    assert keys("add", "first").code == 0


def test_names_are_printed_as_they_are(secret: Secret, keys: Keys) -> None:
    secret.put([{"name": "[bold]x[/]", "key": "k" * 30}])
    assert "[bold]x[/]" in keys("list").out


# --- rotate


def test_rotate_keeps_the_key_before_for_its_grace(secret: Secret, keys: Keys) -> None:
    secret.put(
        [
            {"name": "a", "key": "first"},
            {**SEEDED[0], "rpm": 60, "note": "ours"},
            {"name": "z", "key": "last"},
        ]
    )
    ran = keys("rotate", "default", "--grace", "36h")
    assert ran.code == 0
    key = ran.out.strip()
    first, new, before, last = secret.entries()
    assert (first, last) == ({"name": "a", "key": "first"}, {"name": "z", "key": "last"})
    assert new == {"name": "default", "key": key, "rpm": 60, "note": "ours", "created_at": new["created_at"]}
    assert before == {**SEEDED[0], "rpm": 60, "note": "ours", "expires_at": before["expires_at"]}
    assert timedelta(hours=35.9) < ahead(before["expires_at"]) <= timedelta(hours=36)
    assert f"the one before is valid until {before['expires_at']}" in ran.err
    assert (SEED in ran.out + ran.err, key in ran.err) == (False, False)


def test_grace_is_seven_days_and_never_longer_than_the_key_had(secret: Secret, keys: Keys) -> None:
    secret.put([{"name": "a", "key": "k1"}, old("a", "k2", 1), old("a", "k3", 30), old("a", "k4", -1)])
    ran = keys("rotate", "a", "--json")
    assert ran.code == 0
    entries = secret.entries()
    assert [entry["key"] for entry in entries] == [ran.json["key"], "k1", "k2", "k3"]
    days = [round(ahead(entry["expires_at"]) / timedelta(days=1), 2) for entry in entries[1:]]
    assert days == [7, 1, 7]
    assert [one["status"] for one in ran.json["previous"]] == ["previous"] * 3


def test_without_grace_the_key_before_is_gone(secret: Secret, keys: Keys) -> None:
    ran = keys("rotate", "default", "--grace", "0")
    assert (ran.code, ran.out) == (2, "")
    assert "There is no terminal to ask on: add --yes" in ran.err
    ran = keys("rotate", "default", "--grace", "0", "--yes")
    assert ran.code == 0
    assert [entry["key"] for entry in secret.entries()] == [ran.out.strip()]
    assert "the one before is refused within a minute" in ran.err


def test_rotate_changes_limits_of_every_generation(secret: Secret, keys: Keys) -> None:
    secret.put([{"name": "a", "key": "k1", "rpm": 60, "daily_usd": 1}])
    assert keys("rotate", "a", "--rpm", "none", "--daily-usd", "2.5").code == 0
    assert [(entry.get("rpm"), entry["daily_usd"]) for entry in secret.entries()] == [(None, 2.5)] * 2
    assert all("rpm" not in entry for entry in secret.entries())


def test_a_lent_key_keeps_its_end_unless_told(secret: Secret, keys: Keys) -> None:
    lent = old("a", "k1", 30)
    secret.put([lent])
    assert keys("rotate", "a").code == 0
    assert secret.entries()[0]["expires_at"] == lent["expires_at"]
    assert keys("rotate", "a", "--expires", "never").code == 0
    assert "expires_at" not in secret.entries()[0]


def test_an_ended_key_needs_a_new_end(secret: Secret, keys: Keys) -> None:
    secret.put([old("a", "k1", -1)])
    ran = keys("rotate", "a")
    assert (ran.code, ran.out) == (2, "")
    assert "say when the new one ends, with --expires 30d or --expires never" in ran.err
    ran = keys("rotate", "a", "--expires", "1d")
    assert ran.code == 0
    assert [entry["key"] for entry in secret.entries()] == [ran.out.strip()]


@pytest.mark.parametrize("text", ["7", "-1d", "1y", "", "1.5h", "7 d", "99999d"])
def test_a_grace_that_is_none(secret: Secret, keys: Keys, text: str) -> None:
    ran = keys("rotate", "default", f"--grace={text}")
    assert (ran.code, ran.out) == (2, "")
    assert f"--grace {text!r} is " in ran.err
    assert secret.entries() == SEEDED


# --- revoke


def test_revoke_removes_every_generation(secret: Secret, keys: Keys) -> None:
    secret.put([*SEEDED, {"name": "bot", "key": "k1"}, old("bot", "k2", 3)])
    ran = keys("revoke", "bot", "--yes", "--json")
    assert ran.code == 0
    assert secret.entries() == SEEDED
    assert (ran.json["name"], ran.json["revoked"], ran.json["verified"]) == ("bot", 2, True)
    assert "'bot' is revoked; the API refuses it within 60 seconds" in ran.err


def test_revoke_asks(secret: Secret, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    secret.put([*SEEDED, {"name": "bot", "key": "k1"}])
    ran = keys("revoke", "bot")
    assert ran.code == 2
    assert (
        "Revoke 'bot' (1 key)? Whoever uses it gets 401. There is no terminal to ask on: add --yes" in ran.err
    )
    asked: list[str] = []
    monkeypatch.setattr("ops.console.interactive", lambda: True)
    monkeypatch.setattr("ops.console.confirm", lambda question: bool(asked.append(question)))
    ran = keys("revoke", "bot")
    assert (ran.code, len(asked)) == (1, 1)
    assert "nothing was changed" in ran.err
    assert len(secret.entries()) == 2
    monkeypatch.setattr("ops.console.confirm", lambda question: True)
    assert keys("revoke", "bot").code == 0
    assert len(secret.entries()) == 1


def test_the_last_valid_key_stays_unless_forced(secret: Secret, keys: Keys) -> None:
    secret.put([*SEEDED, old("gone", "k2", -1)])
    ran = keys("revoke", "default", "--yes")
    assert ran.code == 2
    assert "'default' is the last valid key: without it nobody can use the API" in ran.err
    assert len(secret.entries()) == 2
    assert keys("revoke", "default", "--yes", "--force").code == 0
    assert [entry["name"] for entry in secret.entries()] == ["gone"]


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_a_name_that_is_not_there(secret: Secret, keys: Keys, action: str) -> None:
    ran = keys(action, "defualt")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no key named 'defualt' (did you mean 'default'?); the names are: 'default'" in ran.err
    assert secret.entries() == SEEDED


def test_a_deployment_asks_with_a_key_that_lasts(
    secret: Secret, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "client", boto3.Session().client)
    arn = secret.client.describe_secret(SecretId=NAME)["ARN"]
    assert keys("add", "billing", "--rpm", "1").code == 0
    assert keys("add", "lent", "--expires", "1d").code == 0
    newest = keys("rotate", "default").out.strip()
    assert key_of({"apiKeySecretArn": arn}) == newest
    assert keys("revoke", "default", "--yes").code == 0
    assert key_of({"apiKeySecretArn": arn}) == secret.entries()[0]["key"]
    assert keys("revoke", "billing", "--yes").code == 0
    with pytest.raises(OpsError, match="holds no key without an end"):
        key_of({"apiKeySecretArn": arn})
    for foreign in ({"a": 1}, ["x"], 5):
        secret.put(foreign)
        with pytest.raises(OpsError, match="the API key cannot be read from"):
            key_of({"apiKeySecretArn": arn})


# --- where the secret is


def test_each_stack_has_its_own_secret(account: None, keys: Keys) -> None:
    prod = Secret()
    prod.make(json.dumps(SEEDED), "orchestrator/api-key")
    assert keys("add", "laptop", "--stack", "prod").code == 0
    assert len(json.loads(prod.text(name="orchestrator/api-key"))) == 2
    ran = keys("list", "--stack", "dev")
    assert (ran.code, ran.out) == (2, "")
    assert f"there is no secret {NAME!r} in us-east-1 of this account. Bring the stack up first" in ran.err
    assert "`python -m ops up --stack dev`" in ran.err


def test_another_region_is_another_secret(secret: Secret, keys: Keys) -> None:
    ran = keys("list", "--region", "eu-central-1")
    assert ran.code == 2
    assert "in eu-central-1 of this account" in ran.err


def test_an_unknown_stack(secret: Secret, keys: Keys) -> None:
    ran = keys("list", "--stack", "prd")
    assert ran.code == 2
    assert "there is no stack 'prd': did you mean 'prod'" in ran.err


def test_no_credentials(keys: Keys) -> None:
    for action in (("list",), ("add", "x"), ("rotate", "x"), ("revoke", "x", "--yes")):
        ran = keys(*action)
        assert (ran.code, ran.out) == (2, "")
        assert "needs credentials, and there are none" in ran.err
        assert "aws sso login" in ran.err


def test_an_unknown_profile(keys: Keys) -> None:
    ran = keys("list", "--profile", "nobody")
    assert ran.code == 2
    assert "nobody" in ran.err
    assert "aws configure list-profiles" in ran.err


@pytest.mark.parametrize("option", ["--region=no such", "--endpoint-url=nowhere"])
def test_a_place_that_is_none(secret: Secret, keys: Keys, option: str) -> None:
    ran = keys("list", option)
    assert ran.code == 2
    assert option.split("=")[1] in ran.err


# --- the manual


@pytest.mark.parametrize(
    ("action", "options", "none"),
    [
        ("add", ["--rpm", "--daily-usd", "--expires"], ["--yes", "--grace", "--force"]),
        ("list", [], ["--yes", "--rpm", "--force", "NAME"]),
        ("rotate", ["--grace", "--rpm", "--expires", "--yes"], ["--force"]),
        ("revoke", ["--yes", "--force"], ["--rpm", "--grace"]),
    ],
)
def test_each_action_has_a_manual(keys: Keys, action: str, options: list[str], none: list[str]) -> None:
    ran = keys(action, "--help")
    assert ran.code == 0
    assert f"usage: python -m ops keys {action} " in ran.out
    assert all(option in ran.out for option in [*options, "--stack", "--json", "--region", "--profile"])
    assert not any(option in ran.out for option in none)
    assert keys(action, "--jso").code == 2


def test_the_manual_of_all(keys: Keys) -> None:
    ran = keys("--help")
    assert ran.code == 0
    assert all(f"    {action} " in ran.out for action in ("add", "list", "rotate", "revoke"))
    assert keys().code == 2


def test_no_colour_where_none_is_wanted(
    secret: Secret, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert main(["keys", "list"]) == 0
    assert "\x1b[" in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["keys", "list"]) == 0
    out = capsys.readouterr().out
    assert "\x1b[3" not in out
    assert "…seed" in out
