"""Keys that ``ops keys`` makes and revokes, before the real check of the API."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.secretsmanager.models import SecretsManagerBackend

from api_handler import auth
from ops.cli import main
from tests.api_handler.running import HttpApi
from tests.timing import PATIENCE_S

Make = Callable[..., HttpApi]
SEED = "s" * 43


@pytest.fixture
def arn(moto_table: str, aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The secret of the stack dev, as `ops up` seeds it."""
    move = SecretsManagerBackend.update_secret_version_stage

    def moved(self: Any, secret_id: str, version_stage: str, **more: Any) -> Any:
        answer = move(self, secret_id, version_stage, **more)
        if version_stage == "AWSCURRENT":
            # moto goes on answering the version before to who asks without a label.
            self.secrets[secret_id].set_default_version_id(more["move_to_version_id"])
        return answer

    monkeypatch.setattr(SecretsManagerBackend, "update_secret_version_stage", moved)
    client = boto3.client("secretsmanager", region_name="us-east-1")
    value = json.dumps([{"name": "default", "key": SEED}])
    yield client.create_secret(Name="orchestrator/dev/api-key", SecretString=value)["ARN"]
    # A reset of moto's backend would take the tables of other tests along.
    client.delete_secret(SecretId="orchestrator/dev/api-key", ForceDeleteWithoutRecovery=True)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clocks of the API's gate ahead by seconds; they stand still otherwise."""
    ahead = [0.0]
    monotonic, now = time.monotonic(), time.time()
    # The gate's own, not the process's: connections and the event loop must not see an hour pass.
    clock = SimpleNamespace(monotonic=lambda: monotonic + ahead[0], time=lambda: now + ahead[0])
    monkeypatch.setattr(auth, "time", clock)
    monkeypatch.setattr(auth, "PATIENCE_S", PATIENCE_S)

    def move(seconds: float) -> None:
        ahead[0] += seconds

    return move


def test_a_key_s_life(
    arn: str, make_api: Make, capsys: pytest.CaptureFixture[str], later: Callable[[float], None]
) -> None:
    def keys(*arguments: str) -> str:
        capsys.readouterr()
        assert main(["keys", *arguments]) == 0
        return capsys.readouterr().out.strip()

    api = make_api(API_KEYS="", API_KEY_SECRET_ARN=arn)

    def status(key: str) -> int:
        return api.get("/agents", key=key).status

    assert status(SEED) == 200
    later(11)
    # Added: it works at once, as soon as the last look is ten seconds old.
    first = keys("add", "büro")
    assert (status(first), status(SEED), status(first[:-1])) == (200, 200, 401)
    # Rotated: both work, and the one before ends with its grace time.
    later(11)
    second = keys("rotate", "büro", "--grace", "1h")
    assert (status(second), status(first)) == (200, 200)
    later(3601)
    assert (status(second), status(first)) == (200, 401)
    # Revoked: refused when what the API has read is a minute old, not before.
    keys("revoke", "büro", "--yes")
    assert status(second) == 200
    later(59)
    assert status(second) == 200
    later(2)
    assert (status(second), status(SEED)) == (401, 200)
    # The log names the key's owner and never the key.
    names = {line.get("key") for line in api.lines}
    assert {"büro", "default"} <= names
    assert not any(key in json.dumps(api.lines) for key in (first, second, SEED))


def test_a_forced_end_of_all_keys(
    arn: str, make_api: Make, capsys: pytest.CaptureFixture[str], later: Callable[[float], None]
) -> None:
    api = make_api(API_KEYS="", API_KEY_SECRET_ARN=arn)
    assert api.get("/agents", key=SEED).status == 200
    assert main(["keys", "revoke", "default", "--yes", "--force"]) == 0
    later(61)
    answer = api.get("/agents", key=SEED)
    assert (answer.status, answer.code) == (503, "no_api_keys")


def test_limits_of_the_command_hold(
    arn: str, make_api: Make, capsys: pytest.CaptureFixture[str], later: Callable[[float], None]
) -> None:
    assert main(["keys", "add", "slow", "--rpm", "1"]) == 0
    key = capsys.readouterr().out.strip()
    api = make_api(API_KEYS="", API_KEY_SECRET_ARN=arn)
    assert [api.get("/agents", key=key).status for _ in range(2)] == [200, 429]
