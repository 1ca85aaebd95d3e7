"""What one request may still use: time and money shared by its agents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from api_handler.limits import Limits
from api_handler.model import ModelCall, Usage, estimate_tokens
from api_handler.prices import price_of

DEADLINE_MARGIN_S = 0.5


class LimitReached(Exception):
    """A ceiling ends the work.

    Args:
        reason: ``turns``, ``seconds``, ``output_tokens`` or ``usd``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Budget:
    """Time and money of one request.

    Money is set aside before a call, at the most it can cost, and settled after
    it: agents side by side cannot spend the same dollar twice.

    Args:
        limits: ceilings of the request, complete.
        deadline: epoch seconds at which the platform ends the request, or None.
        spend: told about every cost; returns what is left of the day, or None without such a cap.
        day_left: US dollars left of the day at the start, or None.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        deadline: float | None = None,
        spend: Callable[[float], Awaitable[float | None]] | None = None,
        day_left: float | None = None,
    ) -> None:
        assert limits.seconds is not None
        assert limits.usd is not None
        seconds = limits.seconds
        if deadline is not None:
            seconds = min(seconds, deadline - DEADLINE_MARGIN_S - time.time())
        self.ends_at = time.monotonic() + seconds
        self._scopes: set[asyncio.Timeout] = set()
        self._left = limits.usd
        self._day_left = day_left
        self._reserved = 0.0
        self._spend = spend
        self.usage = Usage()

    def seconds_left(self) -> float:
        """Seconds of wall time left, 0 at least."""
        return max(0.0, self.ends_at - time.monotonic())

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncGenerator[None]:
        """Do something within so many seconds and the time that is left; raises TimeoutError."""
        async with asyncio.timeout(min(seconds, self.seconds_left())) as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)

    def end_now(self) -> None:
        """The platform stops: what is in work ends as at its limit of seconds, with what there is."""
        self.ends_at = time.monotonic()
        for scope in self._scopes:
            # One whose time was up by itself is on its way out already, and cannot be moved.
            if not scope.expired():
                scope.reschedule(self.ends_at)

    def fit(self, call: ModelCall, own_left: float | None = None) -> tuple[int, float, bool]:
        """How many output tokens of a call the money allows.

        Args:
            call: the call.
            own_left: US dollars the one agent may still spend, or None.

        Returns:
            The tokens, the money set aside, and whether money was what bound them.

        Raises:
            LimitReached: not even one token is paid for, or the time is over.
        """
        if self.seconds_left() <= 0:
            raise LimitReached("seconds")
        price = price_of(call.model)
        left = self._left if self._day_left is None else min(self._left, self._day_left)
        left -= self._reserved
        if own_left is not None:
            left = min(left, own_left)
        reading = price.usd(input_tokens=estimate_tokens(call), output_tokens=0)
        token = price.usd(input_tokens=0, output_tokens=1)
        tokens, bound = call.max_tokens, False
        if reading + tokens * token > left:
            tokens, bound = int((left - reading) / token) if token else 0, True
            if tokens < 1:
                raise LimitReached("usd")
        aside = reading + tokens * token
        self._reserved += aside
        return tokens, aside, bound

    async def settle(self, aside: float, usage: Usage) -> None:
        """Take the cost of a finished call out of the money, and give the rest set aside back."""
        self._reserved -= aside
        self._left -= usage.usd
        if self._day_left is not None:
            self._day_left -= usage.usd
        self.usage.add(usage)
        if self._spend is not None and usage.usd > 0:
            left = await self._spend(usage.usd)
            if left is not None and self._day_left is not None:
                self._day_left = min(self._day_left, left)
