"""Every field of every body, query and header with everything that can be wrong about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from api_handler.lambda_events import NotHttp, to_scope
from tests.api_handler.running import KEYS
from tests.api_handler.test_fuzz import Bench

MARK = "xyzzy-the-prompt"
"""Stands in every wrong value: it may be in no log line, and in no error."""

# path, field, required, a good value, longest text (None: no text)
FIELDS: list[tuple[str, str, bool, Any, int | None]] = [
    ("/orchestrate", "task", True, "x", 10_000),
    ("/orchestrate", "context", False, {"a": 1}, None),
    ("/orchestrate", "agent_ids", False, ["assistant"], None),
    ("/orchestrate", "session_id", False, "s-1", 128),
    ("/run", "goal", True, "x", 10_000),
    ("/run", "agent_profile_id", False, "assistant", 64),
    ("/run", "context", False, {"a": 1}, None),
    ("/run", "stream_tokens", False, True, None),
    ("/chat", "message", True, "x", 2_000),
    ("/chat", "session_id", False, "s-1", 128),
]
BODIES = {
    path: {name: good for place, name, _, good, _ in FIELDS if place == path}
    for path in ("/orchestrate", "/run", "/chat")
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@pytest.fixture
def bench(shared: Bench) -> Bench:
    shared.lines.clear()
    return shared


def ask(
    bench: Bench, path: str, body: bytes, headers: list[tuple[bytes, bytes]] | None = None, query: bytes = b""
) -> tuple[int, dict[bytes, bytes], Any]:
    """A POST (a GET when there is no body), checked for what holds of every answer."""
    told = [(b"x-api-key", KEYS[0]["key"].encode()), (b"content-type", b"application/json")]
    names = {name for name, _ in headers or ()}
    answer = bench.ask(
        {
            "method": "POST" if body else "GET",
            "path": b"/api/v1" + path.encode(),
            "query": query,
            "headers": [pair for pair in told if pair[0] not in names] + (headers or []),
            "pieces": [body],
            "leaves": False,
        }
    )
    assert answer is not None
    status, got, data = answer
    told_back = data.decode() + "".join(bench.lines)
    if status >= 400:
        error = json.loads(data)["error"]
        assert set(error) == {"code", "message", "details", "request_id"}
        assert error["request_id"].encode() == got[b"x-request-id"]
        assert MARK not in told_back
        assert KEYS[0]["key"] not in told_back
        return status, got, error
    assert MARK not in "".join(bench.lines)
    return status, got, data


def wrong(path: str, field: str, text: str) -> bytes:
    """The good body of a path, with a field's value as JSON text."""
    others = {name: value for name, value in BODIES[path].items() if name != field}
    return (json.dumps(others)[:-1] + (", " if others else "") + f'"{field}": {text}}}').encode()


def field_error(answer: tuple[int, Any, Any], field: str) -> bool:
    status, _, error = answer
    return status == 422 and [item["field"].partition("[")[0] for item in error["details"]["fields"]] == [
        field
    ]


@pytest.mark.parametrize(("path", "field", "required", "good", "longest"), FIELDS)
def test_every_field(
    bench: Bench, path: str, field: str, required: bool, good: Any, longest: int | None
) -> None:
    others = {name: value for name, value in BODIES[path].items() if name != field}
    fine = (200, 201)
    assert ask(bench, path, json.dumps(BODIES[path]).encode())[0] in fine
    # Missing and null are the same.
    for body in (json.dumps(others).encode(), wrong(path, field, "null")):
        answer = ask(bench, path, body)
        assert field_error(answer, field) if required else answer[0] in fine
    # Wrong types, each named.
    kinds = {
        "string": json.dumps(MARK), "number": "5", "float": "1.5", "boolean": "true",
        "list": json.dumps([MARK]), "object": json.dumps({MARK: MARK}), "list of lists": "[[]]",
    }  # fmt: skip
    own = {str: {"string"}, bool: {"boolean"}, dict: {"object"}, list: set()}[type(good)]
    if field == "agent_profile_id":
        own = set()  # a string, but the id of no agent
    for kind in kinds.keys() - own:
        assert field_error(ask(bench, path, wrong(path, field, kinds[kind])), field), kind
    # Not JSON at all.
    for text in (
        "NaN",
        "-Infinity",
        "1e999",
        "[" * 70 + "]" * 70,
        '{"a": 1, "a": 2}',
        "'x'",
        "tru",
        "9" * 5000,
    ):
        status, _, error = ask(bench, path, wrong(path, field, text))
        assert (status, error["code"]) == (400, "malformed_json"), text[:20]
    repeated = wrong(path, field, json.dumps(good))[:-1] + f', "{field}": {json.dumps(good)}}}'.encode()
    assert ask(bench, path, repeated)[2]["code"] == "malformed_json"
    assert ask(bench, path, wrong(path, field, '"\xff"').replace("\xff".encode(), b"\xff"))[0] == 400
    # Empty: a text, an id; an empty list or object says nothing, which is allowed.
    empty = {str: '""', list: "[]", dict: "{}", bool: '""'}[type(good)]
    answer = ask(bench, path, wrong(path, field, empty))
    assert answer[0] in fine if type(good) in (list, dict) else field_error(answer, field)
    # Too long, and as long as allowed; counted in code points.
    if longest is not None:
        letter = "\U0001f600" if required else "a"
        assert field_error(ask(bench, path, wrong(path, field, json.dumps(letter * (longest + 1)))), field)
        if field != "agent_profile_id":
            assert ask(bench, path, wrong(path, field, json.dumps(letter * longest)))[0] in fine
    # Characters: in texts, in ids, in a list, in keys and values of the context.
    shape = {str: '"{}"', bool: '"{}"', list: '["{}"]', dict: '{{"a": [{{"{}": 1}}]}}'}[type(good)]
    for bad in (
        "\\u0000",
        "\\u001b",
        "a\\rb",
        "\\u0085",
        "\\u007f",
        "\\ud800",
        "\\udc00\\ud800",
        "\\udfff x",
    ):
        assert field_error(ask(bench, path, wrong(path, field, shape.format(bad))), field), bad


@pytest.mark.parametrize("path", list(BODIES))
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"content-type", b"")], 415),
        ([(b"content-type", b"application/json"), (b"content-type", b"application/json")], 415),
        ([(b"content-type", b"x" * 9_000)], 415),
        ([(b"content-type", b"application/json; charset=utf-16")], 415),
        ([(b"content-type", b"multipart/form-data; boundary=x")], 415),
        ([(b"content-type", b"application/x-www-form-urlencoded")], 415),
        ([(b"content-type", b'Application/JSON; Charset="UTF-8"')], 200),
        ([(b"content-encoding", b"gzip")], 415),
        ([(b"content-encoding", b"")], 415),
        ([(b"content-encoding", b"br"), (b"content-encoding", b"gzip")], 415),
        ([(b"content-length", b"99999999")], 413),
        ([(b"content-length", b"9" * 5_000)], 413),
        ([(b"content-length", b"abc")], 200),
        ([(b"accept", b"")], 200),
        ([(b"accept", b"x" * 9_000)], 200),
        ([(b"x-amzn-trace-id", b"y" * 9_000)], 200),
        ([(b"x-amzn-trace-id", b"\x01"), (b"x-amzn-trace-id", b"\xff")], 200),
        ([(b"cookie", b"\xff" * 5_000)], 200),
        ([(b"x-viewer-address", b"::::")], 200),
    ],
    ids=range(19),
)
def test_headers_of_a_body(bench: Bench, path: str, headers: list[tuple[bytes, bytes]], status: int) -> None:
    got = ask(bench, path, json.dumps(BODIES[path]).encode(), headers)[0]
    assert got in ((200, 201) if status == 200 else (status,))


@pytest.mark.parametrize(
    "values",
    [
        [], [b""], [b" "], [KEYS[0]["key"].encode()] * 2, [b"x" * 9_000], [b"\xff\xfe"],
        [f"{KEYS[0]['key']}, {KEYS[1]['key']}".encode()], [b"secret-0\x00"], [b"", b""],
    ],
    ids=range(9),
)  # fmt: skip
@pytest.mark.parametrize("path", ["/agents", "/agents/assistant", "/runs", "/orchestrate", "/run"])
def test_wrong_keys(bench: Bench, path: str, values: list[bytes]) -> None:
    body = json.dumps(BODIES[path]).encode() if path in BODIES else b""
    answered = bench.ask(
        {
            "method": "POST" if body else "GET",
            "path": b"/api/v1" + path.encode(),
            "query": b"",
            "headers": [(b"content-type", b"application/json")] + [(b"x-api-key", value) for value in values],
            "pieces": [body],
            "leaves": False,
        }
    )
    assert answered is not None
    status, headers, data = answered
    assert (status, headers[b"www-authenticate"]) == (401, b"ApiKey")
    for told in (data.decode(), "".join(bench.lines)):
        assert "secret-" not in told


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([b""], 422), ([b"a", b"a"], 422), ([b"k" * 257], 422), ([b"k" * 9_000], 422), ([b"\xc3\xa4"], 422),
        ([b"a\tb"], 422), ([b"a\x7f"], 422), ([b"k" * 256], 201), ([b"a b ~!"], 201),
    ],
    ids=range(9),
)  # fmt: skip
def test_idempotency_keys(bench: Bench, values: list[bytes], status: int) -> None:
    headers = [(b"idempotency-key", value) for value in values]
    got, _, error = ask(bench, "/run", b'{"goal": "x"}', headers)
    assert got == status
    if status == 422:
        assert [item["field"] for item in error["details"]["fields"]] == ["Idempotency-Key"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"origin", b"https://a.example")], 200),
        ([(b"origin", b"")], 401),
        ([(b"origin", b"https://a.example"), (b"origin", b"https://a.example")], 401),
        ([(b"origin", b"https://a.example.evil.example")], 401),
        ([(b"origin", b"HTTPS://A.EXAMPLE")], 401),
        ([(b"origin", b"x" * 9_000)], 401),
        ([(b"origin", b"\xff")], 401),
    ],
    ids=range(7),
)
def test_origins_of_the_chat(bench: Bench, headers: list[tuple[bytes, bytes]], status: int) -> None:
    assert ask(bench, "/chat", b'{"message": "x"}', headers)[0] == status


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/runs", b"limit=" + b"9" * 400, 422),
        ("/runs", b"limit=1.0", 422),
        ("/runs", b"limit=%20" + b"5", 422),
        ("/runs", b"limit=-1", 422),
        ("/runs", b"limit=NaN", 422),
        ("/runs", b"cursor=" + b"A" * 9_000, 422),
        ("/runs", b"cursor=%ed%a0%80", 422),
        ("/runs", b"status=", 422),
        ("/runs", b"status=failed&status=failed", 422),
        ("/runs", b"\xff=1", 422),
        ("/runs", b"&&=&;", 200),
        ("/runs", b"unknown=1", 200),
        ("/health", b"deep=1&deep=1", 422),
        ("/health", b"deep=%ff", 422),
        ("/health", b"deep=", 200),
        ("/health", b"deep=0", 200),
    ],
    ids=range(16),
)
def test_queries(bench: Bench, path: str, query: bytes, status: int) -> None:
    got, _, error = ask(bench, path, b"", query=query)
    assert got == status
    if status == 422:
        assert error["details"]["fields"]


@pytest.mark.parametrize("path", ["/runs/{}", "/runs/{}/stream", "/agents/{}"])
@pytest.mark.parametrize(
    "found",
    ["", ".", "..", "%2e%2e", "%2F", "a%2Fb", "a/b", "x" * 65, "%00", "a b", "é", "run_x?", "run_x#", "*"],
)
def test_ids_in_paths(bench: Bench, path: str, found: str) -> None:
    got, headers, error = ask(bench, path.format(found), b"")
    assert (got, error["code"]) == (404, "not_found")
    assert b"location" not in headers


@pytest.mark.parametrize(
    "change",
    [
        {"httpMethod": None}, {"httpMethod": 5}, {"path": 5}, {"path": ["x"]}, {"path": "\ud800"},
        {"requestContext": []}, {"requestContext": "x"}, {"requestContext": {"identity": "x"}},
        {"headers": "x", "multiValueHeaders": None}, {"multiValueHeaders": {"a": [None]}},
        {"multiValueHeaders": {"\ud800": ["x"]}}, {"multiValueHeaders": {"a": ["\ud800"]}},
        {"multiValueQueryStringParameters": {"\ud800": ["x"]}}, {"multiValueQueryStringParameters": []},
        {"body": "\ud800"}, {"body": "é", "isBase64Encoded": True}, {"body": ["x"]}, {"body": {"a": 1}},
        {"body": "AAA", "isBase64Encoded": True}, {"isBase64Encoded": "yes", "body": "e30="},
        {"version": "2.0"}, {"version": "2.0", "requestContext": {"http": None}},
        {"version": "2.0", "requestContext": {"http": {"method": None}}, "rawPath": None},
    ],
    ids=range(23),
)  # fmt: skip
def test_events_of_lambda_become_a_request_or_are_refused(bench: Bench, change: dict[str, Any]) -> None:
    event: dict[str, Any] = {
        "path": "/api/v1/run", "httpMethod": "POST",
        "headers": {}, "multiValueHeaders": {
            "X-Api-Key": [KEYS[0]["key"]], "Content-Type": ["application/json"]},
        "multiValueQueryStringParameters": None,
        "requestContext": {"identity": {"sourceIp": "192.0.2.1"}},
        "body": '{"goal": "x"}', "isBase64Encoded": False,
    }  # fmt: skip
    try:
        scope, body = to_scope({**event, **change}, deadline=2e9, trace_id=None)
    except NotHttp:
        return
    sent: list[dict[str, Any]] = []
    bodies = [body]

    async def receive() -> dict[str, Any]:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def serve() -> None:
        async with asyncio.timeout(5):
            await bench.app(scope, receive, send)

    bench.runner.run(serve())
    assert sent[0]["status"] in (201, 400, 401, 404, 405, 415, 422)
    assert '"unexpected"' not in "".join(bench.lines)
