"""What goes wrong between the command and AWS: nothing is lost, and what happened is told."""

from __future__ import annotations

import io
import json
import sys
import threading
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from ops.keys import entries, vault
from ops.keys.vault import ATTEMPTS, STAGED, Vault
from tests.ops.keys.conftest import NAME, SEED, SEEDED, Faults, Keys, Secret, error

BOT = {"name": "bot", "key": "b" * 43}
WRITES = ("PutSecretValue", "UpdateSecretVersionStage")


# --- a secret that holds something else


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("hunter2", "it is not valid JSON (line 1, column 1)"),
        ('{"username": "u", "password": "hunter2"}', "it must be a JSON list of keys"),
        ('["hunter2"]', "it is wrong: [0] must be an object"),
        ('[{"name": "a", "key": ""}]', "[0] key: must be 1 to 512 printable ASCII characters"),
        ('[{"name": "a", "key": "hunter2", "key": "hunter2"}]', "it has the same key twice in one object"),
        (
            '[{"name": "a", "key": "hunter2", "expires_at": "soon"}]',
            "[0] expires_at: must be an RFC 3339 time",
        ),
        ("[" * 3000, "it is n"),
        (b"hunter2", "it holds bytes, not text"),
    ],
)
@pytest.mark.parametrize(
    "action", [("list",), ("add", "x"), ("rotate", "a"), ("revoke", "a", "--yes", "--force")]
)
def test_something_foreign_is_left_alone(
    account: None, keys: Keys, value: Any, what: str, action: tuple[str, ...]
) -> None:
    secret = Secret()
    secret.make(value)
    before = secret.client.get_secret_value(SecretId=NAME)
    ran = keys(*action)
    assert (ran.code, ran.out) == (1, "")
    assert "does not hold the API's keys" in ran.err
    assert what in ran.err
    assert "It was left as it is" in ran.err
    assert "hunter2" not in ran.err
    after = secret.client.get_secret_value(SecretId=NAME)
    assert [after.get(part) for part in ("VersionId", "SecretString", "SecretBinary")] == [
        before.get(part) for part in ("VersionId", "SecretString", "SecretBinary")
    ]
    assert secret.stages() == [["AWSCURRENT"]]


def test_fields_of_other_tools_are_kept(secret: Secret, keys: Keys) -> None:
    foreign = {"name": "a", "key": "k1", "owner": {"mail": "a@example.com"}, "tags": ["x"], "none": None}
    secret.put([foreign])
    assert keys("add", "b").code == 0
    assert keys("rotate", "b").code == 0
    assert keys("revoke", "b", "--yes").code == 0
    assert secret.entries() == [foreign]


def test_a_secret_that_is_full(secret: Secret, keys: Keys) -> None:
    full = [{"name": "n", "key": "k", "note": "x" * 65_450}]
    secret.put(full)
    ran = keys("add", "one-more", "--expires", "30d", "--rpm", "5")
    assert (ran.code, ran.out) == (2, "")
    assert "and 65536 is the most: revoke keys that nobody uses" in ran.err
    assert secret.entries() == full
    assert secret.stages() == [["AWSCURRENT"], ["AWSPREVIOUS"]]


# --- AWS refuses


@pytest.mark.parametrize(
    ("operation", "code", "message", "exit_code", "told"),
    [
        ("GetSecretValue", "AccessDeniedException", "User u", 1, "secretsmanager:GetSecretValue on"),
        ("PutSecretValue", "AccessDeniedException", "User u", 1, "secretsmanager:PutSecretValue on"),
        ("UpdateSecretVersionStage", "AccessDeniedException", "User u", 1, ":UpdateSecretVersionStage on"),
        ("GetSecretValue", "AccessDeniedException", "Access to KMS is", 1, "it is the customer key that"),
        ("GetSecretValue", "DecryptionFailure", "disabled", 1, "cannot be used (disabled)"),
        ("GetSecretValue", "ThrottlingException", "Rate", 1, "AWS is too busy for"),
        ("PutSecretValue", "ThrottlingException", "Rate", 1, "nothing was changed. Run it again."),
        ("UpdateSecretVersionStage", "ThrottlingException", "Rate", 1, "nothing was changed. Run it"),
        ("GetSecretValue", "ExpiredTokenException", "old", 2, "AWS refuses the credentials (ExpiredToken"),
        ("GetSecretValue", "UnrecognizedClientException", "no", 2, "renew them: aws sso login"),
        ("GetSecretValue", "InternalServiceError", "oops", 1, "failed (InternalServiceError: oops)"),
    ],
)
def test_a_refusal_says_what_to_do(
    secret: Secret,
    keys: Keys,
    faults: Faults,
    operation: str,
    code: str,
    message: str,
    exit_code: int,
    told: str,
) -> None:
    faults.fails(operation, code, message)
    ran = keys("add", "laptop")
    assert (ran.code, ran.out) == (exit_code, "")
    assert told in ran.err
    assert secret.entries() == SEEDED


def test_credentials_that_lead_nowhere(secret: Secret, keys: Keys, faults: Faults) -> None:
    def none(arguments: Any) -> None:
        raise NoCredentialsError()

    faults.before["GetSecretValue"] = none
    ran = keys("list")
    assert ran.code == 2
    assert "needs credentials, and there are none (Unable to locate credentials)" in ran.err


def test_no_connection(secret: Secret, keys: Keys, faults: Faults) -> None:
    def lost(arguments: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://secretsmanager.example")

    faults.before["PutSecretValue"] = lost
    ran = keys("add", "laptop")
    assert (ran.code, ran.out) == (1, "")
    assert "AWS cannot be reached" in ran.err
    assert secret.entries() == SEEDED


def test_a_secret_marked_for_deletion(secret: Secret, keys: Keys) -> None:
    secret.client.delete_secret(SecretId=NAME, RecoveryWindowInDays=7)
    ran = keys("add", "laptop")
    assert (ran.code, ran.out) == (1, "")
    assert f"aws secretsmanager restore-secret --secret-id {NAME} --region us-east-1" in ran.err


def test_a_secret_without_a_value(account: None, keys: Keys, faults: Faults) -> None:
    faults.fails(
        "GetSecretValue",
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    )
    ran = keys("list")
    assert ran.code == 1
    assert f"{NAME} has no value; `python -m ops up --stack dev` makes one" in ran.err


# --- two at once


def test_a_change_of_somebody_else_is_kept(secret: Secret, keys: Keys, faults: Faults) -> None:
    def somebody(arguments: dict[str, Any]) -> None:
        del faults.before["PutSecretValue"]
        secret.put([*SEEDED, BOT])

    faults.before["PutSecretValue"] = somebody
    ran = keys("add", "laptop")
    assert ran.code == 0
    assert [entry["name"] for entry in secret.entries()] == ["default", "bot", "laptop"]
    assert secret.entries()[2]["key"] == ran.out.strip()
    assert faults.calls.count("PutSecretValue") == 2


def test_who_is_always_second_gives_up(secret: Secret, keys: Keys, faults: Faults) -> None:
    numbers = iter(range(100))
    faults.after["PutSecretValue"] = lambda arguments: secret.put([{**BOT, "name": f"b{next(numbers)}"}])
    ran = keys("add", "laptop")
    assert (ran.code, ran.out) == (1, "")
    assert f"was changed by others {ATTEMPTS} times" in ran.err
    assert "this run changed nothing" in ran.err
    assert [entry["name"] for entry in secret.entries()] == ["b7"]


def test_the_same_name_at_once_is_one_key(secret: Secret, keys: Keys, faults: Faults) -> None:
    def somebody(arguments: dict[str, Any]) -> None:
        del faults.before["PutSecretValue"]
        secret.put([*SEEDED, {**BOT, "name": "laptop"}])

    faults.before["PutSecretValue"] = somebody
    ran = keys("add", "laptop")
    assert (ran.code, ran.out) == (2, "")
    assert "there is a key named 'laptop' already" in ran.err
    assert [entry["key"] for entry in secret.entries()] == [SEED, BOT["key"]]


def test_many_at_once_lose_nothing(secret: Secret, faults: Faults) -> None:
    """Eight adders and one revoker side by side, each by the rule of the vault."""
    client = secret.client
    secret.put([*SEEDED, BOT])
    barrier = threading.Barrier(9)
    failed: list[BaseException] = []
    from datetime import UTC, datetime

    now = datetime.now(UTC)

    def adding(name: str) -> None:
        key = entries.new_key()
        one = Vault(client, NAME, stack="dev", sleep=lambda seconds: None)
        barrier.wait()
        one.change(
            lambda present: entries.add(present, name, key, now, fields={}),
            lambda after: any(entry["key"] == key for entry in after),
        )

    def revoking() -> None:
        one = Vault(client, NAME, stack="dev", sleep=lambda seconds: None)
        barrier.wait()
        one.change(
            lambda present: entries.revoke(present, "bot", now, force=False),
            lambda after: all(entry["name"] != "bot" for entry in after),
        )

    def caught(work: Any, *arguments: Any) -> None:
        try:
            work(*arguments)
        except BaseException as failure:
            failed.append(failure)

    # Eight changes at once may each be met by seven others.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vault, "ATTEMPTS", 100)
        threads = [threading.Thread(target=caught, args=(adding, f"n{number}")) for number in range(8)]
        threads.append(threading.Thread(target=caught, args=(revoking,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert failed == []
    assert sorted(entry["name"] for entry in secret.entries()) == ["default", *(f"n{n}" for n in range(8))]


# --- cut off


def test_cut_off_before_it_is_in_force(secret: Secret, keys: Keys, faults: Faults) -> None:
    def leave(arguments: Any) -> None:
        raise KeyboardInterrupt

    faults.after["PutSecretValue"] = leave
    ran = keys("add", "laptop")
    assert (ran.code, ran.out) == (130, "")
    assert secret.entries() == SEEDED
    assert secret.stages() == [["AWSCURRENT"], [STAGED]]
    # The next run takes the label along: labels do not pile up.
    del faults.after["PutSecretValue"]
    assert keys("add", "laptop").code == 0
    assert secret.stages() == [["AWSCURRENT"], ["AWSPREVIOUS"]]


def test_cut_off_while_it_comes_into_force(secret: Secret, keys: Keys, faults: Faults) -> None:
    def leave(arguments: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    faults.after["UpdateSecretVersionStage"] = leave
    ran = keys("add", "laptop")
    assert (ran.code, ran.out) == (130, "")
    assert "whether the change was made is not known; `python -m ops keys list --stack dev` tells" in ran.err
    assert "`keys rotate NAME --grace 0`" in ran.err


def test_cut_off_after_it_is_in_force_still_shows_the_key(secret: Secret, keys: Keys, faults: Faults) -> None:
    def leave(arguments: dict[str, Any]) -> None:
        if len(secret.entries()) == 2:
            raise KeyboardInterrupt

    faults.before["GetSecretValue"] = leave
    ran = keys("add", "laptop")
    assert ran.code == 1
    assert ran.out.strip() == secret.entries()[1]["key"]
    assert "the change was made, but could not be read back: look with `keys list`" in ran.err


@pytest.mark.parametrize(
    "answer",
    [
        error("UpdateSecretVersionStage", "InternalServiceError", status=500),
        error("UpdateSecretVersionStage", "InvalidParameterException"),  # a repeated call after a lost answer
        EndpointConnectionError(endpoint_url="https://secretsmanager.example"),
    ],
)
def test_an_answer_that_was_lost_is_no_failure(
    secret: Secret, keys: Keys, faults: Faults, answer: Exception
) -> None:
    def lost(arguments: dict[str, Any]) -> None:
        if arguments["VersionStage"] == "AWSCURRENT":
            raise answer

    faults.after["UpdateSecretVersionStage"] = lost
    ran = keys("add", "laptop")
    assert ran.code == 0
    assert secret.entries()[1]["key"] == ran.out.strip()
    assert faults.calls.count("PutSecretValue") == 1
    ran = keys("revoke", "laptop", "--yes")
    assert ran.code == 0
    assert secret.entries() == SEEDED


def test_an_answer_that_stays_away(secret: Secret, keys: Keys, faults: Faults) -> None:
    def dead(arguments: dict[str, Any]) -> None:
        raise EndpointConnectionError(endpoint_url="https://secretsmanager.example")

    def dying(arguments: dict[str, Any]) -> None:
        faults.before["GetSecretValue"] = dead
        dead(arguments)

    faults.before["UpdateSecretVersionStage"] = dying
    ran = keys("add", "laptop")
    assert (ran.code, ran.out) == (1, "")
    assert "whether the change was made is not known" in ran.err
    assert "nothing was changed" not in ran.err


def test_who_overwrites_without_looking_is_seen(secret: Secret, keys: Keys, faults: Faults) -> None:
    def overwrite(arguments: dict[str, Any]) -> None:
        if arguments["VersionStage"] == "AWSCURRENT":
            secret.put(SEEDED)

    faults.after["UpdateSecretVersionStage"] = overwrite
    ran = keys("add", "laptop")
    assert ran.code == 1
    assert len(ran.out.strip()) == 43
    assert "could not be read back" in ran.err
    secret.put([*SEEDED, BOT])
    faults.after["UpdateSecretVersionStage"] = lambda arguments: secret.put([*SEEDED, BOT])
    ran = keys("revoke", "bot", "--yes", "--json")
    assert (ran.code, ran.json["verified"]) == (1, False)
    assert "run it again if `keys list` shows it" in ran.err


def test_a_key_that_could_not_be_printed(secret: Secret, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Full())
        ran = keys("add", "my laptop")
    assert ran.code == 1
    assert "could not be printed: nobody has seen it" in ran.err
    assert "python -m ops keys rotate 'my laptop' --grace 0 --stack dev" in ran.err
    assert secret.entries()[1]["key"] not in ran.err


# --- beside the rotation on schedule


def test_a_rotation_at_work_is_told(secret: Secret, keys: Keys, faults: Faults) -> None:
    secret.client.put_secret_value(SecretId=NAME, SecretString="[]", VersionStages=["AWSPENDING"])
    ran = keys("add", "laptop")
    assert ran.code == 0
    assert "a rotation on schedule is at work, or one was left half done" in ran.err
    assert secret.text("AWSPENDING") == "[]"
    faults.fails("DescribeSecret", "AccessDeniedException")
    ran = keys("add", "another")
    assert ran.code == 0
    assert "rotation" not in ran.err


def test_a_finished_rotation_is_not(secret: Secret, keys: Keys) -> None:
    secret.client.put_secret_value(
        SecretId=NAME, SecretString=json.dumps(SEEDED), VersionStages=["AWSCURRENT", "AWSPENDING"]
    )
    # What was in force has kept its label; the version of this change has none.
    assert "rotation" not in keys("list").err


def test_nothing_is_written_by_what_only_reads(secret: Secret, keys: Keys, faults: Faults) -> None:
    keys("list")
    keys("revoke", "default", "--yes")
    keys("add", "default")
    keys("rotate", "nobody")
    assert not set(WRITES) & set(faults.calls)
