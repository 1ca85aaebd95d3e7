"""Keys, rates, budgets, the public chat and the origin-verify header."""

from __future__ import annotations

import json
import math
import threading
import time
import types
from collections.abc import Callable
from typing import Any

import pytest

from ops.bench.api_bedrock import LocalBedrock, text_reply, tool_reply
from tests.api_handler.running import Api, HttpApi
from tests.timing import PATIENCE_S, held, quickest, until

Make = Callable[..., HttpApi]
CHAT = {"PUBLIC_CHAT": '{"origins": ["https://www.example.com"]}'}


def keys(*entries: dict[str, Any]) -> str:
    return json.dumps([{"name": "one", "key": "k-one", **entry} for entry in entries])


def chat(api: Api, message: Any = "hi", headers: dict[str, str] | None = None, **more: Any) -> Any:
    return api.post("/chat", {"message": message, **more}, key=None, headers=headers)


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"TABLE_NAME": request.getfixturevalue("moto_table")} if request.param == "dynamo" else {}


def unique() -> str:
    return f"name-{time.time_ns()}"


def test_requests_per_minute(make_api: Make, store: dict[str, str]) -> None:
    name = unique()
    api = make_api(API_KEYS=keys({"name": name, "rpm": 3}, {"name": name, "key": "k-two"}), **store)
    statuses = [api.get("/agents", key=key).status for key in ("k-one", "k-two", "k-one", "k-two")]
    assert statuses == [200, 200, 200, 429]
    answer = api.get("/agents", key="k-one")
    assert answer.code == "rate_limited"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert api.get("/health", key=None).status == 200


def test_the_last_minute_still_counts(make_api: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from api_handler import limits

    now = [1_800_000_030.0]
    # The meter's clock alone: the others of the process go on.
    monkeypatch.setattr(limits, "time", types.SimpleNamespace(time=lambda: now[0]))
    api = make_api(API_KEYS=keys({"rpm": 10}))
    now[0] = 1_800_000_000.0 + 59
    assert [api.get("/agents", key="k-one").status for _ in range(11)].count(200) == 10
    now[0] += 2
    assert api.get("/agents", key="k-one").status == 429
    now[0] += 29
    assert [api.get("/agents", key="k-one").status for _ in range(10)].count(200) == 5


def test_dollars_per_day(make_api: Make, bedrock: LocalBedrock, store: dict[str, str]) -> None:
    # One call of nova-lite with these figures costs 0.06 * 0.5 + 0.24 * 0.01 = 0.0324 dollars.
    bedrock.script = lambda body, number: text_reply("dear", usage=(500_000, 10_000))
    api = make_api(API_KEYS=keys({"name": unique(), "daily_usd": 0.05}), **store)
    body = {"task": "x", "agent_ids": ["assistant"]}
    assert api.post("/orchestrate", body, key="k-one").status == 200
    assert api.post("/run", {"goal": "x"}, key="k-one").status == 201
    api.finished(api.get("/runs", key="k-one").json["runs"][0]["run_id"], key="k-one")
    for path, value in (("/orchestrate", body), ("/run", {"goal": "y"})):
        answer = api.post(path, value, key="k-one")
        assert (answer.status, answer.code) == (429, "daily_budget_reached")
        assert 1 <= int(answer.headers["retry-after"]) <= 86_400
    assert api.get("/runs", key="k-one").status == 200


def test_money_is_set_aside_before_it_is_spent(make_api: Make, bedrock: LocalBedrock) -> None:
    """Ten agents' worth of calls at once cannot spend the same last dollar."""
    api = make_api(LIMITS='{"usd": 0.0004}', BEDROCK_MODELS='["unknown.model"]')
    bedrock.script = lambda body, number: text_reply("x", usage=(100, 10), gap_s=0.2)
    answer = api.post("/orchestrate", {"task": "x", "agent_ids": ["assistant", "analyst", "site-guide"]})
    asked = [call.body["inferenceConfig"]["maxTokens"] for call in bedrock.calls]
    # The conservative price of an unknown model is 15 and 75 dollars per million.
    assert sum(75e-6 * tokens for tokens in asked) < 0.0004
    reasons = (
        [answer["metadata"]["stop_reason"] for answer in answer.json["results"]]
        if answer.status == 200
        else []
    )
    assert len(asked) < 3
    assert answer.status in (200, 504)
    assert answer.status == 504 or "usd" in reasons


def test_dollars_per_request_end_with_a_partial_answer(make_api: Make, bedrock: LocalBedrock) -> None:
    api = make_api(LIMITS='{"usd": 0.002, "output_tokens": 100000}')
    bedrock.script = lambda body, number: tool_reply(
        (f"t{number}", "current_time", "{}"), text=f"part {number}", usage=(10_000, 1_000)
    )
    answer = api.post("/orchestrate", {"task": "x", "agent_ids": ["assistant"]})
    assert answer.status == 200
    assert answer.json["results"][0]["metadata"]["stop_reason"] == "usd"
    assert 0.0016 < answer.json["usage"]["usd"] < 0.0030
    assert answer.json["results"][0]["metadata"]["price_known"] is True


def test_seconds_end_with_a_partial_answer(make_api: Make, bedrock: LocalBedrock) -> None:
    bedrock.script = lambda body, number: text_reply("word " * 1000, gap_s=0.05)
    # More for each attempt: a moment without a processor that eats one leaves the next its words.
    limits = iter((0.5, 1.5, 3.0))

    def attempt() -> float:
        """Seconds from the limit to the answer and the model's end; endless for less than two words."""
        limit = next(limits)
        api = make_api(LIMITS=json.dumps({"seconds": limit}))
        started = time.monotonic()
        answer = api.post("/orchestrate", {"task": "x", "agent_ids": ["assistant"]})
        ended = time.monotonic()
        assert ended - started > limit - 0.1
        if answer.status == 504:
            # Time was up before a word.
            assert answer.json["error"]["details"]["stop_reason"] == "seconds"
            return math.inf
        assert answer.status == 200
        assert answer.json["results"][0]["metadata"]["stop_reason"] == "seconds"
        words = answer.json["results"][0]["output"].split()
        assert set(words) == {"word"}
        assert answer.json["usage"]["output_tokens"] > 0
        # The model stops with the deadline, not when it has said everything.
        call = bedrock.calls[-1]
        left_at = until(lambda: call.left_at)
        assert left_at - started > limit - 0.1
        assert not call.done
        return max(ended, left_at) - started - limit if len(words) > 1 else math.inf

    # No more than fourteen words are paid for that nobody gets.
    assert quickest(0.7, attempt) < 0.7


def test_seconds_without_any_text_are_504(make_api: Make, bedrock: LocalBedrock) -> None:
    api = make_api(LIMITS='{"seconds": 0.3}')
    bedrock.script = lambda body, number: [("silence",)]
    answer = api.post("/orchestrate", {"task": "x", "agent_ids": ["assistant"]})
    assert (answer.status, answer.code) == (504, "limit_reached")
    events = list(api.stream("/orchestrate", {"task": "x", "agent_ids": ["assistant"]}).events())
    assert [event["type"] for event in events[-2:]] == ["error", "end"]
    assert (events[-1]["status"], events[-1]["reason"]) == ("failed", "seconds")


def test_expired_and_unconfigured_keys(make_api: Make) -> None:
    api = make_api(
        API_KEYS=keys(
            {"expires_at": "2020-01-01T00:00:00Z"},
            {"key": "k-two", "expires_at": "2199-01-01T00:00:00+02:00"},
        )
    )
    answer = api.get("/agents", key="k-one")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "ApiKey")
    assert api.get("/agents", key="k-two").status == 200
    for environ in ({"API_KEYS": ""}, {"API_KEYS": "[]"}):
        none = make_api(**environ)
        for key in (None, "k-one"):
            assert (none.get("/agents", key=key).status, none.get("/agents", key=key).code) == (
                503,
                "no_api_keys",
            )
        assert none.get("/health", key=None).status == 200


def test_repeated_key_headers(http_api: Api) -> None:
    connection = http_api.connection()  # type: ignore[attr-defined]
    connection.putrequest("GET", "/api/v1/agents")
    connection.putheader("X-API-Key", http_api.key)
    connection.putheader("X-API-Key", http_api.key)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 401
    answer.read()
    connection.close()


def test_origin_verify(make_api: Make) -> None:
    api = make_api(ORIGIN_VERIFY='["new-value", "old-value"]')
    for path in ("/agents", "/status", "/openapi.json", "/nothing", "/chat"):
        for headers in ({}, {"X-Origin-Verify": "wrong"}, {"X-Origin-Verify": ""}):
            answer = api.get(path, headers=headers)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "ApiKey")
    for value in ("new-value", "old-value"):
        assert api.get("/agents", headers={"X-Origin-Verify": value}).status == 200
    assert api.get("/health", key=None).status == 200
    assert api.request("OPTIONS", "/api/v1/run").status == 401


def test_chat_is_off_by_default(http_api: Api, make_api: Make) -> None:
    assert chat(http_api).status == 404
    assert http_api.request("OPTIONS", "/api/v1/chat").status == 404
    assert http_api.get("/status", key=None).json["public_chat"] is False
    assert make_api(**CHAT).get("/status", key=None).json["public_chat"] is True


def test_chat_streams_without_tools(make_api: Make, bedrock: LocalBedrock) -> None:
    api = make_api(**CHAT)
    answer = api.stream(
        "/chat", {"message": "What do you do?"}, key=None, headers={"Origin": "https://www.example.com"}
    )
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["access-control-allow-origin"] == "https://www.example.com"
    events = list(answer.events())
    assert [events[0]["type"], events[-2]["type"], events[-1]["type"]] == ["status", "answer", "end"]
    session = events[-2]["session_id"]
    assert "toolConfig" not in bedrock.calls[0].body
    again = list(api.stream("/chat", {"message": "And?", "session_id": session}, key=None).events())
    assert again[-1]["status"] == "completed"
    assert len(bedrock.calls[1].body["messages"]) == 3


@pytest.mark.parametrize(
    ("origins", "headers", "status"),
    [
        (True, {}, 200),
        (True, {"Origin": "https://www.example.com"}, 200),
        (True, {"Origin": "https://evil.example"}, 401),
        (True, {"Origin": "null"}, 401),
        (True, {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, 401),
        (False, {}, 200),
        (False, {"Origin": "https://site.example", "Sec-Fetch-Site": "same-origin"}, 200),
        (False, {"Origin": "https://site.example"}, 401),
        (False, {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 401),
        (False, {"Sec-Fetch-Site": "same-site"}, 401),
    ],
)
def test_chat_origins(make_api: Make, origins: bool, headers: dict[str, str], status: int) -> None:
    api = make_api(PUBLIC_CHAT='{"origins": ["https://www.example.com"]}' if origins else "{}")
    answer = chat(api, headers=headers)
    assert answer.status == status
    if status == 401:
        assert answer.headers["www-authenticate"] == "ApiKey"


def test_a_page_of_an_allowed_origin_may_ask_ahead(make_api: Make) -> None:
    """https://fetch.spec.whatwg.org/#http-cors-protocol"""
    api = make_api(**CHAT)

    def preflight(origin: str) -> Any:
        return api.request("OPTIONS", "/api/v1/chat", None, {"Origin": origin})

    allowed = preflight("https://www.example.com")
    assert (allowed.status, allowed.body, allowed.headers["allow"]) == (204, b"", "POST, OPTIONS")
    assert allowed.headers["access-control-allow-origin"] == "https://www.example.com"
    assert allowed.headers["access-control-allow-methods"] == "POST"
    assert allowed.headers["access-control-allow-headers"] == "content-type"
    assert allowed.headers["vary"] == "origin"
    other = preflight("https://evil.example")
    assert other.status == 204
    assert [name for name in other.headers if name.startswith("access-control")] == []


def test_chat_caps(make_api: Make, bedrock: LocalBedrock, store: dict[str, str]) -> None:
    api = make_api(PUBLIC_CHAT='{"session_turns": 2, "daily_usd": 5000}', **store)
    session = unique() + "-long-enough-to-be-its-own"
    assert [chat(api, session_id=session).status for _ in range(3)] == [200, 200, 429]
    assert chat(api, session_id=session).code == "session_turns_reached"
    assert chat(api, "x" * 2001).status == 422
    assert chat(api, "x" * 2000).status == 200
    limited = make_api(PUBLIC_CHAT='{"ip_rpm": 2}')
    assert [chat(limited).status for _ in range(3)] == [200, 200, 429]
    bedrock.script = lambda body, number: text_reply("dear", usage=(50_000_000, 0))
    poor = make_api(PUBLIC_CHAT='{"daily_usd": 1}')
    assert chat(poor).status == 200
    answer = chat(poor)
    assert (answer.status, answer.code) == (429, "daily_budget_reached")


def test_chat_counts_the_viewer_behind_the_edge_only(make_api: Make) -> None:
    api = make_api(PUBLIC_CHAT='{"ip_rpm": 1}', ORIGIN_VERIFY='["v"]')
    edge = {"X-Origin-Verify": "v"}
    assert chat(api, headers={**edge, "X-Viewer-Address": "203.0.113.1"}).status == 200
    assert chat(api, headers={**edge, "X-Viewer-Address": "203.0.113.1:443"}).status == 429
    assert chat(api, headers={**edge, "X-Viewer-Address": "203.0.113.2"}).status == 200
    # One subscriber holds a whole /64.
    assert chat(api, headers={**edge, "X-Viewer-Address": "2001:db8:1:1::1"}).status == 200
    assert chat(api, headers={**edge, "X-Viewer-Address": "2001:db8:1:1:ffff::2"}).status == 429
    unproven = make_api(PUBLIC_CHAT='{"ip_rpm": 1}')
    assert chat(unproven, headers={"X-Viewer-Address": "203.0.113.1"}).status == 200
    assert chat(unproven, headers={"X-Viewer-Address": "203.0.113.2"}).status == 429


def test_short_chat_sessions_belong_to_an_address(make_api: Make, bedrock: LocalBedrock) -> None:
    api = make_api(PUBLIC_CHAT="{}", ORIGIN_VERIFY='["v"]')
    for address in ("203.0.113.1", "203.0.113.2"):
        headers = {"X-Origin-Verify": "v", "X-Viewer-Address": address}
        assert chat(api, headers=headers, session_id="s1").status == 200
    assert [len(call.body["messages"]) for call in bedrock.calls] == [1, 1]


def test_a_place_for_each_request_with_a_model(make_api: Make, bedrock: LocalBedrock) -> None:
    api = make_api(MAX_CONCURRENCY="2")
    refused = threading.Event()
    working: list[int] = []

    def script(body: dict[str, Any], number: int) -> Any:
        if body["messages"][0]["content"][0]["text"] == "long":
            working.append(number)
            yield from held(refused)
        yield from text_reply("a b c d e")

    bedrock.script = script
    statuses: list[int] = []
    body = {"task": "x", "agent_ids": ["assistant"]}

    def ask() -> None:
        statuses.append(api.post("/orchestrate", {**body, "task": "long"}).status)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(working) == 2)
        answer = api.post("/orchestrate", body)
    finally:
        refused.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert (answer.status, answer.code) == (503, "too_busy")
    assert "retry-after" in answer.headers
    assert statuses == [200, 200]
    assert api.post("/orchestrate", body).status == 200
    assert api.services.busy == 0
