"""The time of a request, when the platform stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace

import pytest

from api_handler.budget import Budget
from api_handler.limits import Limits


def test_what_is_over_already_does_not_keep_the_rest_from_ending() -> None:
    async def main() -> None:
        budget = Budget(replace(Limits(), seconds=30.0, usd=1.0))
        ended: list[str] = []

        async def slow_to_leave() -> None:
            async with budget.within(0.01):
                try:
                    await asyncio.sleep(30)
                finally:
                    # Its time is up, and it is not out yet.
                    leaving.set()
                    await asyncio.sleep(0.05)

        async def long() -> None:
            async with budget.within(30):
                await asyncio.sleep(30)

        async def timed_out(name: str, work: Coroutine[None, None, None]) -> None:
            with pytest.raises(TimeoutError):
                await work
            ended.append(name)

        leaving = asyncio.Event()
        tasks = [
            asyncio.ensure_future(timed_out("long", long())),
            asyncio.ensure_future(timed_out("over", slow_to_leave())),
        ]
        await leaving.wait()
        budget.end_now()
        async with asyncio.timeout(3):
            await asyncio.gather(*tasks)
        assert ended == ["long", "over"]

    asyncio.run(main())
