"""Routes, shapes and statuses, the same under uvicorn over both stores and on Lambda."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops.bench.api_bedrock import LocalBedrock, ending, text_reply, tool_reply
from tests.api_handler.running import KEYS, Api, HttpApi
from tests.timing import PATIENCE_S, until

JSON = {"Content-Type": "application/json"}


def ask(**more: Any) -> dict[str, Any]:
    return {"task": "What is new?", "agent_ids": ["assistant"], **more}


def silence(over: Callable[[], Any]) -> Iterator[tuple[str, float]]:
    """Steps of a model that says nothing until a condition is true, and no longer than anybody waits."""
    limit = time.monotonic() + PATIENCE_S / 3
    while not over() and time.monotonic() < limit:
        yield "sleep", 0.01


def test_health_needs_no_key(api: Api) -> None:
    answer = api.get("/health", key=None)
    assert answer.status == 200
    assert set(answer.json) == {"status", "version", "timestamp"}
    assert answer.json["status"] == "healthy"
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.headers["x-request-id"]) == 32


def test_status_needs_no_key(api: Api) -> None:
    answer = api.get("/status", key=None)
    assert answer.status == 200
    # The contract's five, and what the site's chat page asks for.
    assert set(answer.json) == {"service", "version", "uptime_seconds", "backend", "model", "public_chat"}
    assert answer.json["public_chat"] is False


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/agents"),
        ("GET", "/agents/assistant"),
        ("GET", "/runs"),
        ("GET", "/runs/x"),
        ("GET", "/runs/x/stream"),
        ("GET", "/health?deep=1"),
        ("POST", "/orchestrate"),
        ("POST", "/run"),
        ("POST", "/runs/x/cancel"),
    ],
)
@pytest.mark.parametrize("key", [None, "wrong", ""])
def test_every_other_route_wants_a_key(api: Api, method: str, path: str, key: str | None) -> None:
    headers = {} if key is None else {"X-API-Key": key}
    answer = api.request(method, "/api/v1" + path, b"{}" if method == "POST" else None, headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "ApiKey"
    assert answer.code == "unauthorized"
    assert answer.json["error"]["request_id"] == answer.headers["x-request-id"]


def test_agents(api: Api) -> None:
    answer = api.get("/agents")
    assert answer.status == 200
    assert answer.json["count"] == len(answer.json["agents"]) == 4
    first = answer.json["agents"][0]
    assert set(first) == {"agent_id", "name", "description", "capabilities"}
    assert all(set(item) == {"name", "description"} for item in first["capabilities"])
    assert api.get(f"/agents/{first['agent_id']}").json == first
    missing = api.get("/agents/nobody")
    assert (missing.status, missing.code) == (404, "not_found")


def test_orchestrate(api: Api, bedrock: LocalBedrock) -> None:
    answer = api.post("/orchestrate", ask(context={"page": "/about"}))
    assert answer.status == 200
    assert set(answer.json) == {"success", "results", "message", "session_id", "usage"}
    assert answer.json["success"] is True
    (result,) = answer.json["results"]
    assert set(result) == {"agent_id", "agent_name", "success", "output", "error", "metadata", "timestamp"}
    assert (result["agent_id"], result["output"]) == ("assistant", "Hello from the model")
    assert result["error"] is None
    assert result["metadata"]["stop_reason"] is None
    # nova-lite: 10 * 0.06 + 5 * 0.24 dollars per million
    assert answer.json["usage"] == {"input_tokens": 10, "output_tokens": 5, "usd": 1.8e-06}
    (call,) = bedrock.calls
    assert call.body["inferenceConfig"] == {"maxTokens": 2048}
    text = call.body["messages"][0]["content"][0]["text"]
    assert text.startswith("What is new?")
    assert '{"page":"/about"}' in text
    names = [tool["toolSpec"]["name"] for tool in call.body["toolConfig"]["tools"]]
    assert names == ["current_time", "calculate", "search_site"]


def test_orchestrate_streams(api: Api, bedrock: LocalBedrock) -> None:
    stream = api.stream("/orchestrate", ask())
    assert stream.status == 200
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["cache-control"] == "no-store"
    events = list(stream.events())
    assert [event["event_id"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["type"] for event in events]
    assert kinds == ["status", "step", "step", "token", "token", "token", "token", "answer", "end"]
    tokens = [event for event in events if event["type"] == "token"]
    assert "".join(token["text"] for token in tokens) == "Hello from the model"
    assert {token["agent_id"] for token in tokens} == {"assistant"}
    answer = events[-2]
    assert answer["results"][0]["output"] == "Hello from the model"
    assert set(answer) == {
        "event_id", "type", "success", "results", "message", "session_id", "usage",
    }  # fmt: skip
    assert events[-1]["status"] == "completed"


def test_first_byte_comes_before_the_first_token(api: Api, bedrock: LocalBedrock) -> None:
    go_on = threading.Event()

    def script(body: dict[str, Any], number: int) -> Any:
        yield from silence(go_on.is_set)
        yield from text_reply("late answer")

    bedrock.script = script
    try:
        events = api.stream("/orchestrate", ask()).events()
        assert next(events)["type"] == "status"
        assert not any(call.produced for call in bedrock.calls)
    finally:
        go_on.set()
    assert list(events)[-1]["status"] == "completed"


def test_tools_run_side_by_side_and_errors_go_back(api: Api, bedrock: LocalBedrock) -> None:
    def script(body: dict[str, Any], number: int) -> Any:
        if number == 0:
            return tool_reply(
                ("a", "calculate", '{"expression": "6*7"}'),
                ("b", "no_such_tool", "{}"),
                ("c", "calculate", '{"expr": 1}'),
                ("d", "calculate", "{not json"),
                ("e", "cloudwatch_alarms", "{}"),
                text="Let me see.",
            )
        return text_reply("It is 42")

    bedrock.script = script
    answer = api.post("/orchestrate", ask())
    assert answer.status == 200
    assert answer.json["results"][0]["output"] == "Let me see.\n\nIt is 42"
    messages = bedrock.calls[1].body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    results = [block["toolResult"] for block in messages[2]["content"]]
    assert [result["toolUseId"] for result in results] == ["a", "b", "c", "d", "e"]
    assert [result["status"] for result in results] == ["success", "error", "error", "error", "error"]
    assert results[0]["content"] == [{"text": "42"}]
    uses = [block["toolUse"] for block in messages[1]["content"] if "toolUse" in block]
    assert uses[3]["input"] == {}
    # One tool of this agent's registry is not this agent's: it does not run.
    assert "no tool 'cloudwatch_alarms'" in results[4]["content"][0]["text"]


def test_unknown_agents_are_named(api: Api, bedrock: LocalBedrock) -> None:
    answer = api.post("/orchestrate", ask(agent_ids=["assistant", "nobody"]))
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.json["error"]["details"]["fields"][0]["field"] == "agent_ids[1]"
    answer = api.post("/run", {"goal": "x", "agent_profile_id": "nobody"})
    assert answer.json["error"]["details"]["fields"][0]["field"] == "agent_profile_id"
    assert bedrock.calls == []


def test_all_wrong_fields_come_at_once(api: Api) -> None:
    answer = api.post("/orchestrate", {"task": 3, "context": [], "agent_ids": "x", "session_id": "a b"})
    assert answer.status == 422
    fields = [item["field"] for item in answer.json["error"]["details"]["fields"]]
    assert fields == ["task", "context", "agent_ids", "session_id"]


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({}, 422),
        ({"task": None}, 422),
        ({"task": " \n\t "}, 422),
        ({"task": "x" * 10_001}, 422),
        ({"task": "a\x00b"}, 422),
        ({"task": "a\rb"}, 422),
        ({"task": "a\x85b"}, 422),
        ({"task": "x", "context": {"a": "\x07"}}, 422),
        ({"task": "x", "context": {"a": "y" * 50_000}}, 422),
        ({"task": "x", "agent_ids": ["assistant"] * 11}, 422),
        ({"task": "x", "agent_ids": [1]}, 422),
        ({"task": "x", "session_id": "s" * 129}, 422),
        ({"task": "x", "session_id": 5}, 422),
        ({"task": "\U0001f600" * 10_000, "agent_ids": ["assistant"]}, 200),
        ({"task": "tab\tline\n", "agent_ids": ["assistant"], "unknown": {"x": 1}}, 200),
        ({"task": "x", "agent_ids": ["assistant"], "context": None, "session_id": None}, 200),
    ],
)
def test_fields(http_api: Api, value: Any, status: int) -> None:
    assert http_api.post("/orchestrate", value).status == status


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"[]", "malformed_json"),
        (b'"x"', "malformed_json"),
        (b'{"task": NaN}', "malformed_json"),
        (b'{"task": "x", "a": -Infinity}', "malformed_json"),
        (b'{"task": "x", "a": 1e999}', "malformed_json"),
        (b'{"task": "x", "task": "y"}', "malformed_json"),
        (b'{"task": "x", "context": {"a": 1, "a": 2}}', "malformed_json"),
        (b'{"task": "\xff"}', "malformed_json"),
        (b"\xef\xbb\xbf{}", "malformed_json"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b'{"task": ' + b"9" * 5000 + b"}", "malformed_json"),
        (b'"' + b'\\"' * 200_000, "malformed_json"),
    ],
    ids=range(15),
)
def test_malformed_bodies(http_api: Api, body: bytes, code: str) -> None:
    started = time.monotonic()
    answer = http_api.request("POST", "/api/v1/orchestrate", body, http_api.headers(JSON))
    assert (answer.status, answer.code) == (400, code)
    assert time.monotonic() - started < 10


def test_half_surrogates_are_422(api: Api) -> None:
    for body in (b'{"task": "\\ud800"}', b'{"task": "x", "context": {"\\udfff": 1}}'):
        answer = api.request("POST", "/api/v1/orchestrate", body, api.headers(JSON))
        assert answer.status == 422


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_content_types(api: Api, headers: dict[str, str]) -> None:
    answer = api.request("POST", "/api/v1/run", b'{"goal": "x"}', api.headers(headers))
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_bodies_above_one_mebibyte(http_api: Api) -> None:
    body = json.dumps(ask(unknown="x" * (1024 * 1024 - 200))).encode()
    assert http_api.request("POST", "/api/v1/orchestrate", body, http_api.headers(JSON)).status == 200
    body = json.dumps(ask(unknown="x" * 1024 * 1024)).encode()
    answer = http_api.request("POST", "/api/v1/orchestrate", body, http_api.headers(JSON))
    assert (answer.status, answer.code) == (413, "body_too_large")

    def pieces() -> Any:
        for _ in range(20):
            yield b"x" * 65_536

    answer = http_api.request(
        "POST",
        "/api/v1/orchestrate",
        pieces(),
        http_api.headers(JSON),
        encode_chunked=True,  # type: ignore[arg-type]
    )
    assert answer.status == 413


@pytest.mark.parametrize(
    "path",
    [
        "/", "/api", "/api/v1", "/api/v1/", "/api/v1/health/", "/api/v1//health", "//api/v1/health",
        "/api/v1/./health", "/api/v1/x/../health", "/api/v1/%68ealth", "/api%2Fv1%2Fhealth",
        "/api/v1/agents/a%2Fb", "/api/v1/agents/", "/api/v1/runs//stream", "/API/V1/health", "/api/v1/chat",
        "/api/v1/agents/a.b", "/api/v2/health",
    ],
)  # fmt: skip
def test_unknown_paths_are_404_and_never_redirect(api: Api, path: str) -> None:
    answer = api.request("GET", path, None, api.headers(None))
    assert (answer.status, answer.code) == (404, "not_found")
    assert "location" not in answer.headers


def test_methods(api: Api) -> None:
    answer = api.request("DELETE", "/api/v1/agents", None, api.headers(None))
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert api.request("GET", "/api/v1/run", None, api.headers(None)).headers["allow"] == "POST, OPTIONS"
    answer = api.request("OPTIONS", "/api/v1/run", None, {})
    assert (answer.status, answer.headers["allow"], answer.body) == (204, "POST, OPTIONS", b"")
    answer = api.request("HEAD", "/api/v1/health", None, {})
    assert (answer.status, answer.body) == (200, b"")
    assert api.request("HEAD", "/api/v1/agents", None, {}).status == 401
    assert api.request("HEAD", "/api/v1/runs/x/stream", None, api.headers(None)).status == 404


def test_sessions_are_remembered_and_private(api: Api, bedrock: LocalBedrock) -> None:
    first = api.post("/orchestrate", ask())
    session = first.json["session_id"]
    again = api.post("/orchestrate", ask(task="And then?", session_id=session))
    assert again.json["session_id"] == session
    messages = bedrock.calls[1].body["messages"]
    texts = [message["content"][0]["text"] for message in messages]
    assert texts == ["What is new?", "Hello from the model", "And then?"]
    stranger = KEYS[-1]["key"]
    refused = api.post("/orchestrate", ask(session_id=session), key=stranger)
    assert (refused.status, refused.code) == (404, "not_found")


def test_two_requests_at_once_in_one_session(api: Api, bedrock: LocalBedrock) -> None:
    """Whole turns, one after the other: user and assistant alternate, tool calls keep their results."""

    def script(body: dict[str, Any], number: int) -> Any:
        last = body["messages"][-1]["content"][0]
        if "toolResult" in last:
            return text_reply("done " + body["messages"][0]["content"][0]["text"], gap_s=0.02)
        return tool_reply(("t1", "calculate", '{"expression": "1+1"}'), text="Wait.")

    bedrock.script = script
    session = f"session-{time.time_ns()}"
    answers: list[int] = []

    def post(number: int) -> None:
        answers.append(api.post("/orchestrate", ask(task=f"task {number}", session_id=session)).status)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 3
    bedrock.calls.clear()
    bedrock.script = lambda body, number: text_reply("fine")
    assert api.post("/orchestrate", ask(task="the last", session_id=session)).status == 200
    messages = bedrock.calls[0].body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 6 + ["user"]
    for before, after in itertools.pairwise(messages):
        uses = [block["toolUse"]["toolUseId"] for block in before["content"] if "toolUse" in block]
        results = [block["toolResult"]["toolUseId"] for block in after["content"] if "toolResult" in block]
        assert uses == results
    asked = {message["content"][0].get("text") for message in messages if message["role"] == "user"}
    assert {"task 0", "task 1", "task 2", "the last"} <= asked


def test_arithmetic_without_end_is_an_error_result_while_others_are_served(
    http_api: Api, bedrock: LocalBedrock
) -> None:
    wild = ["9**9**9", "(" * 400 + "1" + ")" * 400, "*".join(["9**600"] * 50), "10**2000 - 10**1999"]

    def script(body: dict[str, Any], number: int) -> Any:
        if number == 0:
            uses = [(f"t{n}", "calculate", json.dumps({"expression": text})) for n, text in enumerate(wild)]
            return tool_reply(*uses)
        return text_reply("too large")

    bedrock.script = script
    stream = http_api.stream("/orchestrate", ask())
    slowest = 0.0
    for _ in range(20):
        started = time.monotonic()
        assert http_api.get("/health", key=None).status == 200
        slowest = max(slowest, time.monotonic() - started)
    assert list(stream.events())[-1]["status"] == "completed"
    assert slowest < 10
    content = bedrock.calls[1].body["messages"][-1]["content"]
    results = [block["toolResult"] for block in content if "toolResult" in block]
    assert [result["status"] for result in results] == ["error"] * 4
    assert all(len(result["content"][0]["text"]) < 300 for result in results)


def test_agents_work_side_by_side(api: Api, bedrock: LocalBedrock) -> None:
    """Neither model says anything before both are asked: one agent after the other would never meet."""
    asked: set[str] = set()
    met: list[int] = []

    def script(body: dict[str, Any], number: int) -> Any:
        agent = "analyst" if "numbers" in body["system"][0]["text"] else "guide"
        asked.add(agent)
        yield from silence(lambda: len(asked) == 2)
        met.append(len(asked))
        yield from text_reply(agent)

    bedrock.script = script
    answer = api.post("/orchestrate", ask(agent_ids=["site-guide", "analyst"]))
    assert met == [2, 2]
    assert [result["output"] for result in answer.json["results"]] == ["guide", "analyst"]
    assert answer.json["usage"]["input_tokens"] == 20


def test_routing_by_one_forced_tool_call(api: Api, bedrock: LocalBedrock) -> None:
    def script(body: dict[str, Any], number: int) -> Any:
        if "toolChoice" in body.get("toolConfig", {}):
            return tool_reply(("r", "choose_agents", '{"agent_ids": ["operations", "nobody"]}'), usage=(7, 3))
        return text_reply("All is well")

    bedrock.script = script
    answer = api.post("/orchestrate", {"task": "Tell me a story"})
    assert [result["agent_id"] for result in answer.json["results"]] == ["operations"]
    assert answer.json["results"][0]["metadata"]["routed_by"] == "model"
    assert answer.json["usage"]["input_tokens"] == 17
    spec = bedrock.calls[0].body["toolConfig"]["tools"][0]["toolSpec"]
    schema = spec["inputSchema"]["json"]["properties"]["agent_ids"]["items"]
    assert schema["enum"] == ["assistant", "site-guide", "analyst", "operations"]
    assert bedrock.calls[0].body["toolConfig"]["toolChoice"] == {"tool": {"name": "choose_agents"}}


@pytest.mark.parametrize(
    ("task", "agent", "by"),
    [
        ("Which CloudWatch alarms are there?", "operations", "keywords"),
        ("Zzz", "assistant", "default"),
    ],
)
def test_routing_without_the_model(
    http_api: Api, bedrock: LocalBedrock, task: str, agent: str, by: str
) -> None:
    def script(body: dict[str, Any], number: int) -> Any:
        if "toolChoice" in body.get("toolConfig", {}):
            return [("status", 400, "ValidationException")]
        return text_reply("done")

    bedrock.script = script
    result = http_api.post("/orchestrate", {"task": task}).json["results"][0]
    assert (result["agent_id"], result["metadata"]["routed_by"]) == (agent, by)


def test_an_answer_cut_at_its_tokens_is_partial(api: Api, bedrock: LocalBedrock) -> None:
    bedrock.script = lambda body, number: text_reply("as far as", stop="max_tokens")
    answer = api.post("/orchestrate", ask())
    assert answer.status == 200
    assert answer.json["results"][0]["output"] == "as far as"
    assert answer.json["results"][0]["metadata"]["stop_reason"] == "output_tokens"


def test_nothing_but_a_limit_is_504(api: Api, bedrock: LocalBedrock) -> None:
    bedrock.script = lambda body, number: ending("max_tokens", (5, 2048))
    answer = api.post("/orchestrate", ask())
    assert (answer.status, answer.code) == (504, "limit_reached")
    assert answer.json["error"]["details"]["stop_reason"] == "output_tokens"


def test_turns_are_limited(api: Api, bedrock: LocalBedrock) -> None:
    bedrock.script = lambda body, number: tool_reply(
        (f"t{number}", "current_time", "{}"), text=f"turn {number}"
    )
    answer = api.post("/orchestrate", {"task": "go on", "agent_ids": ["operations"]})
    assert answer.status == 200
    assert answer.json["results"][0]["metadata"]["stop_reason"] == "turns"
    assert answer.json["results"][0]["metadata"]["turns"] == len(bedrock.calls) == 4


def test_one_log_line_a_request_without_secrets(api: Api) -> None:
    trace = {"X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678"}
    answer = api.post("/orchestrate", ask(task="the prompt nobody sees"), headers=trace)
    request_id = answer.headers["x-request-id"]
    (line,) = until(lambda: [line for line in list(api.lines) if line.get("request_id") == request_id])
    assert line["event"] == "request"
    assert line["trace_id"] == trace["X-Amzn-Trace-Id"]
    assert line["key"].startswith("team-")
    assert (line["route"], line["status"], line["input_tokens"]) == ("/api/v1/orchestrate", 200, 10)
    assert line["usd"] == 1.8e-06
    names = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert names == ["Requests", "Errors", "Latency", "InputTokens", "OutputTokens", "Usd"]
    (usage,) = [line for line in api.lines if line["event"] == "usage"]
    assert (usage["Agent"], usage["Model"]) == ("assistant", "amazon.nova-lite-v1:0")
    everything = json.dumps(api.lines)
    assert "nobody sees" not in everything
    assert api.key not in everything


def test_prompts_are_logged_when_switched_on_and_keys_never(
    make_api: Callable[..., HttpApi], bedrock: LocalBedrock
) -> None:
    api = make_api(LOG_PROMPTS="true")
    api.post("/orchestrate", ask(task="the prompt somebody wants to see"))
    (line,) = [line for line in list(api.lines) if line["event"] == "conversation"]
    assert line["agent"] == "assistant"
    texts = [message["content"][0]["text"] for message in line["messages"]]
    assert texts == ["the prompt somebody wants to see", "Hello from the model"]
    assert api.key not in json.dumps(api.lines)
