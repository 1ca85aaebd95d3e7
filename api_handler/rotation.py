"""Rotation of the API keys: a new generation of each, while the old one lives until the next turn.

A plain handler of the managed runtime (``api_handler.rotation.handler``), called by
Secrets Manager in four steps. A client has the whole time between two turns to take
the new key; nobody is locked out unwarned. After each turn an event on the default bus
tells that one took place; its source is ``EVENT_SOURCE``, one of each stack's own.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from api_handler.auth import parse_keys
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
        newest = next(entry for entry in generations if not _expired(entry, stamp))
        result.append({**newest, "key": secrets.token_urlsafe(32), "created_at": stamp})
        result.append(newest)
    return json.dumps(result)


def _expired(entry: Mapping[str, Any], now: str) -> bool:
    expires = entry.get("expires_at")
    if expires is None:
        return False
    return datetime.fromisoformat(expires.upper().replace(" ", "T")) <= datetime.fromisoformat(now)


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
    """The new value must be one the API can read, and still hold every key that lives."""
    client = clients.get("secretsmanager")
    pending = client.get_secret_value(SecretId=arn, VersionId=token, VersionStage=PENDING)["SecretString"]
    present = client.get_secret_value(SecretId=arn, VersionStage=CURRENT)["SecretString"]
    names = {key.name for key in parse_keys(pending, strict=False)}
    missing = {key.name for key in parse_keys(present, strict=False)} - names
    if missing:
        raise ValueError(f"the new value lacks {len(missing)} of the names")


def _finish(clients: AwsClients, arn: str, token: str, described: Mapping[str, Any]) -> None:
    client = clients.get("secretsmanager")
    versions: Mapping[str, list[str]] = described["VersionIdsToStages"]
    current = next(version for version, stages in versions.items() if CURRENT in stages)
    value = client.get_secret_value(SecretId=arn, VersionId=token, VersionStage=PENDING)["SecretString"]
    before = client.get_secret_value(SecretId=arn, VersionStage=CURRENT)["SecretString"]
    renewed = sorted({entry["name"] for entry in _new_entries(value, before)})
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
