"""Rotation of the API keys: a new generation of each, while the old one lives until the next turn.

A plain handler of the managed runtime (``api_handler.rotation.handler``), called by
Secrets Manager in four steps. A client has the whole time between two turns to take
the new key; nobody is locked out unwarned. A turn that meets a change of the keys made
meanwhile (``ops keys``) gives way: what was revoked does not come back. After each turn
an event on the default bus tells that one took place; its source is ``EVENT_SOURCE``,
one of each stack's own.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from api_handler.auth import moment, parse_keys
from api_handler.aws import AwsClients

DEFAULT_SOURCE = "orchestrator.secrets"
DETAIL_TYPE = "API keys rotated"
PENDING, CURRENT = "AWSPENDING", "AWSCURRENT"


def handler(event: Mapping[str, Any], context: Any = None) -> None:
    """One step of a rotation.

    Args:
        event: ``{"SecretId", "ClientRequestToken", "Step"}``.
        context: Lambda's, not used.

    Raises:
        ValueError: the step, the secret's state or its value is not what it must be;
            Secrets Manager tries again and then reports the rotation as failed.
    """
    step, arn, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    steps = {"createSecret": _create, "setSecret": _set, "testSecret": _test, "finishSecret": _finish}
    if step not in steps:
        raise ValueError(f"step {step!r} is unknown; known are {', '.join(steps)}")
    clients = AwsClients()
    client = clients.get("secretsmanager")
    described = client.describe_secret(SecretId=arn)
    if not described.get("RotationEnabled"):
        raise ValueError("rotation is not enabled for this secret")
    stages = described["VersionIdsToStages"].get(token)
    if stages is None:
        raise ValueError("the secret has no version of this token")
    if CURRENT in stages:
        return
    if PENDING not in stages:
        raise ValueError(f"the version of this token is not {PENDING}")
    steps[step](clients, arn, token, described)


def next_generation(text: str, now: datetime | None = None) -> str:
    """The secret's next value: for each name a new key first, then the newest of the old ones.

    An older one whose grace time still runs (``ops keys rotate``) is kept to its end.

    Args:
        text: the present value, a JSON list of keys.
        now: the time of the turn.

    Returns:
        The next value, as JSON.

    Raises:
        ValueError: the present value is not a list of keys; it is not quoted.
    """
    parse_keys(text, strict=False)
    entries: list[dict[str, Any]] = json.loads(text)
    stamp = (now or datetime.now(UTC)).isoformat(timespec="seconds").replace("+00:00", "Z")
    result: list[dict[str, Any]] = []
    for name in dict.fromkeys(entry["name"] for entry in entries):
        generations = [entry for entry in entries if entry["name"] == name]
        if all(_expired(entry, stamp) for entry in generations):
            # Revoked, or only lent for a time: a turn does not bring it back.
            result += generations
            continue
        # Values are added at the front, so that the first living one is the newest.
        newest, *older = [entry for entry in generations if not _expired(entry, stamp)]
        result.append({**newest, "key": secrets.token_urlsafe(32), "created_at": stamp})
        result.append(newest)
        # One that ends no sooner than the newest was not given a time to go: it goes now.
        result += [entry for entry in older if _ends_before(entry, newest)]
    return json.dumps(result)


def made_from(value: str, present: str) -> bool:
    """Whether a value is what a turn makes of the present one.

    Args:
        value: the value of the turn.
        present: what is in force.
    """
    known = {entry["key"] for entry in json.loads(present)}
    new = _new_entries(value, present)
    turned_at = datetime.fromisoformat(new[0]["created_at"]) if new and "created_at" in new[0] else None
    expected = json.loads(next_generation(present, turned_at))
    return _without_new_keys(expected, known) == _without_new_keys(json.loads(value), known)


def _without_new_keys(entries: list[dict[str, Any]], known: set[str]) -> list[dict[str, Any]]:
    return [entry if entry["key"] in known else {**entry, "key": None} for entry in entries]


def _expired(entry: Mapping[str, Any], now: str) -> bool:
    expires = entry.get("expires_at")
    if expires is None:
        return False
    return moment(expires) <= datetime.fromisoformat(now)


def _ends_before(entry: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    ends, last = entry.get("expires_at"), other.get("expires_at")
    return ends is not None and (last is None or moment(ends) < moment(last))


def _create(clients: AwsClients, arn: str, token: str, described: Mapping[str, Any]) -> None:
    client = clients.get("secretsmanager")
    try:
        # A step may be repeated: the value it made first stays.
        client.get_secret_value(SecretId=arn, VersionId=token, VersionStage=PENDING)
        return
    except client.exceptions.ResourceNotFoundException:
        pass
    present = client.get_secret_value(SecretId=arn, VersionStage=CURRENT)["SecretString"]
    value = next_generation(present)
    client.put_secret_value(
        SecretId=arn, ClientRequestToken=token, SecretString=value, VersionStages=[PENDING]
    )


def _set(clients: AwsClients, arn: str, token: str, described: Mapping[str, Any]) -> None:
    """There is no other system to tell: the API reads its keys from this secret."""


def _test(clients: AwsClients, arn: str, token: str, described: Mapping[str, Any]) -> None:
    """The new value must be one the API can read, and still be a turn of the keys in force."""
    client = clients.get("secretsmanager")
    pending = client.get_secret_value(SecretId=arn, VersionId=token, VersionStage=PENDING)["SecretString"]
    present = client.get_secret_value(SecretId=arn, VersionStage=CURRENT)["SecretString"]
    parse_keys(pending, strict=False)
    _give_way(client, arn, token, pending, present)


def _give_way(client: Any, arn: str, token: str, pending: str, present: str) -> None:
    """Ends a turn whose value was made of keys that have changed since.

    The label is taken off: with AWSPENDING on a version of its own Secrets Manager
    refuses every later turn (API reference, RotateSecret). A version cannot be written twice.
    """
    if made_from(pending, present):
        return
    client.update_secret_version_stage(SecretId=arn, VersionStage=PENDING, RemoveFromVersionId=token)
    raise ValueError("the keys were changed during this turn, which gives way; the next one begins anew")


def _finish(clients: AwsClients, arn: str, token: str, described: Mapping[str, Any]) -> None:
    client = clients.get("secretsmanager")
    versions: Mapping[str, list[str]] = described["VersionIdsToStages"]
    current = next(version for version, stages in versions.items() if CURRENT in stages)
    value = client.get_secret_value(SecretId=arn, VersionId=token, VersionStage=PENDING)["SecretString"]
    before = client.get_secret_value(SecretId=arn, VersionId=current)["SecretString"]
    _give_way(client, arn, token, value, before)
    renewed = sorted({entry["name"] for entry in _new_entries(value, before)})
    # Refused by Secrets Manager when the label is no longer on the version that was just looked at.
    client.update_secret_version_stage(
        SecretId=arn, VersionStage=CURRENT, MoveToVersionId=token, RemoveFromVersionId=current
    )
    detail = {"secret": arn, "names": renewed, "old_keys_live": "until the next turn"}
    answer = clients.get("events").put_events(
        Entries=[
            {
                "Source": os.environ.get("EVENT_SOURCE", DEFAULT_SOURCE),
                "DetailType": DETAIL_TYPE,
                "Resources": [arn],
                "Detail": json.dumps(detail),
            }
        ]
    )
    print(
        json.dumps(
            {"event": "rotated", "secret": arn, "names": renewed, "announced": not answer["FailedEntryCount"]}
        )
    )
    if answer["FailedEntryCount"]:
        # The keys have turned; that nobody was told must be seen (the alarm on this function's errors).
        raise ValueError("the turn took place, but its event was not accepted")


def _new_entries(value: str, before: str) -> list[dict[str, Any]]:
    known = {entry["key"] for entry in json.loads(before)}
    return [entry for entry in json.loads(value) if entry["key"] not in known]
