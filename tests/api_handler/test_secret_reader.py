"""The one call of Secrets Manager without the SDK: signed as the SDK signs, and given up for it in doubt."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from api_handler import secret_reader
from api_handler.aws import AwsClients
from ops.bench.api_runtime import LocalRuntime
from ops.bench.api_secrets import LocalSecrets
from tests.api_handler.running import _LambdaStream
from tests.api_handler.test_lambda import event
from tests.api_handler.test_lambda_start import bootstrap
from tests.timing import PATIENCE_S

KEYS_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:orchestrator/api-key-AbCdEf"
EDGE_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:orchestrator/origin-verify-AbCdEf"
ENVIRON = {
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "session-token==",
    "AWS_REGION": "us-east-1",
}


@pytest.mark.parametrize("token", ["session-token==", ""])
@pytest.mark.parametrize("host", ["secretsmanager.us-east-1.amazonaws.com", "127.0.0.1:4566"])
def test_it_is_signed_as_the_sdk_signs(host: str, token: str) -> None:
    now = time.gmtime(1_800_000_000)
    body = json.dumps({"SecretId": KEYS_ARN}).encode()
    headers = secret_reader.signed(host, "/", body, {**ENVIRON, "AWS_SESSION_TOKEN": token}, now)
    signer = SigV4Auth(
        Credentials(ENVIRON["AWS_ACCESS_KEY_ID"], ENVIRON["AWS_SECRET_ACCESS_KEY"], token or None),
        "secretsmanager", "us-east-1",
    )  # fmt: skip
    sent = {name: value for name, value in headers.items() if name != "authorization"}
    request = AWSRequest("POST", f"https://{host}/", headers=sent, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    assert headers["authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"
    )
    assert headers.get("x-amz-security-token", "") == token


def test_it_is_for_plain_lambda_only() -> None:
    assert secret_reader.possible(ENVIRON)
    assert secret_reader.possible({**ENVIRON, "AWS_REGION": "eu-central-1", "HTTPS_PROXY": ""})
    for name in ("AWS_LAMBDA_RUNTIME_API", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        assert not secret_reader.possible({**ENVIRON, name: ""})
    for region in (
        "cn-north-1",
        "us-gov-west-1",
        "us-iso-east-1",
        "eu-isoe-west-1",
        "nowhere",
        "us-east-1.evil",
    ):
        assert not secret_reader.possible({**ENVIRON, "AWS_REGION": region})
    for name in ("AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT", "HTTPS_PROXY", "https_proxy", "AWS_PROFILE"):
        assert not secret_reader.possible({**ENVIRON, name: "x"})


class Clients(AwsClients):
    """Clients whose SDK is a stand-in that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    async def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        self.calls.append(operation)
        return {"SecretString": "from the SDK"}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    for name in secret_reader._UNUSUAL:
        monkeypatch.delenv(name, raising=False)
    made = Clients()
    yield made
    made.close()


def test_a_secret_is_read(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalSecrets({KEYS_ARN: "grüße"}) as secrets:
        monkeypatch.setenv("AWS_ENDPOINT_URL", secrets.url)
        assert asyncio.run(clients.secret_text(KEYS_ARN)) == "grüße"
    assert clients.calls == []
    (asked,) = secrets.asked
    assert asked["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert asked["x-amz-security-token"] == "session-token=="
    assert json.loads(asked["body"]) == {"SecretId": KEYS_ARN}


def test_over_tls_the_certificate_is_checked(
    clients: Clients,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with LocalSecrets({KEYS_ARN: "text"}, tls) as secrets:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.url)
        # Nobody vouches for this one: it gets no request, and no credentials.
        assert asyncio.run(clients.secret_text(KEYS_ARN)) == "from the SDK"
        assert secrets.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert asyncio.run(clients.secret_text(KEYS_ARN)) == "text"
    assert clients.calls == ["get_secret_value"]


@pytest.mark.parametrize(
    "broken",
    [
        None, b"", b"nonsense\r\n\r\n", b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{",
        b'HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{"SecretString": 5} ',
    ],
    ids=range(7),
)  # fmt: skip
def test_whatever_is_wrong_the_sdk_asks_again(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, broken: bytes | None
) -> None:
    with LocalSecrets({}) as secrets:
        secrets.broken = broken
        monkeypatch.setenv("AWS_ENDPOINT_URL", secrets.url)
        assert asyncio.run(clients.secret_text(KEYS_ARN)) == "from the SDK"
    assert len(secrets.asked) == 1


def test_nobody_there(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert asyncio.run(clients.secret_text(KEYS_ARN)) == "from the SDK"
    monkeypatch.setattr(secret_reader, "TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert asyncio.run(clients.secret_text(KEYS_ARN)) == "from the SDK"


def test_a_deployed_function_reads_both_secrets_at_once(
    runtime: LocalRuntime,
    tmp_path: Path,
) -> None:
    values = {KEYS_ARN: '[{"name": "a", "key": "secret-0"}]', EDGE_ARN: '["from-the-edge"]'}
    with LocalSecrets(values) as secrets:
        process = bootstrap(
            runtime, tmp_path, API_KEY_SECRET_ARN=KEYS_ARN, ORIGIN_VERIFY_SECRET_ARN=EDGE_ARN,
            AWS_ENDPOINT_URL=secrets.url, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x",
        )  # fmt: skip
        try:
            told = event("rest_v1")
            for value, status in (("from-the-edge", 200), ("from-elsewhere", 401)):
                for headers in (told["headers"], told["multiValueHeaders"]):
                    headers["X-Origin-Verify"] = [value] if headers is told["multiValueHeaders"] else value
                stream = _LambdaStream(runtime.invoke(told))
                assert stream.status == status
                list(stream.lines())
            asked = sorted(json.loads(item["body"])["SecretId"] for item in secrets.asked)
            assert asked == sorted(values)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
