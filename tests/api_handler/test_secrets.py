"""Keys and origin-verify values out of Secrets Manager, and the deep health check."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from api_handler import auth
from api_handler.errors import ApiError
from api_handler.settings import parse_origin_verify
from ops.bench.api_bedrock import LocalBedrock
from tests.api_handler.running import HttpApi
from tests.timing import PATIENCE_S

Make = Callable[..., HttpApi]


class Clock:
    """The clock of the keys alone, moved by the test: the event loops of the tests keep theirs."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.time = time.time

    def monotonic(self) -> float:
        return 1_000.0 + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(auth, "time", clock)
    monkeypatch.setattr(auth, "PATIENCE_S", PATIENCE_S)
    return clock


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


def test_keys_are_read_and_kept(secret: Secret, make_api: Make, clock: Clock) -> None:
    api = make_api(API_KEYS="", API_KEY_SECRET_ARN=secret.arn)
    assert api.get("/agents", key="key-one").status == 200
    assert api.get("/agents", key="key-two").status == 401
    # A field that a tool adds to an entry is no fault of the secret.
    secret.set(keys("two", created_at="2026-11-24T00:00:00Z"))
    assert api.get("/agents", key="key-one").status == 200
    # A new key works at once, as soon as the last look is ten seconds old.
    clock.ahead = 11
    assert api.get("/agents", key="key-two").status == 200
    assert api.get("/agents", key="key-one").status == 401


def test_a_broken_secret_locks_nobody_out(secret: Secret, make_api: Make, clock: Clock) -> None:
    api = make_api(API_KEYS="", API_KEY_SECRET_ARN=secret.arn)
    assert api.get("/agents", key="key-one").status == 200
    secret.set("SECRET and no JSON")
    clock.ahead = 61
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


def test_a_rotated_origin_verify_value_works_at_once(
    moto_table: str, aws: None, make_api: Make, clock: Clock
) -> None:
    secret = Secret('["first"]')
    api = make_api(ORIGIN_VERIFY_SECRET_ARN=secret.arn)
    assert api.get("/agents", headers={"X-Origin-Verify": "first"}).status == 200
    secret.set('["second", "first"]')
    assert api.get("/agents", headers={"X-Origin-Verify": "second"}).status == 401
    clock.ahead = 11
    assert api.get("/agents", headers={"X-Origin-Verify": "second"}).status == 200
    secret.set('["second"]')
    clock.ahead = 22
    # Known still, so that nothing is asked: until the value is a minute old, two generations are accepted.
    assert api.get("/agents", headers={"X-Origin-Verify": "first"}).status == 200
    clock.ahead = 72
    assert api.get("/agents", headers={"X-Origin-Verify": "first"}).status == 401
    assert api.get("/agents", headers={"X-Origin-Verify": "second"}).status == 200


class Counted:
    """AWS clients that count the calls for a secret, and do what a test says."""

    def __init__(self) -> None:
        self.calls = 0
        self.text = '["good"]'
        self.fails = False
        self.hangs: asyncio.Event | None = None

    async def secret_text(self, arn: str) -> str:
        assert arn == "arn"
        self.calls += 1
        if self.hangs is not None:
            await self.hangs.wait()
        await asyncio.sleep(0.001)
        if self.fails:
            raise OSError("away")
        return self.text


@pytest.fixture
def counted(clock: Clock) -> tuple[Counted, auth.Gate]:
    clients = Counted()
    values: Any = auth.Secret(clients, "arn", parse_origin_verify, lambda *_, **__: None)  # type: ignore[arg-type]
    return clients, auth.Gate(None, values)


def test_bad_requests_cause_no_storm_of_calls(counted: tuple[Counted, auth.Gate], clock: Clock) -> None:
    clients, gate = counted

    async def flood(count: int = 300) -> set[bool]:
        answers = await asyncio.gather(*(gate.from_edge([f"bad-{number}"]) for number in range(count)))
        for number in range(20):
            answers.append(await gate.from_edge([f"worse-{number}"]))
        return set(answers)

    async def work() -> None:
        assert await flood() == {False}
        assert clients.calls == 1
        for second in range(1, 61):
            clock.ahead = float(second)
            assert await flood(20) == {False}
        # Once in ten seconds, however many ask.
        assert clients.calls == 7
        assert await gate.from_edge(["good"])
        assert clients.calls == 7
        # Not more often when it fails: once in five seconds, and what was accepted is accepted on.
        clients.fails = True
        for second in range(61, 121):
            clock.ahead = float(second)
            assert await flood(20) == {False}
            assert await gate.from_edge(["good"])
        assert 7 + 10 <= clients.calls <= 7 + 12
        clients.fails, clients.text = False, '["better"]'
        clock.ahead = 126.0
        assert await gate.from_edge(["better"])
        assert not await gate.from_edge(["good"])

    asyncio.run(work())


def test_a_secret_that_never_could_be_read_is_asked_for_every_five_seconds(
    counted: tuple[Counted, auth.Gate], clock: Clock
) -> None:
    clients, gate = counted
    clients.fails = True

    async def work() -> None:
        for second in range(30):
            clock.ahead = float(second)
            for _ in range(10):
                with pytest.raises(ApiError) as caught:
                    await gate.check_origin(["good"])
                assert (caught.value.status, caught.value.code) == (503, "keys_unavailable")
        assert clients.calls == 6

    asyncio.run(work())


def test_nobody_waits_for_a_slow_renewal(
    counted: tuple[Counted, auth.Gate], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, gate = counted

    async def work() -> None:
        assert await gate.from_edge(["good"])
        clients.hangs = asyncio.Event()
        clock.ahead = 61.0
        monkeypatch.setattr(auth, "PATIENCE_S", 0.05)
        # One after the other they would take 50 s.
        async with asyncio.timeout(PATIENCE_S):
            assert all(await asyncio.gather(*(gate.from_edge(["good"]) for _ in range(1_000))))
        monkeypatch.setattr(auth, "PATIENCE_S", PATIENCE_S)
        assert clients.calls == 2
        clients.text = '["new"]'
        clients.hangs.set()
        assert await gate.from_edge(["new"])
        assert clients.calls == 2

    asyncio.run(work())


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
