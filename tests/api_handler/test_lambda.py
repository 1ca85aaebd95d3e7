"""The streaming Lambda runtime: real event shapes, the wire, deadlines, what is no request of ours."""

from __future__ import annotations

import asyncio
import gc
import json
import math
import statistics
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_handler import lambda_runtime
from api_handler.lambda_events import WORKER_EVENT, NotHttp, to_scope
from api_handler.runtime_api import RuntimeApi
from ops.bench.api_bedrock import LocalBedrock, ending
from ops.bench.api_runtime import Invoked, LocalRuntime
from tests.api_handler.running import LambdaApi, _LambdaStream
from tests.api_handler.test_faults import BODY, START, WORD
from tests.timing import PATIENCE_S, held, quickest

EVENTS = Path(__file__).parent / "events"


def event(name: str) -> dict[str, Any]:
    return json.loads((EVENTS / f"{name}.json").read_text())


def answer(api: LambdaApi, told: Any) -> tuple[_LambdaStream, bytes]:
    stream = _LambdaStream(api.runtime.invoke(told))
    return stream, b"".join(stream.lines())


def failed(invoked: Invoked) -> dict[str, Any]:
    assert invoked.chunks.get(timeout=PATIENCE_S) is None
    assert invoked.error is not None
    return invoked.error


def test_rest_events(lambda_api: LambdaApi, bedrock: LocalBedrock) -> None:
    stream, body = answer(lambda_api, event("rest_v1"))
    assert stream.status == 200
    assert json.loads(body)["agent_id"] == "assistant"
    headers = stream.invoked.headers
    assert headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert headers["lambda-runtime-function-response-mode"] == "streaming"
    assert headers["transfer-encoding"] == "chunked"
    assert "content-length" not in stream.headers
    stream, body = answer(lambda_api, event("rest_v1_post_base64"))
    assert stream.status == 200
    assert bedrock.calls[0].body["messages"][0]["content"][0]["text"] == "Grüße"
    stream, body = answer(lambda_api, event("rest_v1_query"))
    assert len(json.loads(body)["runs"]) <= 1


def test_http_api_and_function_url_events(lambda_api: LambdaApi) -> None:
    stream, body = answer(lambda_api, event("http_v2"))
    assert (stream.status, json.loads(body)["count"]) == (200, 4)
    stream, body = answer(lambda_api, event("function_url"))
    assert (stream.status, json.loads(body)["status"]) == (200, "healthy")


@pytest.mark.parametrize("name", sorted(path.stem for path in EVENTS.glob("other_*.json")))
def test_other_events_are_invocation_errors_and_the_process_lives(lambda_api: LambdaApi, name: str) -> None:
    for _ in range(4):
        error = failed(lambda_api.runtime.invoke(event(name)))
        assert error["errorType"] == "Runtime.UnknownEvent"
    assert answer(lambda_api, event("rest_v1"))[0].status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff", b'{"source": "orchestrator.run"}',
     b'{"source": "orchestrator.run", "owner": 1, "run_id": "x"}', b"[" * 100_000],
)  # fmt: skip
def test_broken_events(lambda_api: LambdaApi, body: bytes) -> None:
    assert failed(lambda_api.runtime.invoke(body))["errorType"] == "Runtime.UnknownEvent"


@pytest.mark.parametrize(
    "change",
    [
        {"body": "%%%", "isBase64Encoded": True},
        {"body": 5},
        {"path": None, "requestContext": None},
        {"multiValueHeaders": {"a": None}},
        {"multiValueQueryStringParameters": {"a": None}},
        {"headers": [], "multiValueHeaders": "x"},
    ],
)
def test_events_that_are_not_whole(change: dict[str, Any]) -> None:
    with pytest.raises(NotHttp):
        to_scope({**event("rest_v1"), **change}, deadline=0, trace_id=None)


def test_a_worker_event_for_a_run_that_is_gone(lambda_api: LambdaApi) -> None:
    invoked = lambda_api.runtime.invoke({"source": "orchestrator.run", "owner": "key#x", "run_id": "run_x"})
    chunks = b"".join(iter(lambda: invoked.chunks.get(timeout=PATIENCE_S), None))
    assert json.loads(chunks) == {"run_id": "run_x", "status": None}


def test_tokens_are_not_held_back(lambda_api: LambdaApi, bedrock: LocalBedrock) -> None:
    """Each word is said when the one before has come, and they come at once."""
    words = [f"word{number} " for number in range(11)]
    came = [threading.Event() for _ in words]

    def script(body: Any, number: int) -> Iterator[Any]:
        yield START
        for word, event in zip(words, came, strict=True):
            yield "event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}
            yield from held(event, PATIENCE_S / 3)
        yield from ending("end_turn", (10, 5))

    bedrock.script = script
    texts, times = [], []
    for told in lambda_api.stream("/orchestrate", BODY).events():
        if told["type"] == "token":
            times.append(time.monotonic())
            texts.append(told["text"])
            came[len(texts) - 1].set()
    assert texts == words
    produced = bedrock.calls[0].produced[1:12]
    # Most of them: a moment without a processor delays one or two.
    assert statistics.median(got - made for got, made in zip(times, produced, strict=True)) < 0.05


@pytest.mark.parametrize("streamed", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_work_ends_before_the_deadline(
    lambda_api: LambdaApi, bedrock: LocalBedrock, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    def endless(body: Any, number: int) -> Iterator[Any]:
        yield START
        while True:
            yield "sleep", 0.05
            yield WORD

    bedrock.script = endless
    # More for each attempt: a moment without a processor that eats one leaves the next its word.
    rooms = iter((1.2, 2.4, 4.8))

    def attempt() -> float:
        """Seconds after the deadline; endless when time was up before a first word, here or in the run."""
        room = next(rooms)
        monkeypatch.setattr(lambda_api.runtime, "seconds", room)
        run_id = lambda_api.post("/run", {"goal": "x"}).json["run_id"]
        started = time.monotonic()
        if streamed:
            events = list(lambda_api.stream("/orchestrate", BODY).events())
            spoke = any(told["type"] == "token" for told in events)
            assert (events[-1]["type"], events[-1]["reason"]) == ("end", "seconds")
            assert events[-1]["status"] == ("completed" if spoke else "failed")
        else:
            told = lambda_api.post("/orchestrate", BODY)
            spoke = told.status == 200
            if spoke:
                assert told.json["results"][0]["metadata"]["stop_reason"] == "seconds"
            else:
                assert (told.status, told.json["error"]["details"]["stop_reason"]) == (504, "seconds")
        seconds = time.monotonic() - started
        assert seconds > room - 0.7
        run = lambda_api.finished(run_id)
        assert run["stop_reason"] == "seconds"
        assert run["status"] == ("completed" if run["answer"] else "failed")
        assert (run["answer"] or "half").startswith("half")
        return seconds - room if spoke and run["answer"] else math.inf

    assert quickest(-0.05, attempt) < -0.05


def test_an_application_that_breaks_in_the_stream_marks_it(lambda_api: LambdaApi, monkeypatch: Any) -> None:
    from api_handler.app import App

    async def broken(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("the prompt")

    monkeypatch.setattr(App, "__call__", broken)
    stream, body = answer(lambda_api, event("rest_v1"))
    assert body == b"half"
    assert stream.invoked.trailers["lambda-runtime-function-error-type"] == "Runtime.StreamError"
    assert "lambda-runtime-function-error-body" in stream.invoked.trailers
    assert "the prompt" not in json.dumps(lambda_api.lines)


def test_runs_on_lambda_without_a_table(bedrock: LocalBedrock) -> None:
    api = LambdaApi({}, environments=1)
    try:
        refused = api.post("/run", {"goal": "x"})
        assert (refused.status, refused.code) == (503, "runs_unavailable")
        assert api.post("/orchestrate", BODY).status == 200
    finally:
        api.close()


def test_a_run_that_lambda_does_not_take(lambda_api: LambdaApi, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.api_handler.running import _Invoking

    call = _Invoking.call

    async def refuse(self: Any, service: str, operation: str, **arguments: Any) -> Any:
        if service == "lambda":
            raise RuntimeError("TooManyRequestsException")
        return await call(self, service, operation, **arguments)

    monkeypatch.setattr(_Invoking, "call", refuse)
    refused = lambda_api.post("/run", {"goal": "x"})
    assert (refused.status, refused.code) == (503, "run_not_started")
    assert lambda_api.get("/runs?limit=1").json["runs"][0]["status"] == "failed"


def test_a_run_that_is_cancelled_before_anybody_works_on_it(
    lambda_api: LambdaApi, bedrock: LocalBedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.api_handler.running import _Invoking

    call = _Invoking.call
    events: list[Any] = []

    async def delayed(self: Any, service: str, operation: str, **arguments: Any) -> Any:
        if service == "lambda":
            events.append(json.loads(arguments["Payload"]))
            return {"StatusCode": 202}
        return await call(self, service, operation, **arguments)

    monkeypatch.setattr(_Invoking, "call", delayed)
    run_id = lambda_api.post("/run", {"goal": "x"}).json["run_id"]
    assert lambda_api.get(f"/runs/{run_id}").json["status"] == "pending"
    cancelled = lambda_api.post(f"/runs/{run_id}/cancel")
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    (told,) = lambda_api.stream(f"/runs/{run_id}/stream").events()
    assert (told["type"], told["status"]) == ("end", "cancelled")
    # The event arrives after all, twice even, as asynchronous invocations may: nothing is done, nothing paid.
    for worker_event in events * 2:
        invoked = lambda_api.runtime.invoke(worker_event)
        chunks = b"".join(iter(lambda invoked=invoked: invoked.chunks.get(timeout=PATIENCE_S), None))
        assert json.loads(chunks) == {"run_id": run_id, "status": None}
    assert bedrock.calls == []
    assert lambda_api.get(f"/runs/{run_id}").json["status"] == "cancelled"


def test_a_run_whose_answer_the_runtime_api_does_not_take_ends_nothing(runtime: LocalRuntime) -> None:
    """The run is stored by then, and no connection is left open (an open one is an error of its own)."""
    worked = []

    async def work(*run: Any) -> str:
        worked.append(run[:2])
        await asyncio.to_thread(runtime.stop)
        return "completed"

    services = types.SimpleNamespace(log=None, worker=types.SimpleNamespace(work=work))
    app: Any = types.SimpleNamespace(services=services)
    api = RuntimeApi(f"127.0.0.1:{runtime.port}")
    runtime.invoke({"source": WORKER_EVENT, "owner": "a", "run_id": "r"})
    asyncio.run(lambda_runtime.serve_forever(api, app))
    assert worked == [("a", "r")]
    gc.collect()


def test_an_error_that_the_runtime_api_does_not_answer_leaves_no_connection_open() -> None:
    asked = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    async def report() -> None:
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            api = RuntimeApi(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await api.error("id", "Runtime.Failed", "x")

    asyncio.run(report())
    assert asked == [b"POST /2018-06-01/runtime/invocation/id/error HTTP/1.1\r\n"]
    gc.collect()
