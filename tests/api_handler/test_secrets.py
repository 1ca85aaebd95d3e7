"""Keys and origin-verify values out of Secrets Manager, and the deep health check."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from api_handler import auth
from ops.bench.api_bedrock import LocalBedrock
from tests.api_handler.running import HttpApi

Make = Callable[..., HttpApi]


class Secret:
    """A secret in moto."""

    def __init__(self, value: str) -> None:
        self.client = boto3.client("secretsmanager", region_name="us-east-1")
        name = f"orchestrator/{uuid.uuid4().hex}"
        self.arn = self.client.create_secret(Name=name, SecretString=value)["ARN"]

    def set(self, value: str) -> None:
        self.client.put_secret_value(SecretId=self.arn, SecretString=value)


def keys(*names: str, **more: Any) -> str:
    return json.dumps([{"name": name, "key": f"key-{name}", **more} for name in names])


@pytest.fixture
def secret(moto_table: str, aws: None) -> Secret:
    return Secret(keys("one"))


def test_keys_are_read_and_kept(secret: Secret, make_api: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api(API_KEYS="", API_KEY_SECRET_ARN=secret.arn)
    assert api.get("/agents", key="key-one").status == 200
    assert api.get("/agents", key="key-two").status == 401
    # A field that a tool adds to an entry is no fault of the secret.
    secret.set(keys("two", created_at="2026-11-24T00:00:00Z"))
    assert api.get("/agents", key="key-one").status == 200
    # A new key works at once, as soon as the last look is ten seconds old.
    clock = auth.time.monotonic
    monkeypatch.setattr(auth.time, "monotonic", lambda: clock() + 11)
    assert api.get("/agents", key="key-two").status == 200
    assert api.get("/agents", key="key-one").status == 401


def test_a_broken_secret_locks_nobody_out(
    secret: Secret, make_api: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = make_api(API_KEYS="", API_KEY_SECRET_ARN=secret.arn)
    assert api.get("/agents", key="key-one").status == 200
    secret.set("SECRET and no JSON")
    clock = auth.time.monotonic
    monkeypatch.setattr(auth.time, "monotonic", lambda: clock() + 61)
    assert api.get("/agents", key="key-one").status == 200
    assert [line["event"] for line in api.lines if line["level"] == "warning"] == ["secret_not_read"]
    assert "SECRET" not in json.dumps(api.lines)


def test_a_secret_that_was_never_read(moto_table: str, make_api: Make) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-abcdef"
    api = make_api(API_KEYS="", API_KEY_SECRET_ARN=arn)
    answer = api.get("/agents", key="key-one")
    assert (answer.status, answer.code) == (503, "keys_unavailable")
    assert api.get("/health", key=None).status == 200


def test_origin_verify_out_of_a_secret(moto_table: str, aws: None, make_api: Make) -> None:
    secret = Secret('["new", "old"]')
    api = make_api(ORIGIN_VERIFY_SECRET_ARN=secret.arn)
    assert api.get("/agents").status == 401
    for value in ("new", "old"):
        assert api.get("/agents", headers={"X-Origin-Verify": value}).status == 200


def test_deep_health(secret: Secret, moto_table: str, make_api: Make, bedrock: LocalBedrock) -> None:
    api = make_api(TABLE_NAME=moto_table, API_KEYS="", API_KEY_SECRET_ARN=secret.arn)
    answer = api.get("/health?deep=1", key="key-one")
    assert answer.status == 200
    checks = answer.json["checks"]
    assert {name: check["status"] for name, check in checks.items()} == {
        "bedrock": "ok", "dynamodb": "ok", "secrets_manager": "ok",
    }  # fmt: skip
    assert bedrock.calls[0].body["inferenceConfig"] == {"maxTokens": 1}
    assert api.get("/health?deep=1", key="key-one").json["checks"] == checks
    assert len(bedrock.calls) == 1
    assert api.get("/health?deep=1", key=None).status == 401


def test_deep_health_names_what_fails_and_asks_once(make_api: Make, bedrock: LocalBedrock) -> None:
    bedrock.script = lambda body, number: [("status", 403, "AccessDeniedException")]
    api = make_api(TABLE_NAME="no-such-table")
    for _ in range(3):
        answer = api.get("/health?deep=1")
        assert (answer.status, answer.code) == (503, "unhealthy")
        assert answer.headers["retry-after"] == "30"
        checks = answer.json["error"]["details"]["checks"]
        assert checks["bedrock"] == {"status": "failing", "error": "AccessDeniedException"}
        assert checks["dynamodb"]["status"] == "failing"
        assert checks["secrets_manager"] == {"status": "not_configured"}
    assert len(bedrock.calls) == 1
