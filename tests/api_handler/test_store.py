"""The store's five operations, the same in memory and in DynamoDB."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from api_handler import dynamodb, memory
from api_handler.dynamodb import DynamoStore
from api_handler.memory import MemoryStore
from api_handler.store import Store
from tests.api_handler.running import CLIENTS


class Clock:
    """A clock both stores read."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(dynamodb, "time", clock)
    monkeypatch.setattr(memory, "time", clock)
    return clock


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest, clock: Clock, aws: None) -> Store:
    if request.param == "memory":
        return MemoryStore(now=clock.time)
    return DynamoStore(CLIENTS, request.getfixturevalue("moto_table"))


@pytest.fixture
def part() -> str:
    return uuid.uuid4().hex


def run(work: Callable[[], Any]) -> Any:
    return asyncio.run(work())


ITEM = {
    "s": "text",
    "e": "",
    "n": 5,
    "f": 1.5e-7,
    "b": True,
    "none": None,
    "bytes": b"\x00\xff",
    "d": {"x": [1, 2.5, {}]},
}


def test_what_is_put_is_got(store: Store, part: str) -> None:
    async def work() -> None:
        assert await store.get(part, "a") is None
        assert await store.put(part, "a", ITEM, ttl_s=60)
        assert await store.get(part, "a") == ITEM
        assert not await store.put(part, "a", {"n": 1}, ttl_s=60, absent=True)
        assert await store.put(part, "a", {"n": 1}, ttl_s=60)
        assert await store.get(part, "a") == {"n": 1}
        await store.check()

    run(work)


def test_conditions(store: Store, part: str) -> None:
    async def work() -> None:
        assert await store.update(part, "a", {"x": 1}, where=("state", ("new",))) is None
        await store.put(part, "a", {"state": "new", "keep": [1]}, ttl_s=60)
        assert await store.update(part, "a", {"x": 1}, where=("state", ("old", "older"))) is None
        changed = await store.update(
            part, "a", {"state": "old", "x": {"y": 1}}, where=("state", ("new", "z"))
        )
        assert changed == {"state": "old", "keep": [1], "x": {"y": 1}} == await store.get(part, "a")

    run(work)


def test_counters(store: Store, part: str, clock: Clock) -> None:
    async def work() -> None:
        assert await store.add(part, "a", {"n": 2, "m": 1}, ttl_s=60) == {"n": 2, "m": 1}
        assert await store.add(part, "a", {"n": 3}, ttl_s=60, below=("n", 3)) == {"n": 5, "m": 1}
        assert await store.add(part, "a", {"n": 1}, ttl_s=60, below=("n", 5)) is None
        assert await store.get(part, "a") == {"n": 5, "m": 1}
        assert await store.add(part, "b", {"n": 1}, ttl_s=60, below=("n", 1)) == {"n": 1}
        clock.ahead = 61
        # Expired counters begin anew, though DynamoDB deletes them up to days later.
        assert await store.add(part, "a", {"n": 1}, ttl_s=60, below=("n", 5)) == {"n": 1}
        assert await store.add(part, "a", {"n": 1}, ttl_s=60) == {"n": 2}

    run(work)


def test_counting_at_once_counts_right(store: Store, part: str) -> None:
    async def work() -> None:
        results = await asyncio.gather(
            *(store.add(part, "a", {"n": 1}, ttl_s=60, below=("n", 7)) for _ in range(20))
        )
        assert sorted(result["n"] for result in results if result) == [1, 2, 3, 4, 5, 6, 7]
        first = await asyncio.gather(
            *(store.put(part, "b", {"by": i}, ttl_s=60, absent=True) for i in range(10))
        )
        assert sum(first) == 1

    run(work)


def test_queries(store: Store, part: str) -> None:
    async def work() -> None:
        for number in range(7):
            await store.put(
                part, f"k{number}", {"n": number, "kind": "odd" if number % 2 else "even"}, ttl_s=60
            )

        async def names(**how: Any) -> list[str]:
            return [name for name, _ in await store.query(part, **how)]

        assert await names() == [f"k{number}" for number in range(7)]
        assert await names(limit=2) == ["k0", "k1"]
        assert await names(after="k1", limit=2) == ["k2", "k3"]
        assert await names(newest_first=True, limit=2) == ["k6", "k5"]
        assert await names(newest_first=True, after="k5", limit=9) == ["k4", "k3", "k2", "k1", "k0"]
        assert await names(where=("kind", "odd"), newest_first=True, limit=2) == ["k5", "k3"]
        assert await names(where=("kind", "none")) == []
        assert await store.query(uuid.uuid4().hex) == []

    run(work)


def test_what_has_expired_is_gone(store: Store, part: str, clock: Clock) -> None:
    async def work() -> None:
        await store.put(part, "a", {"state": "new"}, ttl_s=60)
        clock.ahead = 61
        assert await store.get(part, "a") is None
        assert await store.query(part) == []
        assert await store.update(part, "a", {"x": 1}, where=("state", ("new",))) is None
        assert await store.put(part, "a", {"state": "again"}, ttl_s=60, absent=True)
        assert await store.get(part, "a") == {"state": "again"}

    run(work)


def test_what_is_kept_ends_by_itself(moto_table: str, aws: None, part: str) -> None:
    """DynamoDB's time to live: a day for sessions and idempotency keys, a week for runs and their events."""
    from api_handler.runs import IDEMPOTENCY_TTL_S, RUN_TTL_S
    from api_handler.sessions import TTL_S, Sessions

    store = DynamoStore(CLIENTS, moto_table)

    async def work() -> None:
        sessions = Sessions(store)
        await sessions.open(part, "key#a")
        await sessions.append(part, "key#a", [{"role": "user", "content": [{"text": "x"}]}])

    run(work)
    client = CLIENTS.get("dynamodb")
    for partition in (f"session#{part}", f"turns-of#{part}"):
        (item,) = client.query(
            TableName=moto_table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
        )["Items"]
        assert abs(int(item["expires_at"]["N"]) - time.time() - 86_400) < 60
    assert (TTL_S, IDEMPOTENCY_TTL_S, RUN_TTL_S) == (86_400, 86_400, 7 * 86_400)
