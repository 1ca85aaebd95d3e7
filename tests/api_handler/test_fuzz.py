"""Whatever a client can send: no 500, no 403, no hang, one error shape, nothing that grows."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api_handler.app import App
from api_handler.jsontext import dumps
from api_handler.log import Log
from api_handler.memory import MAX_BYTES
from api_handler.routes import ROUTES, match
from api_handler.scripted import ScriptedModel
from api_handler.services import Services, build_services
from tests.api_handler.running import KEYS, HttpApi, settings_of

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


class Bench:
    """The application without a network, over memory, with a model that answers at once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        caps = '{"ip_rpm": 1000000, "session_turns": 1000000, "daily_usd": 1000, "origins": ["https://a.example"]}'
        self.services: Services = build_services(
            settings_of({"MODEL": "scripted", "PUBLIC_CHAT": caps}), log=Log(write=self.lines.append)
        )
        self.services.model = ScriptedModel(gap_s=0)
        self.services.orchestrator._model = self.services.model
        self.app = App(self.services)
        self.runner = asyncio.Runner()

    def close(self) -> None:
        self.runner.run(self.services.worker.finish(1.0))
        self.runner.close()
        self.services.close()

    def ask(self, request: dict[str, Any]) -> tuple[int, dict[bytes, bytes], bytes] | None:
        """The answer to a request; None when its client left before one."""
        return self.runner.run(self._ask(request))

    async def _ask(self, request: dict[str, Any]) -> tuple[int, dict[bytes, bytes], bytes] | None:
        pieces: list[bytes] = list(request["pieces"])
        sent: list[dict[str, Any]] = []
        left = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if pieces:
                body = pieces.pop(0)
                return {"type": "http.request", "body": body, "more_body": bool(pieces) or request["leaves"]}
            if not request["leaves"]:
                await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": request["method"],
            "path": request["path"].decode("latin-1"),
            "raw_path": request["path"],
            "query_string": request["query"],
            "headers": request["headers"],
            "client": ("192.0.2.1", 1),
        }
        async with asyncio.timeout(10):
            await self.app(scope, receive, send)
        if not sent:
            return None
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], dict(sent[0]["headers"]), body


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


odd_text = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["", " ", "\x00", "\ud800", "\udfff\ud800", "\u202e", "a\rb", "\x85", "\ufeff", "x" * 10_001, "𝕏" * 2_001,  # noqa: E501
         "../..", "{}", "' OR 1=1", "${jndi:x}", "1/0", "9**9**9", "What time is it?", "6*7"]
    ),
    st.text(alphabet=st.characters(), max_size=20),
)  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), odd_text,
    st.sampled_from([0, -1, 2**63, 10**400, 1e308]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=12), st.dictionaries(odd_text, inner, max_size=5)),
    max_leaves=12,
)
good = {
    "task": st.one_of(odd_text, st.just("Calculate 6*7")),
    "goal": st.one_of(odd_text, st.just("Calculate 6*7")),
    "message": st.one_of(odd_text, st.just("hello")),
    "context": st.one_of(st.none(), st.dictionaries(odd_text, values, max_size=4)),
    "agent_ids": st.one_of(
        st.none(), st.lists(st.sampled_from(["assistant", "analyst", "nobody"]), max_size=12)
    ),
    "agent_profile_id": st.sampled_from([None, "assistant", "nobody", ""]),
    "session_id": st.one_of(st.none(), st.sampled_from(["s1", "a" * 129, "a b", "ok:1"]), odd_text),
    "stream_tokens": st.sampled_from([None, True, False, 0, "yes"]),
}
objects = st.fixed_dictionaries(
    {}, optional={name: st.one_of(kind, kind, values) for name, kind in good.items()}
)
sensible = st.fixed_dictionaries({"task": good["task"], "goal": good["goal"], "message": good["message"]})


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """A body and what may have happened to it."""
    cut = st.integers(0, len(data)).map(lambda at: data[:at])
    return st.one_of(
        st.just(data), st.just(data), st.just(data), cut,
        st.sampled_from([
            b"", data + data, b"[" * 5_000, b'{"a":' * 100 + b"1" + b"}" * 100, b"\xef\xbb\xbf" + data,
            data.replace(b":", b": NaN,", 1), b'{"task": "a", "task": "b"}', data.decode().encode("utf-16"),
            b'{"goal": 1e999}', b'"' + b"\\" * 9_999, b"x" * 1_048_577, b"\xff\xfe\x00",
        ]),
    )  # fmt: skip


bodies = st.one_of(objects, objects, sensible, values).flatmap(lambda value: damaged(dumps(value)))
segments = st.sampled_from([route.pattern.encode() for route in ROUTES])
paths = st.one_of(
    segments.map(lambda path: b"/api/v1" + path.replace(b"{id}", b"run_x")),
    segments.map(lambda path: b"/api/v1" + path.replace(b"{id}", b"assistant")),
    segments.flatmap(
        lambda path: st.sampled_from([b"/", b"//", b"/..", b"%2f", b"/%00", b"?", b";a=b", b"\xff", b"/" * 300])  # noqa: E501
        .map(lambda more: b"/api/v1" + path + more)
    ),
    st.binary(max_size=40).map(lambda path: b"/" + path),
)  # fmt: skip
header_values = st.one_of(
    st.binary(max_size=40).map(
        lambda value: value.replace(b"\n", b"").replace(b"\r", b"").replace(b"\0", b"")
    ),
    st.sampled_from(
        [b"", b"*/*", b"text/event-stream", b"null", b"https://a.example", b"x" * 9_000, b"\xc3\xa4", b"5"]
    ),
)
header_names = st.sampled_from(
    [b"accept", b"origin", b"sec-fetch-site", b"idempotency-key", b"last-event-id", b"x-origin-verify", b"x-api-key",  # noqa: E501
     b"x-viewer-address", b"x-amzn-trace-id", b"content-encoding", b"content-type", b"content-length", b"cookie"]  # noqa: E501
)  # fmt: skip
queries = st.one_of(
    st.just(b""), st.just(b""), st.binary(max_size=30),
    st.sampled_from([b"limit=5", b"limit=0", b"limit=1&limit=2", b"cursor=zzz", b"status=failed", b"deep=1", b"%ff=%ff",  # noqa: E501
                     b"limit=%D9%A3", b"&".join(b"a%d=1" % i for i in range(200))]),
)  # fmt: skip
methods = st.sampled_from(
    ["GET", "POST", "POST", "POST", "POST", "HEAD", "OPTIONS", "PUT", "TRACE", "X" * 50]
)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    headers = [(b"content-type", b"application/json")] if draw(st.integers(0, 9)) else []
    if draw(st.integers(0, 9)):
        headers.append((b"x-api-key", draw(st.sampled_from(KEYS))["key"].encode()))
    headers += draw(st.lists(st.tuples(header_names, header_values), max_size=3))
    body = draw(bodies)
    size = draw(st.integers(1, max(1, len(body))))
    pieces = [body[at : at + size] for at in range(0, min(len(body), 30 * size), size)] or [b""]
    return {
        "method": draw(methods),
        "path": draw(paths),
        "query": draw(queries),
        "headers": headers,
        "pieces": pieces,
        "leaves": draw(st.integers(0, 19)) == 0,
    }


DOCUMENTED = {
    (path, method.upper()): {int(status) for status in operation["responses"]}
    for path, operations in json.loads(Path("api_handler/openapi.json").read_text())["paths"].items()
    for method, operation in operations.items()
}


def documented(request: dict[str, Any], status: int) -> bool:
    """Whether the contract names this status for the route; what no route takes is 404 or 405."""
    path = request["path"].split(b"?", 1)[0].decode("latin-1")
    route, _ = match(path)
    if route is None:
        return status == 404
    if request["method"] == "OPTIONS":
        return status == 204
    method = "GET" if request["method"] == "HEAD" else request["method"]
    return status in DOCUMENTED.get((route.pattern, method), {405})


def check(bench: Bench, request: dict[str, Any]) -> None:
    answered = bench.ask(request)
    if answered is None:
        assert request["leaves"]
        return
    status, headers, body = answered
    assert status in (200, 201, 204, 400, 401, 404, 405, 409, 413, 415, 422, 429, 503, 504), body[:300]
    assert documented(request, status), (request["method"], request["path"], status)
    assert len(headers[b"x-request-id"]) == 32
    if status == 401:
        assert headers[b"www-authenticate"] == b"ApiKey"
    if status == 405:
        assert headers[b"allow"]
    if status >= 400 and request["method"] != "HEAD":
        error = json.loads(body)["error"]
        assert set(error) == {"code", "message", "details", "request_id"}
        assert error["request_id"].encode() == headers[b"x-request-id"]
    elif (
        headers.get(b"content-type") == b"text/event-stream"
        and not request["leaves"]
        and request["method"] != "HEAD"
    ):
        assert b"\nevent: end\n" in b"\n" + body
    if status >= 500:
        assert json.loads(body)["error"]["code"] in ("unhealthy", "limit_reached")
    for line in bench.lines:
        told = json.loads(line)
        assert told["event"] not in ("unexpected", "run_failed", "library"), line
        assert "secret-" not in line
    bench.lines.clear()


@given(batch=st.lists(requests(), min_size=10, max_size=10))
@settings(
    max_examples=20,
    deadline=None,
    phases=PHASES[:3],
    suppress_health_check=CHECKS,
    derandomize=True,
    database=None,
)
def test_two_hundred_requests(bench: Bench, batch: list[dict[str, Any]]) -> None:
    for request in batch:
        check(bench, request)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_requests() -> None:
    bench = Bench()
    kept: list[dict[str, Any]] = []

    @given(batch=st.lists(requests(), min_size=20, max_size=20))
    @settings(max_examples=500, deadline=None, phases=PHASES[:3], suppress_health_check=CHECKS, database=None)
    def fuzz(batch: list[dict[str, Any]]) -> None:
        for request in batch:
            check(bench, request)
        kept.extend(batch[:2])

    try:
        fuzz()
        # Hypothesis remembers what it drew; so the memory is watched while a part is asked again and again.
        sizes = []
        for _ in range(10):
            for request in kept[:1000]:
                check(bench, request)
            gc.collect()
            sizes.append(_resident())
    finally:
        bench.close()
    assert max(sizes[5:]) < sizes[1] + 24 * 1024 * 1024
    assert bench.services.store._bytes <= MAX_BYTES  # type: ignore[attr-defined]
    assert bench.services.busy == 0
    assert bench.app.open_requests == 0


def _resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


@given(value=values)
@settings(max_examples=100, deadline=None, suppress_health_check=CHECKS, database=None)
def test_json_survives_the_round_trip(value: Any) -> None:
    from api_handler.errors import ApiError
    from api_handler.jsontext import canonical, loads

    try:
        again = loads(dumps(value))
    except ApiError:
        return
    assert canonical(again) == canonical(value)


@given(data=st.lists(st.binary(max_size=200), max_size=10))
@settings(max_examples=200, deadline=None, suppress_health_check=CHECKS, database=None)
def test_any_bytes_through_the_event_decoder(data: list[bytes]) -> None:
    from api_handler.eventstream import EventDecoder
    from api_handler.model import ModelError

    decoder = EventDecoder()
    with contextlib.suppress(ModelError):
        for piece in data:
            assert list(decoder.feed(piece)) == []


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=CHECKS, database=None)
def test_events_cut_anywhere_are_the_same(data: st.DataObject) -> None:
    from api_handler.eventstream import EventDecoder
    from ops.bench.api_bedrock import event_frame

    payloads = data.draw(st.lists(st.fixed_dictionaries({"t": st.text(max_size=30)}), max_size=6))
    whole = b"".join(event_frame("x", payload) for payload in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    decoder = EventDecoder()
    found: list[Any] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += decoder.feed(whole[start:end])
    assert found == [{"x": payload} for payload in payloads]


SENT = (
    b"POST /api/v1/run?x=1 HTTP/1.1\r\nHost: localhost\r\nX-API-Key: %s\r\n"
    b"Content-Type: application/json\r\nContent-Length: 46\r\n\r\n"
    b'{"goal": "calculate 6*7", "context": {"a": 1}}'
)
PIECES = st.one_of(st.binary(max_size=8), st.sampled_from([b"\r\n", b"\r\n\r\n", b"\0", b":", b" "]))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request as bytes, with some of them changed, dropped, repeated or cut off."""
    data = bytearray(SENT % KEYS[0]["key"].encode())
    for _ in range(draw(st.integers(0, 4))):
        at, piece = draw(st.integers(0, len(data))), draw(PIECES)
        how = draw(st.integers(0, 3))
        data[at : at + (len(piece) if how else 0)] = piece if how < 3 else b""
    return bytes(data)


@given(data=mutated())
@settings(max_examples=60, deadline=None, suppress_health_check=CHECKS, database=None)
def test_any_bytes_over_a_socket(http_api: HttpApi, data: bytes) -> None:
    """Whatever arrives, the server answers in its one shape or waits for more; it never breaks."""
    answer = b""
    with socket.create_connection(("127.0.0.1", http_api.port)) as client:
        client.sendall(data)
        # Served after the bytes were looked at: what there is to answer is on its way by then.
        assert http_api.get("/health", key=None).status == 200
        client.settimeout(0.01)
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            while chunk := client.recv(65_536):
                answer += chunk
    if answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        assert status in (200, 201, 204, 400, 401, 404, 405, 413, 415, 422), head
        if status >= 400 and rest:
            error, _ = json.JSONDecoder().raw_decode(rest.decode())
            assert set(error["error"]) == {"code", "message", "details", "request_id"}
    bad = ("unexpected", "run_failed")
    assert [line for line in list(http_api.lines) if line["event"] in bad] == []
