"""The time of a request: what is left of it, and when the platform stops."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine
from dataclasses import replace

import pytest

from api_handler import budget as budget_module
from api_handler.budget import Budget
from api_handler.limits import Limits
from tests.timing import PATIENCE_S


@pytest.mark.parametrize(
    ("deadline", "ends_at"),
    [
        (None, 130.0),
        # The platform's end, less half a second for the answer.
        (1010.0, 109.5),
        (1030.4, 129.9),
        # The limit is the earlier one.
        (1031.0, 130.0),
        (999.0, 98.5),
    ],
)
def test_the_work_ends_before_the_platform_s_deadline(
    monkeypatch: pytest.MonkeyPatch, deadline: float | None, ends_at: float
) -> None:
    clock = types.SimpleNamespace(time=lambda: 1000.0, monotonic=lambda: 100.0)
    monkeypatch.setattr(budget_module, "time", clock)
    budget = Budget(replace(Limits(), seconds=30.0, usd=1.0), deadline=deadline)
    assert budget.ends_at == pytest.approx(ends_at)
    assert budget.seconds_left() == pytest.approx(max(0.0, ends_at - 100.0))


def test_what_is_over_already_does_not_keep_the_rest_from_ending() -> None:
    async def main() -> None:
        budget = Budget(replace(Limits(), seconds=30.0, usd=1.0))
        ended: list[str] = []

        async def slow_to_leave() -> None:
            async with budget.within(0.01):
                try:
                    await asyncio.sleep(30)
                finally:
                    # Its time is up, and it is not out before the other one is.
                    leaving.set()
                    await long_ended.wait()

        async def long() -> None:
            try:
                async with budget.within(30):
                    await asyncio.sleep(30)
            finally:
                long_ended.set()

        async def timed_out(name: str, work: Coroutine[None, None, None]) -> None:
            with pytest.raises(TimeoutError):
                await work
            ended.append(name)

        leaving, long_ended = asyncio.Event(), asyncio.Event()
        tasks = [
            asyncio.ensure_future(timed_out("long", long())),
            asyncio.ensure_future(timed_out("over", slow_to_leave())),
        ]
        await leaving.wait()
        budget.end_now()
        async with asyncio.timeout(PATIENCE_S / 2):
            await asyncio.gather(*tasks)
        assert ended == ["long", "over"]

    asyncio.run(main())
