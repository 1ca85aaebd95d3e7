"""Ceilings of requests, keys and the public chat: their shapes, and their counting in the store."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api_handler.configtext import positive, strict_json, unknown_keys, whole
from api_handler.errors import too_many

if TYPE_CHECKING:
    from api_handler.store import Store

DEFAULT_TURNS = 8
DEFAULT_SECONDS = 120.0
DEFAULT_OUTPUT_TOKENS = 2048
DEFAULT_USD = 0.50


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Ceilings of one request; None: not stated.

    Attributes:
        turns: calls of the model an agent may make.
        seconds: wall time of the whole request.
        output_tokens: tokens an agent may produce.
        usd: US dollars the whole request may cost.
    """

    turns: int | None = None
    seconds: float | None = None
    output_tokens: int | None = None
    usd: float | None = None

    def within(self, ceiling: Limits) -> Limits:
        """These limits, held to a ceiling, with the defaults for what neither states."""
        return Limits(
            turns=_lower(self.turns, ceiling.turns, DEFAULT_TURNS),
            seconds=_lower(self.seconds, ceiling.seconds, DEFAULT_SECONDS),
            output_tokens=_lower(self.output_tokens, ceiling.output_tokens, DEFAULT_OUTPUT_TOKENS),
            usd=_lower(self.usd, ceiling.usd, DEFAULT_USD),
        )


def _lower(own: Any, ceiling: Any, default: Any) -> Any:
    stated = [value for value in (own, ceiling) if value is not None]
    return min(stated) if stated else default


def limits_from(values: Any) -> Limits:
    """Limits from a parsed object ``{"turns","seconds","output_tokens","usd"}``.

    Raises:
        ValueError: with every problem.
    """
    if not isinstance(values, dict):
        raise ValueError("must be an object")
    problems = unknown_keys(values, ("turns", "seconds", "output_tokens", "usd"))
    for name, fits, what in (
        ("turns", lambda value: whole(value, 100), "a whole number from 1 to 100"),
        ("seconds", lambda value: positive(value, 86_400), "a number above 0, at most 86400"),
        ("output_tokens", lambda value: whole(value, 1_000_000), "a whole number from 1 to 1000000"),
        ("usd", positive, "a number above 0"),
    ):
        if name in values and not fits(values[name]):
            problems.append(f"{name}: must be {what}")
    if problems:
        raise ValueError("; ".join(problems))
    return Limits(**values)


def parse_limits(text: str) -> Limits:
    """Read ``LIMITS``; raises ValueError."""
    return limits_from(strict_json(text))


@dataclass(frozen=True, kw_only=True)
class PublicChat:
    """Caps of the chat without a key.

    Attributes:
        ip_rpm: requests per minute of one client address (an IPv6 /64 counts as one).
        session_turns: messages of one session.
        daily_usd: US dollars a day (UTC) of all public chats together.
        origins: pages that may use it; empty: the site itself.
    """

    ip_rpm: int = 10
    session_turns: int = 20
    daily_usd: float = 1.0
    origins: tuple[str, ...] = ()


def parse_public_chat(text: str) -> PublicChat:
    """Read ``PUBLIC_CHAT``; raises ValueError with every problem."""
    values = strict_json(text)
    if not isinstance(values, dict):
        raise ValueError("must be an object")
    problems = unknown_keys(values, ("ip_rpm", "session_turns", "daily_usd", "origins"))
    for name in ("ip_rpm", "session_turns"):
        if name in values and not whole(values[name], 1_000_000):
            problems.append(f"{name}: must be a whole number from 1")
    if "daily_usd" in values and not positive(values["daily_usd"]):
        problems.append("daily_usd: must be a number above 0")
    origins = values.get("origins", [])
    if not isinstance(origins, list) or not all(
        isinstance(origin, str) and _is_origin(origin) for origin in origins
    ):
        problems.append("origins: must be a list of origins such as https://www.example.com, without a path")
    if problems:
        raise ValueError("; ".join(problems))
    return PublicChat(**{**values, "origins": tuple(origins)})


def _is_origin(text: str) -> bool:
    scheme, separator, host = text.partition("://")
    plain = host.isascii() and host.isprintable() and host == host.lower()
    return (
        scheme in ("http", "https") and bool(separator and host) and plain and not set(host) & set("/?#@ *")
    )


class Meter:
    """Counts requests and money in the store, so that all copies of the API share the counts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def request(self, subject: str, per_minute: int) -> None:
        """Count a request of ``subject`` against a sliding minute.

        The minute before counts by the share of it that still lies within the
        last sixty seconds, so that no burst passes at the turn of a minute.

        Raises:
            ApiError: 429.
        """
        now = time.time()
        minute, passed = divmod(now, 60.0)
        name = f"rate#{subject}"
        before = await self._store.get(name, f"{int(minute) - 1:012d}")
        weight = float((before or {}).get("n", 0)) * (1.0 - passed / 60.0)
        room = int(per_minute - weight)
        counted = None
        if room >= 1:
            counted = await self._store.add(
                name, f"{int(minute):012d}", {"n": 1}, ttl_s=180, below=("n", room)
            )
        if counted is None:
            raise too_many("rate_limited", f"More than {per_minute} requests in a minute.", 60.0 - passed)

    async def turn(self, session: str, allowed: int) -> None:
        """Count a message of a public session; raises 429 above ``allowed``."""
        if (
            await self._store.add(f"turns#{session}", "n", {"n": 1}, ttl_s=86_400, below=("n", allowed))
            is None
        ):
            raise too_many("session_turns_reached", f"This session has had its {allowed} messages.", 86_400)

    async def left(self, subject: str, daily_usd: float) -> float:
        """US dollars ``subject`` may still spend today.

        Raises:
            ApiError: 429 with the seconds to midnight UTC when there are none.
        """
        now = time.time()
        item = await self._store.get(f"spent#{subject}", _day(now))
        left = daily_usd - float((item or {}).get("nano", 0)) / 1e9
        if left <= 0:
            message = f"The daily budget of {daily_usd:g} US dollars is spent."
            raise too_many("daily_budget_reached", message, 86_400 - now % 86_400)
        return left

    async def spend(self, subject: str, usd: float) -> float:
        """Count money; returns what was spent today, this included."""
        # Whole billionths of a dollar: integers add up exactly in every store.
        nano = math.ceil(usd * 1e9)
        item = await self._store.add(f"spent#{subject}", _day(time.time()), {"nano": nano}, ttl_s=172_800)
        return float((item or {}).get("nano", 0)) / 1e9


def _day(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))
