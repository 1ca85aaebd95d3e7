"""The API running for tests: under uvicorn and under a local Lambda Runtime API, over either store."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from api_handler.app import App
from api_handler.aws import AwsClients
from api_handler.lambda_runtime import serve_forever
from api_handler.log import Log
from api_handler.runtime_api import RuntimeApi
from api_handler.server import Server
from api_handler.services import Services, build_services
from api_handler.settings import load_settings
from ops.bench.api_runtime import Invoked, LocalRuntime
from tests.timing import PATIENCE_S

BASE = "/api/v1"
KEYS = [{"name": f"team-{number}", "key": f"secret-{number}"} for number in range(600)]
_numbers = itertools.count()
MODEL = "amazon.nova-lite-v1:0"


def fresh_key() -> dict[str, Any]:
    """A key that no other test uses: its runs, sessions and counts are its own."""
    return KEYS[next(_numbers) % len(KEYS)]


class Answer:
    """A response: status, headers in lower case, body."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["error"]["code"]


class Stream(ABC):
    """A response that is read while it comes; ``close`` is the client leaving."""

    status: int
    headers: dict[str, str]

    @abstractmethod
    def lines(self) -> Iterator[bytes]:
        """The lines of the body, as they come."""

    @abstractmethod
    def close(self) -> None:
        """The client leaves."""

    def events(self) -> Iterator[dict[str, Any]]:
        """Events as they come, checked for their form: ``event``, ``id``, ``data`` that repeats both."""
        event: dict[str, str] = {}
        for line in self.lines():
            text = line.decode().rstrip("\n")
            if text.startswith(":"):
                continue
            if text:
                name, _, value = text.partition(": ")
                event[name] = value
            elif event:
                data = json.loads(event["data"])
                assert set(event) == {"event", "id", "data"}
                assert data["type"] == event["event"]
                assert data["event_id"] == int(event["id"])
                yield data
                event = {}


class Api(ABC):
    """What tests call."""

    key = "secret-0"
    services: Services
    lines: list[dict[str, Any]]

    @abstractmethod
    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Any = None, **how: Any
    ) -> Answer:
        """One request and its whole answer."""

    @abstractmethod
    def open(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> Stream:
        """One request whose answer is read while it comes."""

    def headers(self, headers: Mapping[str, str] | None, key: str | None = "") -> dict[str, str]:
        key = self.key if key == "" else key
        return {**({"X-API-Key": key} if key else {}), **(headers or {})}

    def get(self, path: str, *, key: str | None = "", headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", BASE + path, headers=self.headers(headers, key))

    def post(
        self, path: str, value: Any = None, *, key: str | None = "", headers: Mapping[str, str] | None = None
    ) -> Answer:
        body = None if value is None else json.dumps(value).encode()
        kind = {"Content-Type": "application/json"} if body is not None else {}
        return self.request("POST", BASE + path, body, self.headers({**kind, **(headers or {})}, key))

    def stream(
        self, path: str, value: Any = None, *, key: str | None = "", headers: Mapping[str, str] | None = None
    ) -> Stream:
        accept = {"Accept": "text/event-stream", **(headers or {})}
        if value is None:
            return self.open("GET", BASE + path, None, self.headers(accept, key))
        body = json.dumps(value).encode()
        return self.open(
            "POST", BASE + path, body, self.headers({"Content-Type": "application/json", **accept}, key)
        )

    def finished(self, run_id: str, *, key: str | None = "", seconds: float = PATIENCE_S) -> dict[str, Any]:
        """A run once it is finished."""
        ends = time.monotonic() + seconds
        while True:
            run = self.get(f"/runs/{run_id}", key=key).json
            if run["status"] not in ("pending", "running"):
                return run
            assert time.monotonic() < ends, f"the run is still {run['status']}"
            time.sleep(0.02)


def settings_of(environ: Mapping[str, str]) -> Any:
    """Settings with keys, one cheap model, and what is given."""
    return load_settings({"API_KEYS": json.dumps(KEYS), "BEDROCK_MODELS": json.dumps([MODEL]), **environ})


class SharedClients(AwsClients):
    """AWS clients of the whole test session: making one takes longer than most tests."""

    def close(self) -> None:
        """They serve the next API too."""


CLIENTS = SharedClients()


class HttpApi(Api):
    """The API under uvicorn, in a thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.lines = []
        log = Log(write=lambda line: self.lines.append(json.loads(line)))
        self.services = build_services(settings_of(environ), log=log, clients=CLIENTS)
        self.app = App(self.services)
        self.server = Server(self.app, "127.0.0.1", 0, log)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        ends = time.monotonic() + PATIENCE_S
        while not (told := [line for line in list(self.lines) if line["event"] == "listening"]):
            assert time.monotonic() < ends
            time.sleep(0.005)
        self.port = int(told[0]["addresses"][0].rsplit(":", 1)[1])

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self.loop = runner.get_loop()
            runner.run(self.server.serve_threaded())

    def close(self) -> None:
        self.server.should_exit = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the server does not end"
        self.services.close()

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Any = None, **how: Any
    ) -> Answer:
        connection = self.connection()
        try:
            connection.request(method, path, body, headers or {}, **how)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def open(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> Stream:
        return _HttpStream(self.connection(), method, path, body, headers)


class _HttpStream(Stream):
    def __init__(self, connection: Any, method: str, path: str, body: Any, headers: Any) -> None:
        self._connection = connection
        connection.request(method, path, body, headers)
        self._socket = connection.sock
        self._answer = connection.getresponse()
        self.status = self._answer.status
        self.headers = {name.lower(): value for name, value in self._answer.getheaders()}

    def lines(self) -> Iterator[bytes]:
        try:
            yield from self._answer
        finally:
            self.close()

    def read(self) -> bytes:
        return self._answer.read()

    def close(self) -> None:
        self._answer.close()
        self._connection.close()
        self._socket.close()


class LambdaApi(Api):
    """The API behind a local Runtime API: several environments, REST events, a stand-in for Invoke."""

    def __init__(self, environ: Mapping[str, str], environments: int = 3) -> None:
        self.lines = []
        self.runtime = LocalRuntime()
        self.runtime.start()
        log = Log(write=lambda line: self.lines.append(json.loads(line)))
        settings = settings_of({**environ, "AWS_LAMBDA_FUNCTION_NAME": "api", "WORKER_QUALIFIER": "live"})
        self.all_services = [build_services(settings, log=log, clients=CLIENTS) for _ in range(environments)]
        self.services = self.all_services[0]
        self._threads: list[threading.Thread] = []
        for services in self.all_services:
            services.clients = _Invoking(services.clients, self.runtime)  # type: ignore[assignment]
            self._threads.append(threading.Thread(target=self._environment, args=(services,), daemon=True))
            self._threads[-1].start()

    def _environment(self, services: Services) -> None:
        api = RuntimeApi(f"127.0.0.1:{self.runtime.port}")
        asyncio.run(serve_forever(api, App(services)))

    def close(self) -> None:
        self.runtime.stop()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "an environment does not end with its Runtime API"
        for services in self.all_services:
            services.close()

    def event(self, method: str, path: str, body: bytes | None, headers: Any) -> dict[str, Any]:
        """A REST proxy event (payload 1.0)."""
        plain, _, query = path.partition("?")
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers or [])
        many: dict[str, list[str]] = {}
        for name, value in pairs:
            many.setdefault(name, []).append(value)
        asked: dict[str, list[str]] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            asked.setdefault(name, []).append(value)
        return {
            "resource": "/api/{proxy+}",
            "path": plain,
            "httpMethod": method,
            "headers": {name: values[-1] for name, values in many.items()},
            "multiValueHeaders": many,
            "queryStringParameters": {name: values[-1] for name, values in asked.items()} or None,
            "multiValueQueryStringParameters": asked or None,
            "requestContext": {"stage": "v1", "identity": {"sourceIp": "127.0.0.1"}, "path": "/v1" + plain},
            "body": None if body is None else body.decode("latin-1"),
            "isBase64Encoded": False,
        }

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Any = None, **how: Any
    ) -> Answer:
        stream = self.open(method, path, body, headers)
        return Answer(stream.status, list(stream.headers.items()), b"".join(stream.lines()))

    def open(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> _LambdaStream:
        return _LambdaStream(self.runtime.invoke(self.event(method, path, body, headers)))


class _Invoking:
    """AWS clients of one environment, whose ``lambda:Invoke`` reaches the local Runtime API."""

    def __init__(self, clients: Any, runtime: LocalRuntime) -> None:
        self._clients = clients
        self._runtime = runtime
        self.invoked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clients, name)

    async def call(self, service: str, operation: str, **arguments: Any) -> Any:
        if (service, operation) == ("lambda", "invoke"):
            assert arguments["FunctionName"] == "api"
            assert arguments["Qualifier"] == "live"
            assert arguments["InvocationType"] == "Event"
            self._runtime.invoke(json.loads(arguments["Payload"]))
            return {"StatusCode": 202}
        return await self._clients.call(service, operation, **arguments)


class _LambdaStream(Stream):
    def __init__(self, invoked: Invoked) -> None:
        self.invoked = invoked
        head = b""
        while b"\0" * 8 not in head:
            chunk = invoked.chunks.get(timeout=20)
            if chunk is None:
                raise AssertionError(f"no answer but {invoked.error}")
            head += chunk
        prelude, _, self._rest = head.partition(b"\0" * 8)
        told = json.loads(prelude)
        assert set(told) <= {"statusCode", "headers", "cookies"}
        self.status = told["statusCode"]
        self.headers = told["headers"]

    def lines(self) -> Iterator[bytes]:
        held = self._rest
        while (chunk := self.invoked.chunks.get(timeout=20)) is not None:
            held += chunk
            *lines, held = held.split(b"\n")
            for line in lines:
                yield line + b"\n"
        if held:
            yield held

    def close(self) -> None:
        self.invoked.abandoned.set()
        if self.invoked.abandon is not None:
            self.invoked.abandon()
