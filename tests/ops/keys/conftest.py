"""A stack's secret in moto, moved as Secrets Manager moves it, and the command run in this process."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.secretsmanager.models import SecretsManagerBackend, secretsmanager_backends

from ops.cli import main
from ops.engine.paths import ROOT
from ops.keys.vault import STAGED
from ops.stackfiles import effective_config

NAME = "orchestrator/dev/api-key"
SEED = "S" * 30 + "seed"
SEEDED = [{"name": "default", "key": SEED}]


@functools.cache
def _config(stack: str) -> dict[str, str]:
    return effective_config(ROOT, stack, {})


def read_once(root: Path, stack: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """``effective_config`` of files that do not change between tests: reading them costs more than a test."""
    assert (root, dict(overrides)) == (ROOT, {})
    return _config(stack)


@dataclass(frozen=True)
class Ran:
    """One run of the command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Secret:
    """The secret, seen from outside."""

    def __init__(self) -> None:
        self.client = boto3.Session().client("secretsmanager", region_name="us-east-1")

    def make(self, value: str | bytes | None, name: str = NAME) -> None:
        kind = {"SecretBinary": value} if isinstance(value, bytes) else {"SecretString": value}
        self.client.create_secret(Name=name, **({} if value is None else kind))

    def put(self, entries: Any) -> None:
        self.client.put_secret_value(SecretId=NAME, SecretString=json.dumps(entries))

    def text(self, stage: str = "AWSCURRENT", name: str = NAME) -> str:
        return self.client.get_secret_value(SecretId=name, VersionStage=stage)["SecretString"]

    def entries(self, stage: str = "AWSCURRENT") -> list[dict[str, Any]]:
        return json.loads(self.text(stage))

    def stages(self) -> list[list[str]]:
        described = self.client.describe_secret(SecretId=NAME)["VersionIdsToStages"]
        return sorted(sorted(labels) for labels in described.values() if labels)


# Not for the session: moto answers every botocore client of the process while it is on, other folders' too.
@pytest.fixture(scope="package")
def moto_clients() -> Iterator[Callable[..., Any]]:
    """moto, and clients that are made once: making one costs more than the tests do."""
    with mock_aws():
        made: dict[Any, Any] = {}
        real = boto3.Session.client

        def client(self: boto3.Session, service: str, **more: Any) -> Any:
            more["config"] = more.get("config") or Config()
            extra = getattr(more["config"], "user_agent_extra", None)
            key = (service, more["region_name"], more.get("endpoint_url"), extra)
            if key not in made:
                made[key] = real(self, service, **more)
            return made[key]

        yield client


@pytest.fixture
def account(
    moto_clients: Callable[..., Any], hermetic_aws: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """An empty account in moto.

    moto moves labels without regard to the default version, which is what a read without
    a label answers, and its checks and moves are two steps of Python.
    """
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr(boto3.Session, "client", moto_clients)
    monkeypatch.setattr("ops.stackfiles.effective_config", read_once)
    lock, move = threading.RLock(), SecretsManagerBackend.update_secret_version_stage

    def moved(self: Any, secret_id: str, version_stage: str, **more: Any) -> Any:
        with lock:
            answer = move(self, secret_id, version_stage, **more)
            if version_stage == "AWSCURRENT":
                self.secrets[secret_id].set_default_version_id(more["move_to_version_id"])
            return answer

    monkeypatch.setattr(SecretsManagerBackend, "update_secret_version_stage", moved)
    yield
    # A reset of moto's backend takes every service's state along.
    for backend in secretsmanager_backends[ACCOUNT_ID].values():
        backend.secrets.clear()


@pytest.fixture
def secret(account: None) -> Secret:
    """The secret as `ops up` leaves it."""
    secret = Secret()
    secret.make(json.dumps(SEEDED))
    return secret


Keys = Callable[..., Ran]


@pytest.fixture
def keys(capsys: pytest.CaptureFixture[str]) -> Keys:
    """Runs ``ops keys`` and catches what it prints."""

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        try:
            code = main(["keys", *arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return Ran(code, told.out, told.err)

    return run


class Faults:
    """Hooks around the calls to Secrets Manager, by operation."""

    def __init__(self) -> None:
        self.before: dict[str, Callable[[dict[str, Any]], None]] = {}
        self.after: dict[str, Callable[[dict[str, Any]], None]] = {}
        self.calls: list[str] = []

    def fails(self, operation: str, code: str, message: str = "no", status: int = 400) -> None:
        def fail(arguments: dict[str, Any]) -> None:
            if arguments.get("VersionStage") != STAGED:
                raise error(operation, code, message, status)

        self.before[operation] = fail


def error(operation: str, code: str, message: str = "no", status: int = 400) -> ClientError:
    """What botocore raises of an answer of AWS, after its retries."""
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # pyright: ignore[reportArgumentType]
        operation,
    )


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Answers that AWS gives now and then; waits take no time."""
    from botocore.client import BaseClient

    hooks = Faults()
    real = BaseClient._make_api_call  # pyright: ignore[reportAttributeAccessIssue]

    def call(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        if not self.meta.config.user_agent_extra:  # the test's own client
            return real(self, operation, arguments)
        hooks.calls.append(operation)
        if hook := hooks.before.get(operation):
            hook(arguments)
        answer = real(self, operation, arguments)
        if hook := hooks.after.get(operation):
            hook(arguments)
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return hooks
