"""What breaks: the model's side, the client's side, the store, the process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api_handler import http as http_module
from api_handler import server as server_module
from api_handler import sse as sse_module
from ops.bench.api_bedrock import LocalBedrock, event_frame, text_reply
from tests.api_handler.running import KEYS, MODEL, Api, HttpApi
from tests.timing import PATIENCE_S, held, quickest, until

BODY = {"task": "secret prompt words", "agent_ids": ["assistant"]}
START = ("event", "messageStart", {"role": "assistant"})
WORD = ("event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "half"}})


@pytest.mark.parametrize(
    ("steps", "status", "code", "said", "asked"),
    [
        ([("status", 429, "ThrottlingException")], 503, "model_throttled", "ThrottlingException", 3),
        ([("status", 503, "ServiceUnavailableException")], 502, "model_failed", "ServiceUnavailable", 3),
        ([("status", 500, "InternalServerException")], 502, "model_failed", "InternalServer", 3),
        ([("status", 400, "ValidationException")], 502, "model_failed", "ValidationException", 1),
        ([("status", 403, "AccessDeniedException")], 502, "model_failed", "AccessDenied", 1),
        ([("status", 424, "ModelErrorException")], 502, "model_failed", "ModelError", 1),
        ([("status", 408, "ModelTimeoutException")], 502, "model_failed", "ModelTimeout", 1),
        ([START, ("exception", "throttlingException", {"message": "slow"})], 503, "model_throttled", "Throttling", 1),  # noqa: E501
        ([START, ("exception", "modelStreamErrorException", {"message": "x"})], 502, "model_failed", "ModelStream", 1),  # noqa: E501
        ([START, ("raw", b"\x00\x00\x00\x10garbage-that-is-no-frame")], 502, "model_failed", "", 1),
        ([START, ("raw", event_frame("contentBlockDelta", {})[:-1] + b"\x00")], 502, "model_failed", "Checksum", 1),  # noqa: E501
        ([START, ("reset",)], 502, "model_failed", "", 1),
        ([START, ("close",)], 502, "model_failed", "", 1),
        ([START], 502, "model_failed", "IncompleteStream", 1),
        ([START, ("event", "somethingNew", {"x": 1}), ("event", "messageStop", {"stopReason": "end_turn"})],
         502, "model_failed", "EmptyAnswer", 1),
        ([("reset",)], 502, "model_failed", "", 3),
    ],
    ids=range(16),
)  # fmt: skip
@pytest.mark.usefixtures("no_backoff")
def test_a_model_that_fails_before_any_text(
    http_api: Api, bedrock: LocalBedrock, steps: list[Any], status: int, code: str, said: str, asked: int
) -> None:
    bedrock.script = lambda body, number: steps
    answer = http_api.post("/orchestrate", BODY)
    assert (answer.status, answer.code) == (status, code)
    assert said in answer.json["error"]["message"]
    # The one retry policy: standard, three attempts, and none once a stream has begun.
    assert len(bedrock.calls) == asked
    assert ("retry-after" in answer.headers) == (status == 503)
    for told in (answer.body.decode(), json.dumps(http_api.lines)):
        assert "prompt words" not in told


@pytest.mark.parametrize(
    "steps",
    [
        [("exception", "throttlingException", {"message": "quoted"})],
        [("exception", "internalServerException", {"message": "quoted"})],
        [("sleep", 0.05), ("reset",)],
        [("close",)],
        [],
        [("raw", b"\x00\x00\x00\x10garbage-that-is-no-frame")],
        [("event", "messageStop", {"stopReason": "malformed_model_output"})],
    ],
    ids=range(7),
)
def test_a_model_that_fails_after_text(http_api: Api, bedrock: LocalBedrock, steps: list[Any]) -> None:
    bedrock.script = lambda body, number: [START, WORD, *steps]
    answer = http_api.post("/orchestrate", BODY)
    assert answer.status == 200
    assert answer.json["success"] is False
    assert answer.json["results"][0]["output"] == "half"
    assert answer.json["results"][0]["error"]
    assert answer.json["usage"]["usd"] > 0
    assert len(bedrock.calls) == 1
    events = list(http_api.stream("/orchestrate", BODY).events())
    assert [event["type"] for event in events[-4:]] == ["token", "error", "answer", "end"]
    assert events[-2]["success"] is False
    assert (events[-1]["status"], events[-1]["reason"]) == ("failed", "model_failed")


def test_one_agent_fails_and_another_answers(http_api: Api, bedrock: LocalBedrock) -> None:
    def script(body: dict[str, Any], number: int) -> Any:
        if "numbers" in body["system"][0]["text"]:
            return [("status", 400, "ValidationException")]
        return text_reply("fine")

    bedrock.script = script
    answer = http_api.post("/orchestrate", {**BODY, "agent_ids": ["analyst", "assistant"]})
    assert answer.status == 200
    assert [result["success"] for result in answer.json["results"]] == [False, True]
    assert answer.json["success"] is False


@pytest.mark.usefixtures("no_backoff")
def test_throttled_once_is_answered(http_api: Api, bedrock: LocalBedrock) -> None:
    bedrock.script = lambda body, number: (
        [("status", 429, "ThrottlingException")] if number == 0 else text_reply("now")
    )
    answer = http_api.post("/orchestrate", BODY)
    assert (answer.status, len(bedrock.calls)) == (200, 2)


def endless(gap_s: float = 0.02) -> Callable[[Any, int], Iterator[Any]]:
    def script(body: Any, number: int) -> Iterator[Any]:
        yield START
        while True:
            yield "sleep", gap_s
            yield WORD

    return script


def speaking(bedrock: LocalBedrock) -> Any:
    """The first call of the model, once it has said a few words."""
    return until(lambda: bedrock.calls and len(bedrock.calls[0].produced) > 5 and bedrock.calls[0])


@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_leaves_stops_the_model(
    http_api: HttpApi, bedrock: LocalBedrock, streamed: bool
) -> None:
    bedrock.script = endless()
    headers = http_api.headers({"Content-Type": "application/json"})
    if streamed:
        headers["Accept"] = "text/event-stream"
    name = next(key["name"] for key in KEYS if key["key"] == http_api.key)

    def gone() -> dict[str, Any] | None:
        lines = list(http_api.lines)
        return next((line for line in lines if line.get("client_gone") and line["key"] == name), None)

    def leave() -> float:
        bedrock.calls.clear()
        http_api.lines.clear()
        connection = http_api.connection()
        connection.request("POST", "/api/v1/orchestrate", json.dumps(BODY), headers)
        call = speaking(bedrock)
        left_at = time.monotonic()
        assert connection.sock is not None
        connection.sock.close()
        connection.close()
        until(lambda: call.left_at)
        line = until(gone)
        assert (line["event"], line["route"]) == ("request", "/api/v1/orchestrate")
        # What was produced is paid for, and counted.
        assert line["output_tokens"] > 0
        assert line["usd"] > 0
        return max(call.left_at, *call.produced) - left_at

    assert quickest(1.0, leave) < 1.0


def test_a_client_on_lambda_that_leaves_stops_the_model(lambda_api: Any, bedrock: LocalBedrock) -> None:
    def leave() -> float:
        bedrock.calls.clear()
        bedrock.script = endless()
        stream = lambda_api.stream("/orchestrate", BODY)
        call = speaking(bedrock)
        left_at = time.monotonic()
        stream.close()
        until(lambda: call.left_at)
        bedrock.script = lambda body, number: text_reply("next")
        assert lambda_api.post("/orchestrate", BODY).status == 200
        return max(call.left_at, *call.produced) - left_at

    assert quickest(1.0, leave) < 1.0


def test_leaving_a_silent_model_stops_it_too(http_api: HttpApi, bedrock: LocalBedrock) -> None:
    """Before the answer's headers no flag is ever looked at; the socket is what wakes the thread."""
    bedrock.script = lambda body, number: [("silence",)]

    def leave() -> float:
        bedrock.calls.clear()
        stream = http_api.stream("/orchestrate", BODY)
        call = until(lambda: bedrock.calls and bedrock.calls[0])
        left_at = time.monotonic()
        stream.close()
        until(lambda: call.left_at)
        assert len(bedrock.calls) == 1
        return call.left_at - left_at

    assert quickest(1.0, leave) < 1.0


def test_heartbeats_in_silence(
    http_api: HttpApi, bedrock: LocalBedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse_module, "HEARTBEAT_S", 0.05)
    heard = threading.Event()

    def script(body: Any, number: int) -> Iterator[Any]:
        yield from held(heard)
        yield from text_reply("at last")

    bedrock.script = script
    started = time.monotonic()
    lines: list[bytes] = []
    for line in http_api.stream("/orchestrate", BODY).lines():
        lines.append(line)
        if lines.count(b": heartbeat\n") == 3:
            heard.set()
    # One in 0.05 s at the most, however long it took; the heart knows a millisecond no better.
    assert 3 <= lines.count(b": heartbeat\n") <= (time.monotonic() - started) / 0.049 + 1
    assert lines[-1] == b"\n"
    assert lines[-2].endswith(b'"status":"completed"}\n')


def test_a_slow_client_gets_everything(http_api: HttpApi, bedrock: LocalBedrock) -> None:
    bedrock.script = lambda body, number: text_reply(" ".join(["x" * 2000] * 600))
    stream = http_api.stream("/orchestrate", BODY)
    time.sleep(0.5)
    assert http_api.get("/health", key=None).status == 200
    events = list(stream.events())
    assert sum(event["type"] == "token" for event in events) == 600
    assert events[-1]["status"] == "completed"


def test_a_client_that_takes_nothing_is_given_up(
    http_api: HttpApi, bedrock: LocalBedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_module, "SEND_TIMEOUT_S", 0.3)
    word = ("event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "x" * 20_000}})

    def flood(body: Any, number: int) -> Iterator[Any]:
        yield START
        while True:
            yield word
            yield "sleep", 0.001

    bedrock.script = flood
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", http_api.port))
    body = json.dumps(BODY)
    client.sendall(
        f"POST /api/v1/orchestrate HTTP/1.1\r\nHost: x\r\nX-API-Key: {http_api.key}\r\nAccept: text/event-stream\r\n"  # noqa: E501
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    # By default it would be thirty seconds.
    until(lambda: bedrock.calls and bedrock.calls[0].left_at, 20)
    client.close()


def test_a_slow_body_is_given_up(http_api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "BODY_TIMEOUT_S", 0.2)
    with socket.create_connection(("127.0.0.1", http_api.port)) as client:
        client.sendall(
            f"POST /api/v1/run HTTP/1.1\r\nHost: x\r\nX-API-Key: {http_api.key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
        )
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"body_timeout" in answer


def test_headers_that_never_come_are_given_up(http_api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HEADERS_TIMEOUT_S", 0.2)
    for sent in (b"", b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-Slow:"):
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", http_api.port)) as client:
            client.settimeout(12)
            # Reset: it was closed before all that was sent had been read.
            with contextlib.suppress(ConnectionError):
                client.sendall(sent)
                assert client.recv(4096) == b""
        assert 0.1 < time.monotonic() - started < 10


def test_a_body_in_many_small_pieces_is_taken_or_refused(http_api: HttpApi, bedrock: LocalBedrock) -> None:
    def chunked(pieces: list[bytes]) -> bytes:
        head = (
            f"POST /api/v1/orchestrate HTTP/1.1\r\nHost: x\r\nX-API-Key: {http_api.key}\r\n"
            "Connection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        return head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)

    body = json.dumps(BODY).encode()
    letters = [body[at : at + 1] for at in range(len(body))]
    for data, status in (
        (chunked(letters) + b"0\r\n\r\n", b"200"),
        (chunked(letters) + b"0\r\nTrailer: x\r\n\r\n", b"200"),
        (chunked([b"x" * 65_536] * 17) + b"0\r\n\r\n", b"413"),
        (chunked([body]) + b"zz\r\n", b"400"),
        (chunked([body]) + b"f" * 21 + b"\r\n", b"400"),
        # Two lengths, or a length beside chunks: the way requests are smuggled.
        (chunked([]).replace(b"Transfer", b"Content-Length: 5\r\nTransfer") + b"0\r\n\r\nGET /", b"400"),
    ):
        with socket.create_connection(("127.0.0.1", http_api.port)) as client:
            client.settimeout(5)
            client.sendall(data)
            answer = b"".join(iter(lambda client=client: client.recv(65_536), b""))
        assert answer.split(b" ")[1] == status, data[-60:]
        assert answer.lower().count(b"content-type: ") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"NONSENSE\r\n\r\n",
        b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        b"POST /api/v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /api/v1/health HTTP/1.1\r\n\r\n",
        b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-Big: " + b"x" * 70_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=range(7),
)
def test_what_is_not_http_gets_the_one_error_shape(http_api: HttpApi, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", http_api.port)) as client:
        client.settimeout(5)
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := client.recv(65_536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["code"] == "malformed_request"


def test_the_store_is_away(make_api: Any, moto_table: str, bedrock: LocalBedrock) -> None:
    api = make_api(TABLE_NAME="no-such-table")
    for answer in (api.post("/orchestrate", BODY), api.post("/run", {"goal": "x"}), api.get("/runs")):
        assert (answer.status, answer.code) == (503, "store_unavailable")
        assert "retry-after" in answer.headers
    assert api.get("/agents").status == 200


def start(
    bedrock: LocalBedrock, *arguments: str, command: list[str] | None = None
) -> tuple[subprocess.Popen[str], int]:
    """The real process, on a port of its own."""
    process = subprocess.Popen(
        command or [sys.executable, "-m", "api_handler", "--port", "0", *arguments],
        env={
            **os.environ,
            "API_KEYS": '[{"name": "a", "key": "k"}]',
            "BEDROCK_MODELS": json.dumps([MODEL]),
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock.url,
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    assert line["event"] == "listening"
    return process, int(line["addresses"][0].rsplit(":", 1)[1])


def read(process: subprocess.Popen[str]) -> tuple[threading.Thread, list[dict[str, Any]]]:
    """The lines of a process, read all along: a full pipe would stop it."""
    lines: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: lines.extend(json.loads(line) for line in process.stdout or ()))
    thread.start()
    return thread, lines


class Process(Api):
    """Calls the API of a process."""

    key = "k"
    connection = HttpApi.connection
    request = HttpApi.request
    open = HttpApi.open

    def __init__(self, port: int) -> None:
        self.port = port


def held_back(event: threading.Event, text: str) -> Callable[[Any, int], Iterator[Any]]:
    """A script that begins an answer and goes on when the test has set the event."""

    def script(body: Any, number: int) -> Iterator[Any]:
        first, *rest = text_reply(text)
        yield first
        yield from held(event)
        yield from rest

    return script


@pytest.mark.slow
def test_sigterm_lets_streams_finish(bedrock: LocalBedrock) -> None:
    refused = threading.Event()
    bedrock.script = held_back(refused, "one two three four five six")
    process, port = start(bedrock)
    reading, lines = read(process)
    try:
        api = Process(port)
        streams = [api.stream("/orchestrate", BODY) for _ in range(4)]
        run = api.post("/run", {"goal": "x"}).json["run_id"]
        until(lambda: len(bedrock.calls) == 5)
        os.kill(process.pid, signal.SIGTERM)
        ends: list[Any] = []
        threads = [
            threading.Thread(target=lambda s=stream: ends.append(list(s.events())[-1])) for stream in streams
        ]
        for thread in threads:
            thread.start()

        def refuses() -> bool:
            try:
                api.get("/health", key=None)
            except ConnectionError:  # refused or reset, as the system likes
                return True
            return False

        # While every stream is still to come to its end.
        until(refuses, 20)
        assert ends == []
        refused.set()
        for thread in threads:
            thread.join()
        assert [end["status"] for end in ends] == ["completed"] * 4
        assert process.wait(10) == 0
        reading.join(PATIENCE_S)
        assert [line["status"] for line in lines if line["event"] == "run"] == ["completed"]
        assert run
    finally:
        refused.set()
        process.kill()
        process.wait()
        reading.join(PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()


LEAPING = """
import asyncio, os, signal, time
from api_handler import server

ahead = 0.0

def leap(*_):
    global ahead
    ahead += 12
    os.write(1, b'{"event": "leapt"}\\n')

signal.signal(signal.SIGUSR1, leap)
asyncio.BaseEventLoop.time = lambda self: time.monotonic() + ahead
server.GRACE_S, server.END_S = 40, 16
server.main(["--port", "0"])
"""
"""The process with 24 seconds from SIGTERM until it ends what runs, of which each SIGUSR1 takes away 12."""


def test_sigterm_under_load(bedrock: LocalBedrock) -> None:
    """Whoever was let in gets a whole answer, also what would never end; the others are refused, not hung."""
    refused = threading.Event()
    soon, never = held_back(refused, "a b c"), endless()

    def is_endless(body: dict[str, Any]) -> bool:
        return "never" in json.dumps(body["messages"])

    bedrock.script = lambda body, number: (never if is_endless(body) else soon)(body, number)
    process, port = start(bedrock, command=[sys.executable, "-c", LEAPING])
    reading, lines = read(process)
    try:
        api = Process(port)
        streams = [
            api.stream("/orchestrate", {**BODY, "task": "never" if number % 2 else "soon"})
            for number in range(16)
        ]
        run = api.post("/run", {"goal": "never"}).json
        assert run["status"] == "pending"
        until(lambda: len(bedrock.calls) == 17)
        talkers = [call for call in bedrock.calls if is_endless(call.body)]
        answers: list[int] = []

        def hammer() -> None:
            while not refused.is_set():
                try:
                    answers.append(api.get("/agents").status)
                except (ConnectionError, http.client.HTTPException):
                    refused.set()

        def leap() -> None:
            leaps = [line["event"] for line in lines].count("leapt")
            os.kill(process.pid, signal.SIGUSR1)
            until(lambda: [line["event"] for line in lines].count("leapt") > leaps)

        hammers = [threading.Thread(target=hammer) for _ in range(4)]
        for thread in hammers:
            thread.start()
        until(lambda: len(answers) > 20)
        assert not refused.is_set()
        os.kill(process.pid, signal.SIGTERM)
        # Refused while all of them run; only then the first ones get the rest of their answers.
        ends = [list(stream.events())[-1] for stream in streams[::2]]
        for thread in hammers:
            thread.join(PATIENCE_S)
        assert set(answers) == {200}
        # The others go on until the time to end them has come.
        leap()
        words = [len(call.produced) for call in talkers]

        def went_on() -> bool:
            return all(len(call.produced) > old + 5 for call, old in zip(talkers, words, strict=True))

        until(lambda: went_on() or any(call.left_at for call in talkers))
        assert not any(call.left_at for call in talkers)
        leap()
        leapt_at = time.monotonic()
        ends += [list(stream.events())[-1] for stream in streams[1::2]]
        # Cut off they would be after 16 s.
        assert time.monotonic() - leapt_at < 10
        assert {(end["type"], end["status"]) for end in ends} == {("end", "completed")}
        assert [end.get("reason") for end in ends] == [None] * 8 + ["seconds"] * 8
        assert process.wait(10) == 0
        # No model goes on, and the run kept what it had.
        until(lambda: all(call.left_at or call.done for call in bedrock.calls))
        reading.join(PATIENCE_S)
        (told,) = [line for line in lines if line["event"] == "run"]
        assert (told["status"], told["stop_reason"]) == ("completed", "seconds")
        assert [line for line in lines if line["event"] in ("unexpected", "library", "run_failed")] == []
    finally:
        refused.set()
        process.kill()
        process.wait()
        reading.join(PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()


def test_the_scripted_model_is_chosen_only_by_name(bedrock: LocalBedrock) -> None:
    process, port = start(bedrock, "--scripted")
    try:
        api = Process(port)
        assert api.get("/status", key=None).json["model"] == "scripted"
        answer = api.post("/orchestrate", {"task": "What is 6*7?"}).json
        assert "42" in answer["results"][0]["output"]
        assert "scripted" in answer["results"][0]["output"]
        assert answer["usage"]["usd"] == 0
        assert bedrock.calls == []
    finally:
        process.terminate()
        assert process.wait(10) == 0
        assert process.stdout is not None
        process.stdout.close()
