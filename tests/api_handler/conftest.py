"""Fixtures: the local Bedrock, a table in moto, and the API in its three shapes."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

from ops.bench.api_bedrock import LocalBedrock, text_reply
from ops.bench.api_runtime import LocalRuntime
from tests.api_handler.running import CLIENTS, Api, HttpApi, LambdaApi, fresh_key
from tests.timing import PATIENCE_S, until

TABLE = "orchestrator-state"


def _environment(patch: pytest.MonkeyPatch, bedrock: LocalBedrock) -> None:
    patch.setenv("AWS_ACCESS_KEY_ID", "testing")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    patch.setenv("AWS_REGION", "us-east-1")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", bedrock.url)


@pytest.fixture(scope="session")
def bedrock_server() -> Iterator[LocalBedrock]:
    with LocalBedrock() as server, pytest.MonkeyPatch.context() as patch:
        # The clients are made while their credentials are in the environment.
        _environment(patch, server)
        for service in ("bedrock-runtime", "dynamodb", "secretsmanager"):
            CLIENTS.get(service)
        yield server


@pytest.fixture
def bedrock(bedrock_server: LocalBedrock, aws: None) -> LocalBedrock:
    """The local Bedrock, answering one sentence until a test scripts it otherwise."""
    # A call that an earlier test has left may still be on its way.
    bedrock_server.settle()
    bedrock_server.calls.clear()
    bedrock_server.script = lambda body, number: text_reply("Hello from the model")
    return bedrock_server


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, hermetic_aws: None, bedrock_server: LocalBedrock) -> None:
    """Credentials that lead nowhere but to 127.0.0.1 and moto."""
    _environment(monkeypatch, bedrock_server)


# Not for the session: moto answers every botocore client of the process while it is on, other folders' too.
@pytest.fixture(scope="package")
def moto_table(bedrock_server: LocalBedrock) -> Iterator[str]:
    """A table as the deployment makes it."""
    with pytest.MonkeyPatch.context() as patch:
        _environment(patch, bedrock_server)
        # DynamoDB serialises the writes of an item; moto's checks and writes are two steps of Python.
        lock, action = threading.RLock(), DynamoHandler.call_action

        def one_at_a_time(self: Any) -> Any:
            with lock:
                return action(self)

        patch.setattr(DynamoHandler, "call_action", one_at_a_time)
        with mock_aws():
            boto3.client("dynamodb").create_table(
                TableName=TABLE,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                AttributeDefinitions=[
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
            )
            yield TABLE


def _shared(make: Callable[[], Any], bedrock_server: LocalBedrock) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        _environment(patch, bedrock_server)
        api = make()
        yield api
        api.close()


@pytest.fixture(scope="session")
def memory_api(bedrock_server: LocalBedrock) -> Iterator[HttpApi]:
    yield from _shared(lambda: HttpApi({}), bedrock_server)


@pytest.fixture(scope="package")
def dynamo_api(bedrock_server: LocalBedrock, moto_table: str) -> Iterator[HttpApi]:
    yield from _shared(lambda: HttpApi({"TABLE_NAME": moto_table}), bedrock_server)


@pytest.fixture(scope="package")
def lambda_api(bedrock_server: LocalBedrock, moto_table: str) -> Iterator[LambdaApi]:
    yield from _shared(lambda: LambdaApi({"TABLE_NAME": moto_table}), bedrock_server)


async def _server_idle(api: HttpApi) -> bool:
    worker = api.services.__dict__.get("worker")
    return api.app.open_requests == 0 and not (worker and worker._tasks)


async def _environments_idle(api: LambdaApi) -> bool:
    # Each of them asks for the next event, and there is none.
    waiting = api.runtime._waiting
    return waiting.empty() and len(waiting._getters) == len(api.all_services)  # type: ignore[attr-defined]


def _idle(api: HttpApi | LambdaApi) -> bool:
    """Whether an API has nothing to do; asked between two steps of its loop, which finish what they begin."""
    if isinstance(api, HttpApi):
        asked = asyncio.run_coroutine_threadsafe(_server_idle(api), api.loop)
    else:
        asked = asyncio.run_coroutine_threadsafe(_environments_idle(api), api.runtime._loop)
    return asked.result(PATIENCE_S)


def _lent(api: Any) -> Iterator[Any]:
    """A shared API for one test, with a key of the test's own.

    What the test leaves behind ends first: its calls of the model and its lines would be the next test's.
    """
    api.key = fresh_key()["key"]
    api.lines.clear()
    yield api
    until(lambda: _idle(api))


@pytest.fixture(params=["memory", "dynamo", "lambda"])
def api(request: pytest.FixtureRequest, bedrock: LocalBedrock) -> Iterator[Api]:
    """The API under uvicorn over each store, and on Lambda; with a key of the test's own."""
    yield from _lent(request.getfixturevalue(f"{request.param}_api"))


@pytest.fixture
def http_api(memory_api: HttpApi, bedrock: LocalBedrock) -> Iterator[HttpApi]:
    """The API under uvicorn over memory, for what has nothing to do with stores and runtimes."""
    yield from _lent(memory_api)


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore's attempts follow each other at once; nothing else in the process loses its clock."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))


@pytest.fixture
def make_api(bedrock: LocalBedrock) -> Iterator[Callable[..., HttpApi]]:
    """Starts an API with an environment of the test's own."""
    made: list[HttpApi] = []

    def make(**environ: str) -> HttpApi:
        made.append(HttpApi(environ))
        made[-1].key = fresh_key()["key"]
        return made[-1]

    yield make
    for item in made:
        item.close()


@pytest.fixture
def runtime() -> Iterator[LocalRuntime]:
    local = LocalRuntime()
    local.start()
    yield local
    local.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local bedrock")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "bedrock.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path
