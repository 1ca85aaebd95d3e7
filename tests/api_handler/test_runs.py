"""Runs: the same under uvicorn over both stores and on Lambda, where another invocation works on them."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api_handler import runs as runs_module
from api_handler import worker as worker_module
from ops.bench.api_bedrock import LocalBedrock, text_reply, tool_reply
from tests.api_handler.running import KEYS, Api, HttpApi, fresh_key
from tests.api_handler.test_faults import speaking
from tests.timing import quickest, until

POSTED = {"run_id", "status", "goal", "agent_profile_id", "created_at", "message"}
SHOWN = POSTED | {"answer", "error", "steps", "tool_calls", "usage", "updated_at", "stop_reason"}


def slow(text: str = "word " * 1000, gap_s: float = 0.02) -> Callable[[Any, int], Iterator[Any]]:
    return lambda body, number: text_reply(text, gap_s=gap_s)


def test_a_run_from_its_beginning_to_its_end(api: Api, bedrock: LocalBedrock) -> None:
    def script(body: dict[str, Any], number: int) -> Any:
        if number == 0:
            return tool_reply(("c1", "calculate", '{"expression": "2**10"}'), text="Calculating.")
        return text_reply("It is 1024")

    bedrock.script = script
    made = api.post("/run", {"goal": "What is 2 to the 10?", "context": {"a": [1, 2.5, None, True]}})
    assert made.status == 201
    assert set(made.json) == POSTED
    assert made.json["status"] in ("pending", "running")
    assert made.json["agent_profile_id"] == "assistant"
    run = api.finished(made.json["run_id"])
    assert set(run) == SHOWN
    assert (run["status"], run["answer"], run["error"]) == ("completed", "Calculating.\n\nIt is 1024", None)
    (tool,) = run["tool_calls"]
    assert (tool["name"], tool["status"], tool["result"]) == ("calculate", "success", "1024")
    assert [step["name"] for step in run["steps"]] == ["routing", "model", "model"]
    assert run["usage"]["input_tokens"] == 20
    assert '{"a":[1,2.5,null,true]}' in bedrock.calls[0].body["messages"][0]["content"][0]["text"]
    events = list(api.stream(f"/runs/{run['run_id']}/stream").events())
    assert [event["event_id"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events if event["type"] != "token"] == [
        "status", "step", "step", "tool", "tool", "step", "answer", "end",
    ]  # fmt: skip
    assert events[-2]["answer"] == run["answer"]
    assert (events[-1]["type"], events[-1]["status"]) == ("end", "completed")


def test_tokens_may_be_left_out(api: Api) -> None:
    made = api.post("/run", {"goal": "x", "stream_tokens": False}).json
    api.finished(made["run_id"])
    kinds = {event["type"] for event in api.stream(f"/runs/{made['run_id']}/stream").events()}
    assert "token" not in kinds
    assert {"answer", "end"} <= kinds


def test_a_stream_follows_and_resumes(api: Api, bedrock: LocalBedrock) -> None:
    bedrock.script = slow("one two three four five six seven eight", 0.1)
    run_id = api.post("/run", {"goal": "count"}).json["run_id"]
    stream = api.stream(f"/runs/{run_id}/stream")
    seen = []
    for event in stream.events():
        seen.append(event)
        if event["type"] == "token" and len(seen) > 5:
            break
    stream.close()
    last = seen[-1]["event_id"]
    rest = list(api.stream(f"/runs/{run_id}/stream", headers={"Last-Event-ID": str(last)}).events())
    assert [event["event_id"] for event in seen + rest] == list(range(1, last + len(rest) + 1))
    text = "".join(event["text"] for event in seen + rest if event["type"] == "token")
    assert text == "one two three four five six seven eight"
    assert rest[-1]["status"] == "completed"
    # Leaving the stream has not stopped the run.
    assert api.get(f"/runs/{run_id}").json["status"] == "completed"


@pytest.mark.parametrize("last", ["999999", "abc", "-1", "1.5", "٣", "0", "", "9" * 30])
def test_an_unknown_last_event_id_starts_from_the_first(http_api: Api, last: str) -> None:
    run_id = http_api.post("/run", {"goal": "x"}).json["run_id"]
    http_api.finished(run_id)
    headers = {"Last-Event-ID": last.encode("utf-8").decode("latin-1")}
    events = list(http_api.stream(f"/runs/{run_id}/stream", headers=headers).events())
    assert events[0]["event_id"] == 1


def test_the_end_is_told_again(api: Api) -> None:
    run_id = api.post("/run", {"goal": "x"}).json["run_id"]
    api.finished(run_id)
    all_events = list(api.stream(f"/runs/{run_id}/stream").events())
    headers = {"Last-Event-ID": str(all_events[-1]["event_id"])}
    assert list(api.stream(f"/runs/{run_id}/stream", headers=headers).events()) == all_events[-1:]


def test_cancel_stops_the_model_within_a_second(api: Api, bedrock: LocalBedrock) -> None:
    bedrock.script = slow()

    def cancel() -> float:
        bedrock.calls.clear()
        run_id = api.post("/run", {"goal": "write"}).json["run_id"]
        call = speaking(bedrock)
        cancelled_at = time.monotonic()
        answer = api.post(f"/runs/{run_id}/cancel")
        assert (answer.status, answer.json["status"]) == (200, "cancelled")
        assert set(answer.json) == SHOWN
        until(lambda: call.left_at)
        events = list(api.stream(f"/runs/{run_id}/stream").events())
        assert (events[-1]["type"], events[-1]["status"]) == ("end", "cancelled")
        run = until(lambda: (run := api.get(f"/runs/{run_id}").json)["answer"] and run)
        assert (run["status"], run["usage"]["output_tokens"] > 0) == ("cancelled", True)
        again = api.post(f"/runs/{run_id}/cancel")
        assert (again.status, again.code) == (409, "run_finished")
        return max(call.left_at, *call.produced) - cancelled_at

    assert quickest(1.0, cancel) < 1.0


def test_runs_belong_to_their_key(api: Api) -> None:
    run_id = api.post("/run", {"goal": "mine"}).json["run_id"]
    stranger = KEYS[-2]["key"]
    for path in (f"/runs/{run_id}", f"/runs/{run_id}/stream"):
        assert api.get(path, key=stranger).status == 404
    assert api.post(f"/runs/{run_id}/cancel", key=stranger).status == 404
    assert run_id not in [run["run_id"] for run in api.get("/runs", key=stranger).json["runs"]]
    api.finished(run_id)


def test_listing_pages_newest_first(api: Api) -> None:
    ids = [api.post("/run", {"goal": f"run {number}"}).json["run_id"] for number in range(5)]
    for run_id in ids:
        api.finished(run_id)
    first = api.get("/runs?limit=2").json
    assert [run["run_id"] for run in first["runs"]] == [ids[4], ids[3]]
    second = api.get(f"/runs?limit=2&cursor={first['next_cursor']}").json
    third = api.get(f"/runs?limit=2&cursor={second['next_cursor']}&status=completed").json
    assert [run["run_id"] for run in second["runs"] + third["runs"]] == [ids[2], ids[1], ids[0]]
    assert third["next_cursor"] is None
    assert api.get("/runs?limit=5").json["next_cursor"] is None
    assert api.get("/runs?status=failed").json == {"runs": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=zzz", "cursor"),
        ("cursor=cnVuX3g", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=", "cursor"),
        ("status=done", "status"),
        ("status=%ff", "query"),
    ],
)
def test_wrong_queries(http_api: Api, query: str, field: str) -> None:
    answer = http_api.get(f"/runs?{query}")
    assert answer.status == 422
    assert answer.json["error"]["details"]["fields"][0]["field"] == field


def test_idempotency(api: Api, bedrock: LocalBedrock) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first = api.post("/run", {"goal": "once", "context": {"a": 1}}, headers=headers)
    assert first.status == 201
    api.finished(first.json["run_id"])
    again = api.post("/run", {"context": {"a": 1.0}, "goal": "once"}, headers=headers)
    assert (again.status, again.json["run_id"]) == (200, first.json["run_id"])
    assert set(again.json) == POSTED
    other = api.post("/run", {"goal": "twice"}, headers=headers)
    assert (other.status, other.code) == (409, "idempotency_conflict")
    stranger = fresh_key()["key"]
    elsewhere = api.post("/run", {"goal": "twice"}, headers=headers, key=stranger)
    assert elsewhere.status == 201
    api.finished(elsewhere.json["run_id"], key=stranger)
    assert len(api.get("/runs").json["runs"]) == 1
    assert len(bedrock.calls) == 2


@pytest.mark.parametrize("key", ["", "x" * 257, "tab\there", "\xe4"])
def test_wrong_idempotency_keys(http_api: Api, key: str) -> None:
    answer = http_api.post("/run", {"goal": "x"}, headers={"Idempotency-Key": key})
    assert answer.status == 422
    assert answer.json["error"]["details"]["fields"][0]["field"] == "Idempotency-Key"
    assert http_api.get("/runs").json["runs"] == []


def test_a_failing_model_fails_the_run(api: Api, bedrock: LocalBedrock) -> None:
    bedrock.script = lambda body, number: [("status", 403, "AccessDeniedException")]
    run_id = api.post("/run", {"goal": "x"}).json["run_id"]
    run = api.finished(run_id)
    assert (run["status"], run["answer"]) == ("failed", None)
    assert run["error"] == "The model refused the request. (AccessDeniedException)"
    events = list(api.stream(f"/runs/{run_id}/stream").events())
    assert [event["type"] for event in events[-2:]] == ["error", "end"]
    assert set(events[-2]["error"]) == {"code", "message", "details", "request_id"}
    assert events[-1]["status"] == "failed"


@pytest.fixture
def copies(make_api: Callable[..., HttpApi], moto_table: str) -> tuple[HttpApi, HttpApi]:
    """Two copies of the API over one table."""
    first, second = make_api(TABLE_NAME=moto_table), make_api(TABLE_NAME=moto_table)
    second.key = first.key
    return first, second


def test_two_copies_act_as_one(copies: tuple[HttpApi, HttpApi], bedrock: LocalBedrock) -> None:
    first, second = copies
    bedrock.script = slow()
    keys = itertools.count()

    def act() -> float:
        bedrock.calls.clear()
        headers = {"Idempotency-Key": f"same-{next(keys)}"}
        answers: list[Any] = []
        barrier = threading.Barrier(6)

        def post(api: HttpApi) -> None:
            barrier.wait()
            answers.append(api.post("/run", {"goal": "once"}, headers=headers))

        threads = [threading.Thread(target=post, args=(api,)) for api in [first, second] * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.status for answer in answers) == [200] * 5 + [201]
        assert len({answer.json["run_id"] for answer in answers}) == 1
        run_id = answers[0].json["run_id"]
        call = speaking(bedrock)
        # Resume from whichever copy does not work on it, then cancel there.
        idle = next(api for api in copies if api.services.worker.live(run_id) is None)
        events = idle.stream(f"/runs/{run_id}/stream").events()
        assert next(events)["type"] == "status"
        cancelled_at = time.monotonic()
        assert idle.post(f"/runs/{run_id}/cancel").status == 200
        assert list(events)[-1]["status"] == "cancelled"
        until(lambda: call.left_at)
        assert len(bedrock.calls) == 1
        return call.left_at - cancelled_at

    assert quickest(1.0, act) < 1.0


def test_two_copies_share_sessions_counts_and_money(
    make_api: Callable[..., HttpApi], moto_table: str, bedrock: LocalBedrock
) -> None:
    keys = json.dumps(
        [
            {"name": f"shared-{time.time_ns()}", "key": "k-rate", "rpm": 4},
            {"name": f"paying-{time.time_ns()}", "key": "k-money", "daily_usd": 0.05},
        ]
    )
    session = f"session-{time.time_ns()}-that-is-long-enough"
    environ = {"API_KEYS": keys, "TABLE_NAME": moto_table, "PUBLIC_CHAT": '{"session_turns": 2}'}
    first, second = make_api(**environ), make_api(**environ)
    # Requests a minute of one key, whichever copy they reach.
    statuses = [api.get("/agents", key="k-rate").status for api in (first, second) * 3]
    assert statuses == [200] * 4 + [429] * 2
    # A conversation that goes on at the other copy, and is another key's at neither.
    task = {"task": "one", "agent_ids": ["assistant"]}
    made = first.post("/orchestrate", task, key="k-money").json
    second.post("/orchestrate", {**task, "task": "two", "session_id": made["session_id"]}, key="k-money")
    texts = [message["content"][0]["text"] for message in bedrock.calls[-1].body["messages"]]
    assert texts == ["one", "Hello from the model", "two"]
    # Turns of a public session.
    body = {"message": "hi", "session_id": session}
    chats = [api.post("/chat", body, key=None).status for api in (first, second, first, second)]
    assert chats == [200, 200, 429, 429]
    # Dollars a day: 0.0324 a call of nova-lite with these figures.
    bedrock.script = lambda body, number: text_reply("dear", usage=(500_000, 10_000))
    assert [api.post("/orchestrate", task, key="k-money").status for api in (first, second)] == [200, 200]
    for api in (first, second):
        assert api.post("/orchestrate", task, key="k-money").code == "daily_budget_reached"


def test_a_lost_worker_is_found_out(
    copies: tuple[HttpApi, HttpApi], bedrock: LocalBedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = copies
    monkeypatch.setattr(runs_module, "RUNNING_LEASE_S", -1)
    monkeypatch.setattr(worker_module, "RENEW_S", 3600)
    bedrock.script = slow(gap_s=0.05)
    run_id = first.post("/run", {"goal": "x"}).json["run_id"]
    until(lambda: first.services.worker.live(run_id))
    run = second.get(f"/runs/{run_id}").json
    assert (run["status"], run["error"]) == ("failed", "The worker of this run was lost.")
    first.loop.call_soon_threadsafe(first.services.worker.stop_local, run_id)


def test_a_repeat_mends_a_run_that_was_never_written(api: Api) -> None:
    """The copy that took the idempotency key died before it wrote the run."""
    services = api.services
    owner = f"key#{next(key['name'] for key in KEYS if key['key'] == api.key)}"
    import asyncio

    from api_handler.validation import run_body

    raw = {"goal": "mend me"}
    body = run_body(raw, ["assistant"], "assistant")

    async def half() -> str:
        put = services.store.put
        written: list[str] = []

        async def only_the_key(partition: str, *arguments: Any, **more: Any) -> bool:
            if partition.startswith("runs#"):
                return True
            return await put(partition, *arguments, **more)

        half_a_store: Any = type("Half", (), {"put": staticmethod(only_the_key), "get": services.store.get})
        services.runs._store = half_a_store
        try:
            made = await services.runs.create(owner, body, raw, "key-1", {"daily_usd": None})
            written.append(made.run["run_id"])
        finally:
            services.runs._store = services.store
        return written[0]

    run_id = asyncio.run(half())
    assert api.get(f"/runs/{run_id}").status == 404
    again = api.post("/run", raw, headers={"Idempotency-Key": "key-1"})
    assert (again.status, again.json["run_id"]) == (200, run_id)
    assert api.finished(run_id)["status"] == "completed"
